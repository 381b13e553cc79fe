from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.charset import CharSet
from guardproxy.match.layout import has_matched
from guardproxy.match.syntax import parse_pattern
from guardproxy.match.tree import (
    UNBOUNDED,
    Node,
    first_characters,
    first_matches,
    last_characters,
    longest,
    positions,
    shortest,
)
from tests.match.oracle import REALISTIC, Sample, match_of, samples_and_text
from tests.match.test_layout import expected_after


@pytest.mark.parametrize(
    ("pattern", "least", "most", "size"),
    [
        ("abc", 3, 3, 3),
        ("a|bcd", 1, 3, 4),
        ("a(?:bc)?", 1, 3, 3),
        ("(?:a{2,5}|b){3}c", 4, 16, 19),
        ("a(|b)", 1, 2, 2),
        ("ab+", 2, UNBOUNDED, 2),
        ("a{3,}", 3, UNBOUNDED, 3),
        ("a(?:b{2}c*)*", 1, UNBOUNDED, 4),
    ],
)
def test_lengths_and_size_of_a_pattern(pattern: str, least: int, most: int, size: int) -> None:
    tree = parse_pattern(pattern)
    assert (least, most, size) == (shortest(tree), longest(tree), positions(tree))


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(REALISTIC), st.data())
def test_matches_are_as_long_as_the_tree_says(sample: Sample, data: st.DataObject) -> None:
    tree = parse_pattern(sample.pattern.core, ignore_case=sample.pattern.ignore_case)
    match = data.draw(match_of(tree))
    assert shortest(tree) <= len(match) <= longest(tree)
    assert re.fullmatch(sample.python, match)


@settings(max_examples=80, deadline=None)
@given(samples_and_text(), st.data())
def test_every_match_begins_with_a_first_match_which_is_a_match_and_has_an_end(
    example: tuple[list[Sample], str], data: st.DataObject
) -> None:
    pattern = data.draw(st.sampled_from(example[0])).pattern
    tree = parse_pattern(pattern.core, ignore_case=pattern.ignore_case)
    match = data.draw(match_of(tree))
    first = first_matches(tree)
    assert longest(first) < UNBOUNDED
    beginnings = [match[:length] for length in range(1, len(match) + 1) if _matches(first, match[:length])]
    assert beginnings
    assert all(_matches(tree, beginning) for beginning in beginnings)


def _matches(tree: Node, text: str) -> bool:
    return has_matched(expected_after(tree, text))


@settings(max_examples=80, deadline=None)
@given(samples_and_text(), st.data())
def test_a_match_begins_and_ends_with_characters_the_tree_says(
    example: tuple[list[Sample], str], data: st.DataObject
) -> None:
    pattern = data.draw(st.sampled_from(example[0])).pattern
    tree = parse_pattern(pattern.core, ignore_case=pattern.ignore_case)
    match = data.draw(match_of(tree))
    assert match[0] in first_characters(tree)
    assert match[-1] in last_characters(tree)


def test_parts_that_may_be_empty_let_the_next_one_begin_or_end() -> None:
    tree = parse_pattern("a?(?:b|c{0,9})d(?:e?f)?g{0,2}")
    assert first_characters(tree) == CharSet.of((ord(c), ord(c)) for c in "abcd")
    assert last_characters(tree) == CharSet.of((ord(c), ord(c)) for c in "dfg")
