"""The signs a text is written with, against looking at each of its characters."""

from __future__ import annotations

from hypothesis import example, given, settings

from bench.languages import at_length, sentences
from guardproxy.match.lookalikes import fold
from guardproxy.match.signs import _NOT_PLAIN, PLAIN, signs_in
from tests.match.long_texts import long_texts

_KANA, _IDEOGRAPHS, _HANGUL = range(0x3040, 0x3100), range(0x3400, 0xA000), range(0xAC00, 0xD7A4)


@settings(max_examples=300, deadline=None)
@given(long_texts())
@example("")
@example("é" * 300 + "а" * 300)
@example("漢" * 300 + "，が\ud83d")
@example("".join(map(chr, range(0x80, 0x3000))))
def test_every_character_beyond_ascii_is_told_or_stood_for(text: str) -> None:
    signs = signs_in(text)
    beyond = {char for char in text if not char.isascii()}
    assert all(not sign.isascii() for sign in signs)
    assert not (missing := beyond - signs) or (PLAIN in signs and not any(map(_NOT_PLAIN.match, missing)))


def test_what_is_stood_for_is_matched_as_it_is_written() -> None:
    plain = [chr(code) for code in range(0x110000) if not _NOT_PLAIN.match(chr(code))]
    assert [char for char in plain if fold(char) != char] == []
    assert {*map(ord, plain)} <= {*_KANA, *_IDEOGRAPHS, *_HANGUL}
    assert not any(char.isspace() for char in plain)
    assert fold(PLAIN) == PLAIN


def test_a_text_in_one_language_has_few_signs() -> None:
    for name, text in sentences().items():
        assert len(signs_in(at_length(text, 10_000))) < 130, name


def test_ascii_has_none() -> None:
    assert signs_in("plain text\x00\x7f" * 99) == frozenset()
