from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.syntax import parse_pattern
from guardproxy.match.tree import longest, positions, shortest
from tests.match.oracle import REALISTIC, Sample, match_of


@pytest.mark.parametrize(
    ("pattern", "least", "most", "size"),
    [
        ("abc", 3, 3, 3),
        ("a|bcd", 1, 3, 4),
        ("a(?:bc)?", 1, 3, 3),
        ("(?:a{2,5}|b){3}c", 4, 16, 19),
        ("a(|b)", 1, 2, 2),
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
