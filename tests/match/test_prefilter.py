from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from guardproxy.match.charset import DIGITS, CharSet
from guardproxy.match.extents import ANY, Clue, Extent
from guardproxy.match.prefilter import Prefilter, Requirement
from guardproxy.match.runs import Run
from guardproxy.match.spelling import AS_WRITTEN, FOLDED
from guardproxy.match.words import AS_WORDS, spelled

texts = st.text("abBé-", max_size=30)
literals = st.frozensets(st.text("abé-", min_size=1, max_size=3), min_size=1, max_size=3)
words = st.frozensets(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=3)


def clue(strings: Iterable[str], reach: int) -> Clue:
    return Clue(frozenset(strings), Extent(0, reach, ANY), Extent(0, reach, ANY))


@st.composite
def requirement(draw: DrawFn) -> Requirement:
    longest, spelling = draw(st.integers(3, 8)), draw(st.sampled_from([AS_WRITTEN, FOLDED, AS_WORDS]))
    if spelling is AS_WORDS:
        return Requirement([clue(draw(words), longest)], AS_WORDS, longest)
    strings = [clue(draw(literals), longest)]
    return Requirement(
        strings, spelling, longest, tokens=draw(st.sampled_from([0, 0, 11])), inside=draw(st.sampled_from([0, 11]))
    )


requirements = st.lists(requirement(), max_size=4)


def _holds(requirement: Requirement, text: str) -> bool:
    written = {AS_WRITTEN: text, FOLDED: text.lower(), AS_WORDS: spelled(text).decode()}[requirement.spelling]
    return any(literal in written for literal in requirement.groups[0].strings)


@given(requirements, texts)
def test_it_finds_the_literals_that_are_there(wanted: list[Requirement], text: str) -> None:
    wanted = [one._replace(tokens=0) for one in wanted]
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
                if not requirement.tokens and _holds(requirement, text[start:end]):
                    assert any(begin <= start and min(end + 1, len(text)) <= stop for begin, stop in windows)


@given(requirements, texts)
def test_windows_are_disjoint_and_in_order(wanted: list[Requirement], text: str) -> None:
    windows = Prefilter(wanted).windows(text)
    assert all(0 <= begin < end <= len(text) for begin, end in windows)
    assert all(a[1] < b[0] for a, b in pairwise(windows))


PIECES = ["key_", "KEY_", "a" * 8, "-9", "ab" * 9, " ", "é", ".", "7", "03 4-5 67 89", "x" * 170]
rows = st.lists(st.sampled_from(PIECES), max_size=9).map("".join)


