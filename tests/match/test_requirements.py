from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from guardproxy.match.charset import CharSet
from guardproxy.match.class_syntax import parse_class
from guardproxy.match.prefilter import Prefilter, Requirement
from guardproxy.match.requirements import requirements_of
from guardproxy.match.spelling import AS_SHAPES, AS_WRITTEN, FOLDED
from guardproxy.match.syntax import parse_pattern
from guardproxy.match.tree import UNBOUNDED, Program, Repeat, Series, longest
from guardproxy.match.words import AS_WORDS
from tests.match.oracle import Sample, samples_and_text
from tests.match.zoo_of_numbers import number_patterns, number_texts

NOTHING = CharSet(())


def required(pattern: str, *, ignore_case: bool = False, not_before: str = "", not_after: str = "") -> Requirement:
    bars = [parse_class(body) if body else NOTHING for body in (not_before, not_after)]
    program = Program(parse_pattern(pattern, ignore_case=ignore_case), *bars)
    (only,) = requirements_of(program, ignore_case=ignore_case)
    return only


def prefilter_of(samples: Sequence[Sample]) -> Prefilter:
    found: list[Requirement] = []
    for sample in samples:
        pattern = sample.pattern
        bars = [parse_class(body) if body else NOTHING for body in (pattern.not_before, pattern.not_after)]
        program = Program(parse_pattern(pattern.core, ignore_case=pattern.ignore_case), *bars)
        found += requirements_of(program, ignore_case=pattern.ignore_case)
    return Prefilter(found)


def assert_in_windows(prefilter: Prefilter, text: str, matches: Sequence[tuple[int, int]]) -> None:
    """Each match lies in a window, with the character behind it, and all that share characters in the same one."""
    windows = prefilter.windows(text)
    assert all(a[1] < b[0] for a, b in pairwise(windows))
    for start, end in matches:
        assert any(begin <= start and min(end + 1, len(text)) <= stop for begin, stop in windows)
    assert not windows or prefilter.may_match(text)


@settings(max_examples=200, deadline=None)
@given(samples_and_text())
def test_every_match_lies_in_a_window(example: tuple[list[Sample], str]) -> None:
    samples, text = example
    matches: list[tuple[int, int]] = []
    for sample in samples:
        found = sorted(sample.matches(text))
        # What has no end is read on behind its window; the window is for its beginning.
        endless = longest(parse_pattern(sample.pattern.core)) == UNBOUNDED
        matches += {match[0]: match for match in reversed(found)}.values() if endless else found
    assert_in_windows(prefilter_of(samples), text, matches)


@settings(max_examples=300, deadline=None)
@given(st.lists(number_patterns(), min_size=1, max_size=3), number_texts())
def test_every_number_lies_in_a_window(patterns: list[str], text: str) -> None:
    text = text[:40]
    programs = [Program(parse_pattern(pattern), NOTHING, NOTHING) for pattern in patterns]
    prefilter = Prefilter([one for program in programs for one in requirements_of(program, ignore_case=False)])
    # Our \d is of ASCII, our \s is not; re.ASCII makes the same of the first, and no text here has other spaces.
    matches = [
        (start, end)
        for pattern in patterns
        for start in range(len(text))
        for end in range(start + 1, len(text) + 1)
        if re.compile(pattern, re.ASCII).fullmatch(text, start, end)
    ]
    assert_in_windows(prefilter, text, matches)


@st.composite
def cut_at_gaps(draw: DrawFn, text: str) -> str:
    """A part of the text that begins and ends with it, or next to a character that is no letter."""
    gaps = [0, *(at for at in range(1, len(text)) if not (text[at - 1].isalpha() and text[at].isalpha())), len(text)]
    start, end = sorted((draw(st.sampled_from(gaps)), draw(st.sampled_from(gaps))))
    return text[start:end]


@settings(max_examples=100, deadline=None)
@given(samples_and_text(), st.data())
def test_what_matches_in_a_part_cut_out_between_words_makes_the_whole_a_candidate(
    example: tuple[list[Sample], str], data: st.DataObject
) -> None:
    samples, text = example
    part = data.draw(cut_at_gaps(text))
    if any(sample.matches(part) for sample in samples):
        assert prefilter_of(samples).may_match(text)


def strings(one: Requirement) -> list[set[str]]:
    return [set(group.strings) for group in one.groups]


def test_strings_that_stand_in_a_long_row_are_looked_for_in_such_rows() -> None:
    one = required(r"(?:abc\.)?sk-[a-z0-9]{20,40}")
    assert (strings(one), one.tokens, one.inside, one.longest) == ([{"sk-"}], 23, 23, 47)


def test_strings_beside_a_long_row_are_looked_for_where_there_is_one() -> None:
    one = required(r"BEGIN KEY\n[a-z0-9]{20,40}")
    assert (one.tokens, one.inside, one.run) == (20, 0, None)


