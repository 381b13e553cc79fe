from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.charset import DIGITS, CharSet
from guardproxy.match.rows import least_in_a_row, least_of
from guardproxy.match.syntax import parse_pattern
from tests.match.oracle import match_of
from tests.match.zoo_of_numbers import number_patterns

SEPARATORS = CharSet.of([(0x2D, 0x2E)])


def longest_row(text: str) -> int:
    return max(map(len, re.findall("[0-9]+", text)), default=0)


@settings(max_examples=200, deadline=None)
@given(number_patterns(), st.data())
def test_every_match_has_as_many_in_a_row_and_altogether_as_it_is_said_to_have(
    pattern: str, data: st.DataObject
) -> None:
    tree = parse_pattern(pattern)
    match = data.draw(match_of(tree))
    assert least_in_a_row(tree, DIGITS) <= longest_row(match)
    assert least_in_a_row(tree, DIGITS, SEPARATORS) <= longest_row(re.sub("[-.]", "", match))
    assert least_of(tree, DIGITS) <= sum(char in DIGITS for char in match)


def test_rows_end_where_something_else_may_stand_and_go_on_over_separators() -> None:
    tree = parse_pattern(r"\d{3}-\d{2}(?:-\d{4}|[a-z]\d{5})")
    assert (least_in_a_row(tree, DIGITS), least_in_a_row(tree, DIGITS, SEPARATORS), least_of(tree, DIGITS)) == (4, 5, 9)
    assert least_in_a_row(parse_pattern(r"(?:ab\d{2}){3}\d{0,9}"), DIGITS) == 2
    assert least_in_a_row(parse_pattern(r"(?:\d{2}){3}\d?"), DIGITS) == 6
