from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.match.charset import (
    _LAST_CASED,
    DIGITS,
    LAST_CODE_POINT,
    NOT_NEWLINE,
    SPACE,
    WORD,
    CharClasses,
    CharSet,
)

EVERY_CHARACTER = [chr(code) for code in range(sys.maxunicode + 1)]
charsets = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=6).map(
    lambda pairs: CharSet.of((first, first + more) for first, more in pairs)
)
codes = st.integers(0, 80).map(chr)


def test_the_named_sets_hold_what_their_names_say() -> None:
    assert "".join(DIGITS.characters()) == "0123456789"
    assert {c for c in EVERY_CHARACTER[:128] if c.isalnum() or c == "_"} == set(WORD.characters())
    assert {c for c in EVERY_CHARACTER if c.isspace()} == set(SPACE.characters())
    assert len(EVERY_CHARACTER) - 1 == len(NOT_NEWLINE)


@given(charsets, charsets, codes)
def test_sets_combine_like_sets(one: CharSet, other: CharSet, char: str) -> None:
    assert (char in one or char in other) == (char in one | other)
    assert (char in one and char in other) == (char in one & other)
    assert (char not in one) == (char in ~one)
    assert one == ~~one
    assert len(one) == len(list(one.characters()))
    assert bool(one) == (len(one) > 0)


def test_touching_intervals_become_one() -> None:
    assert CharSet(((1, 9),)) == CharSet.of([(5, 9), (1, 3), (4, 4)])
    assert CharSet(((0, LAST_CODE_POINT),)) == ~CharSet(())


def test_a_letter_brings_its_other_case_where_that_is_one_character() -> None:
    assert set("kK") == set(CharSet.single("k").with_cases().characters())
    assert {"\u212a", "k"} == set(CharSet.single("\u212a").with_cases().characters())
    assert {"ß"} == set(CharSet.single("ß").with_cases().characters())
    assert set("-") == set(CharSet.single("-").with_cases().characters())
    assert "K" in CharSet.of([(0x61, LAST_CODE_POINT)]).with_cases()


def test_no_character_behind_the_searched_planes_has_a_case() -> None:
    assert not [c for c in EVERY_CHARACTER[_LAST_CASED + 1 :] if c.lower() != c or c.upper() != c]


@given(st.lists(charsets, max_size=5), codes)
def test_the_class_of_a_character_knows_its_sets(sets: list[CharSet], char: str) -> None:
    classes = CharClasses(sets)
    members = classes.members[classes.class_of(char)]
    assert [char in s for s in sets] == [bool(members >> i & 1) for i in range(len(sets))]


@given(st.lists(charsets, max_size=5))
def test_there_are_no_two_classes_with_the_same_sets(sets: list[CharSet]) -> None:
    members = CharClasses(sets).members
    assert len(set(members)) == len(members)
