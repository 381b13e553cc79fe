"""What tag characters and variation selectors spell, and where it was written."""

from __future__ import annotations

import string

from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.hidden_text import (
    MOST_BETWEEN,
    hidden_runs_in_steps,
    hidden_strings,
    hidden_texts,
    is_hiding,
    reveal_onto,
)
from guardproxy.match.scanner import Span
from guardproxy.match.signs import signs_in
from guardproxy.match.view import SourceMap, view
from tests.match.disguises import hidden_in
from tests.match.long_texts import long_texts
from tests.match.oracle import cuts

PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


def in_tags(text: str) -> str:
    return "".join(chr(0xE0000 + ord(char)) for char in text)


def in_selectors(text: str) -> str:
    """Each byte as a variation selector."""
    return "".join(chr((0xFE00 if byte < 16 else 0xE0100 - 16) + byte) for byte in text.encode())


def spelled(text: str) -> str:
    """All that is hidden in a text."""
    return "".join(hidden.text for hidden in hidden_texts(text))


def test_tags_spell_ascii() -> None:
    assert spelled(f"Hello{in_tags(PRINTABLE)} world") == PRINTABLE


def test_variation_selectors_spell_bytes() -> None:
    assert spelled(f"😀{in_selectors(PRINTABLE)}") == PRINTABLE
    assert spelled(f"😀{in_selectors('one two')}\n") == "one two"
    assert spelled(in_selectors("\t\n\r")) == "\t\n\r"


def test_ordinary_text_hides_nothing() -> None:
    assert spelled(string.printable) == ""
    assert spelled("❤️ 1️⃣ é e\u0301 नमस्ते привет 漢字 \U000e007f\u200b") == ""
    assert spelled("") == ""


def test_what_is_hidden_is_found_where_it_was_written() -> None:
    text = f"é say {in_tags('ign')}, {in_tags('ore all')}!"
    (hidden,) = hidden_texts(text)
    assert hidden.text == "ignore all"
    assert hidden.spans([Span(0, 6, "rule")]) == [Span(6, 14, "rule")]
    assert hidden.spans([Span(7, 10, "rule")]) == [Span(15, 18, "rule")]


def test_the_folded_view_shows_none_of_it() -> None:
    assert view(f"AK{in_tags('x')}{in_selectors('y')}IA").text == "AKIA"


def test_many_other_characters_end_a_hidden_text() -> None:
    near, far = "é" * MOST_BETWEEN, "é" * (MOST_BETWEEN + 1)
    text = f"x{in_tags('ab')}{near}{in_selectors('c')}{far}{in_tags('d')}"
    first, second = hidden_texts(text)
    assert (first.text, second.text) == ("abc", "d")
    assert first.spans([Span(0, 3, "rule")]) == [Span(1, 4 + len(near), "rule")]
    assert second.spans([Span(0, 1, "rule")]) == [Span(len(text) - 1, len(text), "rule")]


_PARTS = ["a", "é", "\u200b", in_tags("b"), in_selectors("c"), in_tags("de"), "x" * 9]


@given(st.lists(st.sampled_from(_PARTS)))
def test_each_character_is_told_where_it_was_written(parts: list[str]) -> None:
    text = "".join(parts)
    every = [(hidden.text, _places(hidden.source, len(hidden.text))) for hidden in hidden_texts(text)]
    assert hidden_in(text, MOST_BETWEEN) == every


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.lists(st.sampled_from(_PARTS)).map("".join), long_texts()))
def test_what_is_hidden_is_told_alike_with_and_without_its_places(text: str) -> None:
    strings = [hidden.text for hidden in hidden_texts(text)]
    assert strings == hidden_strings(text)
    assert bool(strings) == is_hiding(text) == is_hiding(text, signs_in(text))


@given(st.lists(st.sampled_from(_PARTS)), st.integers(1, 9))
def test_a_long_text_is_looked_at_piece_by_piece(parts: list[str], size: int) -> None:
    text = "".join(parts)
    steps = hidden_runs_in_steps(text, size)
    stops = 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            runs = end.value
            break
        stops += 1
    told = [(hidden.text, _places(hidden.source, len(hidden.text))) for hidden in hidden_texts(text, runs)]
    assert hidden_in(text, MOST_BETWEEN) == told
    assert stops == (0 if text.isascii() or len(text) <= size else -(-len(text) // size))


@given(st.lists(st.sampled_from(_PARTS)), st.data())
def test_what_is_hidden_does_not_depend_on_the_cuts(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    source, whole = SourceMap(), SourceMap()
    pieces = [reveal_onto(source, piece) for piece in data.draw(cuts(text))]
    assert reveal_onto(whole, text) == "".join(pieces)
    assert _places(whole, whole.read) == _places(source, source.read)
    assert (len(text), whole.read) == (source.written, source.read)


def _places(source: SourceMap, length: int) -> list[int]:
    places = [source.source_start(offset) for offset in range(length)]
    assert [at + 1 for at in places] == [source.source_end(offset + 1) for offset in range(length)]
    return places
