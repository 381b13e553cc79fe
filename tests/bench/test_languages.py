"""The sentences of the bench are written as it says."""

from __future__ import annotations

import unicodedata

import pytest

from bench.languages import at_length, sentences


@pytest.mark.parametrize("kind", sentences())
def test_each_kind_is_told_apart_from_ascii_and_long_enough(kind: str) -> None:
    text = sentences()[kind]
    assert not text.isascii()
    assert len(text) > 100


def test_the_same_words_stand_with_letters_and_with_marks() -> None:
    composed, apart = sentences()["vietnamese"], sentences()["viet. marks"]
    assert unicodedata.normalize("NFC", apart) == composed != apart


@pytest.mark.parametrize("kind", sentences())
def test_a_length_is_one_in_bytes_and_no_character_is_cut(kind: str) -> None:
    for size in range(50, 60):
        raw = at_length(sentences()[kind], size).encode()
        assert size - 4 < len(raw) <= size
    assert len(at_length(sentences()[kind], 9_999).encode()) > 9_995
