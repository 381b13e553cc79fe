from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.stream import StreamGuard
from guardproxy.surfaces.repeats import Repeats
from tests.support.strategies import NOT_BLOCKING, Kit, kits, make_kit


def told(kit: Kit, pieces: list[str]) -> str:
    repeats, guard = Repeats(), OutputGuard(kit.policy())
    channel: StreamGuard | None = None
    out = ""
    for piece in pieces:
        if repeats.is_one("key", channel, piece):
            out += piece
        else:
            channel = channel or guard.open(())
            out += channel.feed(piece)
    return out + (channel.finish() if channel else "")


@given(kits(actions=NOT_BLOCKING), st.lists(st.sampled_from(["a", "ab", "ab", "bc", "1", "x"]), max_size=8))
def test_what_is_passed_over_holds_no_match_with_what_stands_around_it(kit: Kit, pieces: list[str]) -> None:
    assert kit.released("".join(pieces))[0] == told(kit, pieces)


def test_what_was_let_go_undecided_is_no_repetition_any_more() -> None:
    channel = OutputGuard(make_kit({"r": "aa"}).policy()).open(())
    repeats = Repeats()
    assert not repeats.is_one("key", None, "a")
    assert channel.feed("a") + channel.pause() == "a"
    repeats.forget("key")
    assert not repeats.is_one("key", channel, "a")
    assert channel.feed("a") == "[R]"
    repeats.forget("other")


def test_only_what_was_all_of_a_text_is_a_repetition_and_only_where_nothing_waits() -> None:
    channel = OutputGuard(make_kit({"r": "ab{1,3}c"}).policy()).open(())
    repeats = Repeats()
    assert not repeats.is_one("key", None, "x")
    channel.feed("x")
    assert repeats.is_one("key", channel, "x") and repeats.is_one("key", channel, "x")
    assert not repeats.is_one("key", channel, "y")
    channel.feed("y")
    assert not repeats.is_one("key", channel, "y") and not repeats.is_one("key", channel, "x")
    waiting = OutputGuard(make_kit({"r": "ab{1,3}c"}).policy()).open(())
    assert not repeats.is_one("other", None, "a")
    waiting.feed("a")
    assert not repeats.is_one("other", waiting, "a")
