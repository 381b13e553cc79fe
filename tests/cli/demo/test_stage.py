"""What is printed can be read: narrow enough, coloured only where that works, and it counts what failed."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.cli.demo.stage import NARROWEST, WIDEST, Failure, Stage, Style


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(stage: Stage) -> str:
    stream = stage._stream
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


def all_kinds(stage: Stage, text: str) -> None:
    stage.title(text)
    stage.says(text)
    stage.quote(text, "note:")
    stage.pieces([text, text], "note:")
    stage.check(True, text)
    live = stage.live("note:")
    live.write(text)
    live.end()


@given(st.text("abc -{\n", min_size=1).filter(str.strip), st.integers(NARROWEST, WIDEST))
def test_no_line_is_wider_than_the_stage(text: str, width: int) -> None:
    stage = Stage(io.StringIO(), width=width)
    words = " ".join(word[: width - 10] for word in text.split())
    all_kinds(stage, words)
    assert max(map(len, printed(stage).splitlines())) <= width


@given(st.lists(st.text("ab ", max_size=12)))
def test_a_live_text_loses_nothing_but_blanks_at_line_ends(pieces: list[str]) -> None:
    stage = Stage(io.StringIO(), width=NARROWEST)
    live = stage.live("note:")
    for piece in pieces:
        live.write(piece)
    live.end()
    lines = [line.removeprefix("  │ ") for line in printed(stage).splitlines()[1:]]
    assert "".join(pieces).replace(" ", "") == "".join(lines).replace(" ", "")
    assert [line.rstrip() for line in lines] == lines


def test_every_piece_is_shown_between_bars() -> None:
    stage = Stage(io.StringIO())
    stage.pieces(["Of ", "course", "."], "sent:")
    assert printed(stage) == "  sent:\n  │ Of ¦course¦.\n"


def test_lines_of_pieces_break_at_a_cut() -> None:
    stage = Stage(io.StringIO(), width=NARROWEST)
    stage.pieces(["x" * 20, "y" * 20], "sent:")
    assert printed(stage).splitlines()[1:] == [f"  │ {'x' * 20}¦", f"  │ {'y' * 20}"]


def test_code_is_never_broken() -> None:
    stage = Stage(io.StringIO(), width=NARROWEST)
    stage.code("x" * 200)
    assert printed(stage) == f"    {'x' * 200}\n"


def test_what_came_over_the_wire_cannot_act_on_the_terminal() -> None:
    stage = Stage(io.StringIO())
    stage.quote("red \x1b[31m text")
    stage.pieces(["\x1b]0;title\x07"], "sent:")
    stage.live("note:").write("\x1b[2J")
    assert "\x1b" not in printed(stage)
    assert "\x07" not in printed(stage)


def test_colour_is_for_terminals_only() -> None:
    for stream, environ in (
        (io.StringIO(), {}),
        (Terminal(), {"NO_COLOR": "1"}),
        (Terminal(), {"TERM": "dumb"}),
    ):
        stage = Stage.on(stream, environ)
        all_kinds(stage, "a [REDACTED:secrets.openai-key] b")
        stage.end()
        assert "\x1b" not in printed(stage)
    stage = Stage.on(Terminal(), {"TERM": "xterm"})
    stage.quote("a [REDACTED:secrets.openai-key] b")
    assert f"{Style.MARKED.value}[REDACTED:secrets.openai-key]\x1b[0m" in printed(stage)


def test_marks_are_ascii_where_the_output_knows_no_others() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", newline="\n")
    stage = Stage.on(stream, {})
    all_kinds(stage, "naïve → text")
    stage.check(False, "•••")
    stream.flush()
    shown = raw.getvalue().decode("ascii")
    assert "  x ***\n" in shown
    assert "na\\xefve -> text" in shown


def test_it_ends_well_if_every_check_did() -> None:
    stage = Stage(io.StringIO())
    stage.title("One")
    assert stage.check(True, "good")
    assert stage.end()
    assert printed(stage).endswith("✓ all 1 checks passed\n")


def test_it_names_the_scene_of_every_failed_check() -> None:
    stage = Stage(io.StringIO())
    stage.title("One")
    stage.check(True, "good")
    stage.title("Two")
    assert not stage.check(False, "it happened")
    assert not stage.end()
    assert [Failure("Two", "it happened")] == stage.failures
    assert printed(stage).endswith("✗ 1 of 2 checks failed:\n    Two: it happened\n")


def test_facts_stand_in_columns() -> None:
    stage = Stage(io.StringIO())
    stage.facts({"key": "a", "base_url": "b"})
    assert printed(stage) == "  key       a\n  base_url  b\n"
