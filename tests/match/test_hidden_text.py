"""What tag characters and variation selectors spell, and where it was written."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.match.hidden_text import hidden_text, reveal_onto
from guardproxy.match.scanner import Span
from guardproxy.match.view import SourceMap, view
from tests.match.oracle import cuts

PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


def in_tags(text: str) -> str:
    return "".join(chr(0xE0000 + ord(char)) for char in text)


def in_selectors(text: str) -> str:
    """Each byte as a variation selector."""
    return "".join(chr((0xFE00 if byte < 16 else 0xE0100 - 16) + byte) for byte in text.encode())


def test_tags_spell_ascii() -> None:
    assert hidden_text(f"Hello{in_tags(PRINTABLE)} world").text == PRINTABLE


def test_variation_selectors_spell_bytes() -> None:
    assert hidden_text(f"😀{in_selectors(PRINTABLE)}").text == PRINTABLE
    assert hidden_text(f"😀{in_selectors('one two')}\n").text == "one two"
    assert hidden_text(in_selectors("\t\n\r")).text == "\t\n\r"


def test_ordinary_text_hides_nothing() -> None:
    assert hidden_text(string.printable).text == ""
    assert hidden_text("❤️ 1️⃣ é e\u0301 नमस्ते привет 漢字 \U000e007f\u200b").text == ""
    assert hidden_text("").text == ""


def test_what_is_hidden_is_found_where_it_was_written() -> None:
    text = f"é say {in_tags('ign')}, {in_tags('ore all')}!"
    hidden = hidden_text(text)
    assert hidden.text == "ignore all"
    assert hidden.spans([Span(0, 6, "rule")]) == [Span(6, 14, "rule")]
    assert hidden.spans([Span(7, 10, "rule")]) == [Span(15, 18, "rule")]


def test_the_folded_view_shows_none_of_it() -> None:
    assert view(f"AK{in_tags('x')}{in_selectors('y')}IA").text == "AKIA"


@given(st.lists(st.sampled_from(["a", "é", "\u200b", in_tags("b"), in_selectors("c"), in_tags("de")])), st.data())
def test_what_is_hidden_does_not_depend_on_the_cuts(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    source = SourceMap()
    pieces = [reveal_onto(source, piece) for piece in data.draw(cuts(text))]
    whole = hidden_text(text)
    assert whole.text == "".join(pieces)
    where = [at for at, char in enumerate(text) if hidden_text(char).text]
    for offset, at in enumerate(where):
        assert (at, at + 1) == (source.source_start(offset), source.source_end(offset + 1))
        assert (at, at + 1) == (whole.source.source_start(offset), whole.source.source_end(offset + 1))
    assert (len(text), len(where)) == (source.written, source.read)