def test_a_string_in_a_long_row_is_also_found_beside_a_longer_one() -> None:
    one = required(r"client_secret=[a-z0-9]{32}")
    assert (strings(one), one.tokens, one.inside) == ([{"client_secret"}], 32, 13)
    assert Prefilter([one]).windows("client_secret=" + "a1" * 16) == [(0, 46)]


def test_what_stands_beside_a_row_is_looked_for_beside_it() -> None:
    one = required(r"deploy/srv-[a-z0-9]{20}\?key=[a-z]{5}")
    assert (strings(one), one.inside) == ([{"srv-"}], 24)
    assert Prefilter([one]).windows("at deploy/srv-" + "a1" * 10 + "?key=abcde.") == [(3, 45)]


def test_without_case_whole_words_are_looked_for_with_the_marks_next_to_them() -> None:
    one = required(r"<\|(?:user|system)\|>", ignore_case=True)
    assert (strings(one), one.spelling) == ([{" user ", " system "}], AS_WORDS)
    assert one.marks == {"<|"} or one.marks == {"|>"}


def test_what_bars_letters_around_a_match_makes_its_words_whole() -> None:
    assert strings(required("forget it", ignore_case=True)) == [{"forget it"}]
    whole = required("forget it", ignore_case=True, not_before="A-Za-z", not_after=r"\w")
    assert strings(whole) == [{" forget it "}]


@pytest.mark.parametrize(
    ("pattern", "shapes", "packed"),
    [
        (r"\d{1,3}(?:\.\d{1,3}){3}", None, 4),
        (r"\d{3}-\d{2}-\d{4}", {"000-00-0000"}, 9),
        (r"[XYZ]-\d{7}[A-Z]", {"a-0000000a"}, 7),
        (r"\d{3,6}", {"000"}, 3),
    ],
)
def test_numbers_are_known_by_their_shape(pattern: str, shapes: set[str] | None, packed: int) -> None:
    one = required(pattern)
    assert one.spelling is AS_SHAPES
    assert shapes in (None, one.groups[0].strings)
    assert one.packed == packed <= one.digits


def test_what_is_no_number_and_has_no_rare_string_is_known_by_its_run() -> None:
    one = required("(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
    assert one.run and one.run.least == 12
    assert not one.groups


def test_a_rare_string_is_worth_more_than_a_run_or_a_shape() -> None:
    one = required(r"[0-9a-f]{9}@@\d")
    assert (strings(one), one.spelling) == ([{"@@"}], AS_WRITTEN)


def test_words_before_a_number_are_looked_for_as_words_and_as_they_are_written() -> None:
    one = required(r"(?:Calle|Avenida) [A-Z][a-z]{1,9} \d{1,4}", not_before="A-Za-z")
    assert (strings(one)[0], one.spelling) == ({" calle ", " avenida "}, AS_WORDS)
    assert {"Calle ", "Avenida "} in [other.strings for other in one.others]


def test_words_of_two_scripts_are_looked_for_apart() -> None:
    program = Program(parse_pattern(r"(?:phone|电话|手机)\s{0,2}\d{7}", ignore_case=True), NOTHING, NOTHING)
    latin, others = requirements_of(program, ignore_case=True)
    assert (strings(latin), latin.spelling) == ([{"phone "}], AS_WORDS)
    assert others.spelling is FOLDED and {"电话", "手机"} in strings(others)


@pytest.mark.parametrize("pattern", ["[a-z]{3,9}", r"[^\n]{4}"])
def test_a_pattern_that_requires_nothing_makes_every_text_a_candidate(pattern: str) -> None:
    one = required(pattern)
    assert not one.groups and one.run is None
    assert Prefilter([one]).windows("text") == [(0, 4)]


def test_of_a_match_without_end_its_beginning_is_looked_for() -> None:
    row = parse_pattern("[a-z ]")
    tree = Series((parse_pattern("key:"), row, Repeat(row, 3, UNBOUNDED)))
    (one,) = requirements_of(Program(tree, NOTHING, NOTHING), ignore_case=False)
    assert one.longest == 8
    assert Prefilter([one]).windows("." * 20 + "key: abc" + "d" * 90) == [(20, 29)]


def test_the_end_of_a_match_without_end_is_no_gap_behind_its_beginning() -> None:
    tree = Series((parse_pattern("forget", ignore_case=True), Repeat(parse_pattern("[a-z]"), 0, UNBOUNDED)))
    (one,) = requirements_of(Program(tree, NOTHING, parse_class("A-Za-z")), ignore_case=True)
    assert Prefilter([one]).may_match("forgetful")


def test_each_option_of_a_choice_has_its_own_requirement() -> None:
    program = Program(parse_pattern(r"sk-[a-z]{3}|\d{9}"), NOTHING, NOTHING)
    first, second = requirements_of(program, ignore_case=False)
    assert strings(first) == [{"sk-"}] and first.spelling is AS_WRITTEN
    assert second.spelling is AS_SHAPES and second.packed == 9
