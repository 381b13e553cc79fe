"""Whatever way a text is written in, a character of it is told where it stands in the file."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.compile import compile_rule
from guardproxy.policyfile.load import read_rule
from guardproxy.policyfile.yaml_nodes import YamlFile, parse_yaml

_HEAD = """id: local.one
title: t
detector: pattern
applies_to: [model]
severity: low
action: redact
examples: {match: [abc], pass: [xyz]}
"""
_TEXTS = st.lists(
    st.sampled_from(
        ["a", "b ", " c", "'", '"', "\\", "\\\\", "\t", "\n", "\n ", "\n\n", "é", "#", ": ", "\x07", "\U0001f600"]
    ),
    max_size=14,
).map("".join)


def place(file: YamlFile, text: str, offset: int) -> str:
    """What stands in `text` where the file says that the character is."""
    line, column = map(int, file.at(("k",), offset).split(":")[1:])
    return text.split("\n")[line - 1][column - 1 :]


@settings(max_examples=400)
@given(_TEXTS, st.sampled_from(["'", '"', "|", ">", None]), st.sampled_from([20, 1000]), st.data())
def test_a_mark_in_a_text_is_found_however_a_dumper_writes_it(
    text: str, style: Any, width: int, data: st.DataObject
) -> None:
    offset = data.draw(st.integers(0, len(text)))
    text = f"{text[:offset]}@{text[offset:]}"
    written = yaml.dump({"k": text}, default_style=style, width=width, allow_unicode=data.draw(st.booleans()))
    file = parse_yaml(written.encode(), "p.yaml")
    assert file.content == {"k": text}
    assert place(file, written, offset).startswith("@")


@pytest.mark.parametrize(
    "written",
    [
        '"a\\\\w\\t\\x41\\u00e9\\U0001F600@"',
        '"a\\\n    b @"',
        '"a\n\n    b @"',
        "'a''\n  b''@'",
        "a\n  b\n\n  @",
        "|\n  a\n\n   b @",
        "|2-  # so far in\n    a\n\n   b @",
        ">\n  a\n  b\n\n  c\n   d\n  @\n",
        ">1\n\n  a\n b\n\n\n c@\n",
        ">-\r\n  a\r\n  @\r\n",
        ">-\r  a\r  @\r",
        "|+\n  a\n  @\n\n",
        "|\n  a\n    \n  b@ # no comment\n\n# a comment\n",
    ],
)
def test_a_mark_in_a_text_is_found_however_a_hand_writes_it(written: str) -> None:
    whole = f"k:  {written}"
    file = parse_yaml(whole.encode(), "p.yaml")
    (text,) = file.content.values()  # type: ignore[attr-defined]
    assert place(file, whole.replace("\r\n", "\n").replace("\r", "\n"), text.index("@")).startswith("@")


def test_the_end_of_a_text_is_told_too() -> None:
    file = parse_yaml(b'a: "b\\n"\nc: |\n  d\n', "p.yaml")
    assert [file.at(("a",), 2), file.at(("c",), 1)] == ["p.yaml:1:8", "p.yaml:3:4"]


def test_where_readers_disagree_about_lines_the_beginning_is_told() -> None:
    assert parse_yaml('a: "b\u2028c"'.encode(), "p.yaml").at(("a",), 2) == "p.yaml:1:4"


def test_what_is_no_text_is_told_by_its_beginning() -> None:
    assert parse_yaml(b"a: [12]", "p.yaml").at(("a", 0), 1) == "p.yaml:1:5"


_MISTAKES = [("", "\\y"), ("\\w", "+@"), ("", "(?="), ("[", "z-a]"), ("", "^"), ("", "{,3}")]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(["a", "\\.", "\\\\", "[^\"']", '"', "''", " b ", "é", "c d", "\n", "\\x41", "\t"]), max_size=12
    ),
    st.sampled_from(_MISTAKES),
    st.sampled_from(["'", '"', "|", ">", None]),
)
def test_a_mistake_in_a_pattern_is_told_where_it_is_written(
    tmp_path_factory: pytest.TempPathFactory, before: list[str], mistake: tuple[str, str], style: Any
) -> None:
    pattern = f"x{''.join(before)}y{''.join(mistake)}"
    width = 10_000 if style == '"' else 30  # in double quotes a dumper breaks lines in the middle of a word
    option = yaml.dump({"pattern": pattern}, default_style=style, width=width, allow_unicode=True)
    written = f"{_HEAD}with:\n" + "".join(f"  {line}" for line in option.splitlines(keepends=True))
    path = tmp_path_factory.mktemp("rules") / "local" / "one.yaml"
    path.parent.mkdir()
    path.write_text(written, encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        compile_rule(read_rule(path)).detector()
    line, column = map(int, raised.value.message.removeprefix(f"{path}:").split(":")[:2])
    assert written.split("\n")[line - 1][column - 1 :].replace("\\\\", "\\").startswith(mistake[1])
