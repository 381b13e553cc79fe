from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.match.charset import CharSet
from guardproxy.match.spelling import AS_SHAPES, AS_WRITTEN, FOLDED, bits, commonness, fold, minimal, shape_bits, shaped

EVERY_CHARACTER = [chr(code) for code in range(sys.maxunicode + 1)]

few_characters = st.sets(st.sampled_from("aAbZ059-é１ \n"), min_size=1).map(
    lambda chars: CharSet.of((ord(char), ord(char)) for char in chars)
)


def test_folding_keeps_every_character_in_its_place() -> None:
    folded = [fold(char) for char in EVERY_CHARACTER]
    assert not [char for char, one in zip(EVERY_CHARACTER, folded, strict=True) if len(one) != 1]
    assert [char for char in EVERY_CHARACTER if len(char.lower()) != 1] == ["\u0130"]


@given(st.text(st.sampled_from("aAΑΣσς İiIıßẞ.'’ \u0307K")))
def test_folding_a_text_is_folding_its_characters(text: str) -> None:
    assert "".join(map(fold, text)) == fold(text)


@given(st.sets(st.text("ab", min_size=1, max_size=4)))
def test_dropping_longer_strings_finds_in_the_same_texts(strings: set[str]) -> None:
    kept = minimal(strings)
    assert kept <= strings
    assert all(any(short in string for short in kept) for string in strings)
    assert not [(a, b) for a in kept for b in kept if a != b and a in b]


@given(few_characters)
def test_a_set_is_spelled_as_its_characters_are_or_not_at_all(chars: CharSet) -> None:
    for spelling, function in ((AS_WRITTEN, str), (FOLDED, fold), (AS_SHAPES, shaped)):
        spelled = spelling.one(chars)
        assert spelled is None or spelled == {function(char) for char in chars.characters()}


def test_many_characters_have_few_shapes() -> None:
    assert AS_SHAPES.one(CharSet.of([(0x30, 0x39), (0x41, 0x5A)])) == frozenset("0a")
    assert AS_WRITTEN.one(CharSet.of([(0x30, 0x39)])) is None


@given(st.text("aZ09-é１? \n"))
def test_shapes_keep_every_character_in_its_place(text: str) -> None:
    assert len(shaped(text)) == len(text)
    assert "".join(map(shaped, text)) == shaped(text)


def test_letters_and_digits_are_alike_in_a_shape() -> None:
    assert shaped("Tel. 030-12 34, é١") == "aaa. 000-00 00, ??"


def test_rare_characters_tell_more_than_common_ones_and_digits_little() -> None:
    assert commonness("e") > commonness("k") > commonness("@")
    assert bits("@") > bits("k") > bits("7") > bits(" ")
    assert shape_bits(frozenset(["000-00"])) > shape_bits(frozenset(["00"])) > shape_bits(frozenset(["aa"]))
    assert shape_bits(frozenset(["000-00"])) > shape_bits(frozenset(["000-00", "000 00"]))


def test_folding_makes_no_caseless_character_out_of_another() -> None:
    folded = [(char, fold(char)) for char in EVERY_CHARACTER if fold(char) != char]
    assert not [char for char, one in folded if one.lower() == one.upper()]