@st.composite
def with_rows(draw: DrawFn) -> Requirement:
    counts = draw(st.sampled_from([(0, 0, 0), (1, 0, 0), (7, 7, 0), (2, 1, 0), (0, 0, 12), (0, 0, 26)]))
    digits, packed, tokens = counts
    longest = draw(st.integers(12, 30) | st.just(200))
    spelling = draw(st.sampled_from([AS_WRITTEN, FOLDED]))
    return Requirement(
        [clue(["key_"], longest)],
        spelling,
        longest,
        digits=digits,
        packed=packed,
        tokens=tokens,
        inside=draw(st.sampled_from([0, tokens // 2, tokens])),
        stretch=draw(st.sampled_from([0, tokens, 24])),
    )


def _counts(one: Requirement, match: str) -> bool:
    packed = re.findall("[0-9]+", re.sub("[ ./()-]", "", match))
    rows = re.findall(r"[\w-]+", match, re.ASCII)
    places = [row for row in rows if len(row) >= one.inside] if one.inside else [match]
    return (
        sum(char.isdigit() for char in match) >= one.digits
        and max(map(len, packed), default=0) >= one.packed
        and max(map(len, rows), default=0) >= one.tokens
        and max(map(len, match.split()), default=0) >= one.stretch
        and any("key_" in (place if one.spelling is AS_WRITTEN else place.lower()) for place in places)
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(with_rows(), min_size=1, max_size=3), rows, st.data())
def test_strings_are_found_near_what_is_rare(wanted: list[Requirement], text: str, data: st.DataObject) -> None:
    windows = Prefilter(wanted).windows(text)
    assert bool(windows) == Prefilter(wanted).may_match(text)
    for one in wanted:
        for start in range(len(text)):
            for end in {min(start + length, len(text)) for length in (one.longest, data.draw(st.integers(1, 30)))}:
                if end - start <= one.longest and _counts(one, text[start:end]):
                    assert any(begin <= start and min(end + 1, len(text)) <= stop for begin, stop in windows)


def test_a_text_without_long_rows_is_not_searched_for_strings_that_come_with_them() -> None:
    beside = Prefilter([Requirement([clue(["key"], 80)], FOLDED, 80, tokens=20)])
    assert not beside.may_match("the KEY of the-door-of my-house")
    assert beside.may_match("the KEY is " + "x1" * 10)
    names = ["key", *(f"name{number}" for number in range(20))]  # a few would be looked for everywhere
    inside = Prefilter([Requirement([clue(names, 80)], FOLDED, 80, tokens=20, inside=20)])
    assert not inside.may_match("the KEY is " + "x1" * 10)
    assert inside.may_match("the KEY" + "x1" * 10)


def test_far_from_what_is_rare_no_string_is_looked_for() -> None:
    number = Requirement([clue(["no"], 40)], AS_WRITTEN, 40, digits=7, packed=7)
    assert Prefilter([number]).windows("no." + "." * 300 + "555 1234") == []
    assert Prefilter([number]).windows("no 555 1234") == [(0, 11)]


def test_a_run_and_a_string_make_two_windows() -> None:
    run = Run(DIGITS, 6, CharSet.single("-"), 2, 1)
    prefilter = Prefilter([Requirement((), AS_WRITTEN, 10, run=run), Requirement([clue(["@"], 3)], AS_WRITTEN, 3)])
    assert not prefilter.may_match("in 2024, 123456 times")
    assert prefilter.windows("born 12-10-1999" + "." * 20 + "a@b" + "." * 9) == [(1, 20), (34, 40)]


def test_a_pattern_without_literals_makes_the_whole_text_a_window() -> None:
    prefilter = Prefilter([Requirement([], AS_WRITTEN, 5), Requirement([clue(["x"], 5)], FOLDED, 5)])
    assert prefilter.may_match("anything")
    assert prefilter.windows("anything") == [(0, 8)]


def test_without_patterns_nothing_is_looked_at() -> None:
    assert not Prefilter([]).may_match("anything")
    assert Prefilter([]).windows("anything") == []


def test_a_text_full_of_literals_is_one_window() -> None:
    prefilter = Prefilter(
        [Requirement([clue(["--"], 10)], AS_WRITTEN, 10), Requirement([clue(["x"], 3)], AS_WRITTEN, 3)]
    )
    assert prefilter.windows("-" * 1000) == [(0, 1000)]
    assert prefilter.windows("-" * 12 + "." * 84 + "x" + "." * 20) == [(0, 21), (94, 100)]


def test_phrases_and_literals_are_looked_for_together() -> None:
    phrases = [clue(["rules"], 12), clue(["forget"], 12)]
    prefilter = Prefilter(
        [
            Requirement(phrases, AS_WORDS, 12, marks=frozenset(["!"])),
            Requirement([clue(["<|"], 4)], FOLDED, 4),
        ]
    )
    assert prefilter.windows("forget rules!" + " " * 20 + "<|im") == [
        (0, 14),
        (31, 37),
    ]  # the second ends with the text
    assert prefilter.windows("forget rules.") == []
    assert not prefilter.may_match("forget rules.")


def test_phrases_are_looked_for_near_what_is_rare() -> None:
    born = Requirement([clue([" born "], 20)], AS_WORDS, 20, digits=6, packed=6)
    prefilter = Prefilter([born])
    assert not prefilter.may_match("born in the year 19")
    text = "x" * 300 + " born 20-11-26"
    ((first, last),) = prefilter.windows(text)
    assert first <= 300 and last == len(text)
