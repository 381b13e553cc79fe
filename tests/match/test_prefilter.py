from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.match.charset import DIGITS, CharSet
from guardproxy.match.literals import AS_WRITTEN, FOLDED
from guardproxy.match.prefilter import Prefilter, Requirement
from guardproxy.match.runs import Run
from guardproxy.match.words import AS_WORDS, spelled

texts = st.text("abBé-", max_size=30)
literals = st.frozensets(st.text("abé-", min_size=1, max_size=3), min_size=1, max_size=3)
words = st.frozensets(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=3)
requirements = st.lists(
    st.builds(
        Requirement,
        st.tuples(literals) | st.tuples(literals, literals),
        st.sampled_from([AS_WRITTEN, FOLDED]),
        st.integers(3, 8),
        st.just(frozenset()),
        st.sampled_from([0, 0, 11]),
        st.booleans(),
        st.none(),
    )
    | st.builds(
        Requirement,
        st.tuples(words),
        st.just(AS_WORDS),
        st.integers(3, 8),
        st.just(frozenset()),
        st.just(0),
        st.just(False),
        st.none(),
    ),
    max_size=4,
)


def _holds(requirement: Requirement, text: str) -> bool:
    written = {AS_WRITTEN: text, FOLDED: text.lower(), AS_WORDS: spelled(text).decode()}[requirement.spelling]
    return any(literal in written for literal in requirement.groups[0])


@given(requirements, texts)
def test_it_finds_the_literals_that_are_there(wanted: list[Requirement], text: str) -> None:
    expected = any(_holds(requirement, text) for requirement in wanted)
    assert expected == Prefilter(wanted).may_match(text)
    assert expected == bool(Prefilter(wanted).windows(text))


@given(requirements, texts)
def test_windows_hold_whatever_contains_a_literal_and_the_character_behind_it(
    wanted: list[Requirement], text: str
) -> None:
    windows = Prefilter(wanted).windows(text)
    for requirement in wanted:
        for start in range(len(text)):
            for end in range(start + 1, min(start + requirement.longest, len(text)) + 1):
                if _holds(requirement, text[start:end]):
                    assert any(begin <= start and min(end + 1, len(text)) <= stop for begin, stop in windows)


@given(requirements, texts)
def test_windows_are_disjoint_and_in_order(wanted: list[Requirement], text: str) -> None:
    windows = Prefilter(wanted).windows(text)
    assert all(0 <= begin < end <= len(text) for begin, end in windows)
    assert all(a[1] < b[0] for a, b in pairwise(windows))


rows = st.lists(st.sampled_from(["key_", "KEY_", "a" * 8, "-9", "ab" * 9, " ", "é", "."]), max_size=9).map("".join)
with_rows = st.builds(
    Requirement,
    st.just([frozenset(["key_"])]),
    st.sampled_from([AS_WRITTEN, FOLDED]),
    st.integers(12, 30),
    st.just(frozenset()),
    st.integers(10, 26),
    st.booleans(),
    st.none(),
)


@given(st.lists(with_rows, min_size=1, max_size=3), rows)
def test_what_stands_in_or_beside_a_row_of_token_characters_is_found_there(
    wanted: list[Requirement], text: str
) -> None:
    windows = Prefilter(wanted).windows(text)
    assert bool(windows) == Prefilter(wanted).may_match(text)
    for one in wanted:
        for start in range(len(text)):
            for end in range(start + 1, min(start + one.longest, len(text)) + 1):
                match = text[start:end] if one.spelling is AS_WRITTEN else text[start:end].lower()
                long_rows = re.findall(rf"[\w-]{{{one.tokens},}}", match, re.ASCII)
                if long_rows and any("key_" in place for place in (long_rows if one.inside else [match])):
                    assert any(begin <= start and min(end + 1, len(text)) <= stop for begin, stop in windows)


def test_a_text_without_long_rows_is_not_searched_for_strings_that_come_with_them() -> None:
    beside = Prefilter([Requirement([frozenset(["key"])], FOLDED, 80, tokens=20)])
    assert not beside.may_match("the KEY of the-door-of my-house")
    assert beside.may_match("the KEY is " + "x1" * 10)
    inside = Prefilter([Requirement([frozenset(["key"])], FOLDED, 80, tokens=20, inside=True)])
    assert not inside.may_match("the KEY is " + "x1" * 10)
    assert inside.may_match("the KEY" + "x1" * 10)


def test_a_run_and_a_string_make_two_windows() -> None:
    run = Run(DIGITS, 6, CharSet.single("-"), 2, 1)
    prefilter = Prefilter([Requirement((), AS_WRITTEN, 10, run=run), Requirement([frozenset(["@"])], AS_WRITTEN, 3)])
    assert not prefilter.may_match("in 2024, 123456 times")
    assert prefilter.windows("born 12-10-1999" + "." * 20 + "a@b" + "." * 9) == [(1, 20), (34, 40)]


def test_a_pattern_without_literals_makes_the_whole_text_a_window() -> None:
    prefilter = Prefilter([Requirement([], AS_WRITTEN, 5), Requirement([frozenset(["x"])], FOLDED, 5)])
    assert prefilter.may_match("anything")
    assert prefilter.windows("anything") == [(0, 8)]


def test_without_patterns_nothing_is_looked_at() -> None:
    assert not Prefilter([]).may_match("anything")
    assert Prefilter([]).windows("anything") == []


def test_a_text_full_of_literals_is_one_window() -> None:
    prefilter = Prefilter(
        [Requirement([frozenset(["--"])], AS_WRITTEN, 10), Requirement([frozenset(["x"])], AS_WRITTEN, 3)]
    )
    assert prefilter.windows("-" * 1000) == [(0, 1000)]
    assert prefilter.windows("-" * 12 + "." * 84 + "x" + "." * 20) == [(0, 21), (94, 100)]


def test_phrases_and_literals_are_looked_for_together() -> None:
    prefilter = Prefilter(
        [
            Requirement([frozenset(["rules"]), frozenset(["forget"])], AS_WORDS, 12, frozenset(["!"])),
            Requirement([frozenset(["<|"])], FOLDED, 4),
        ]
    )
    assert prefilter.windows("forget rules!" + " " * 20 + "<|im") == [
        (0, 14),
        (31, 37),
    ]  # the second ends with the text
    assert prefilter.windows("forget rules.") == []
    assert not prefilter.may_match("forget rules.")
