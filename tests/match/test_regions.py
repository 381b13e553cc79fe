from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.regions import DIGITS, GATES, NEAR, PACKED, STRETCH, TOKENS, Gate, Spelled, count_digits

PIECES = [
    "a",
    "x" * 13,
    "k9_-" * 10,
    "1",
    "12 34",
    "(030) 123-456 7",
    "2024-11-30",
    " ",
    " " * 30,
    ".",
    "word " * 20,
    "é",
]
texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def counted(text: str) -> dict[int, int]:
    """The longest row of each kind, and the digits, counted the slow way."""
    packed = re.findall("[0-9]+", re.sub("[ ./()-]", "", text))
    return {
        TOKENS: max(map(len, re.findall(r"[\w-]+", text, re.ASCII)), default=0),
        STRETCH: max(map(len, text.split()), default=0),
        PACKED: max(map(len, packed), default=0),
        DIGITS: sum(char in "0123456789" for char in text),
    }


@given(texts)
def test_what_a_text_has_most_of_is_counted_up_to_the_gates(text: str) -> None:
    spelled, expected = Spelled(text), counted(text)
    for rare, least in GATES:
        assert (spelled.most(rare) >= least) == (expected[rare] >= least)
    assert spelled.most(DIGITS) == count_digits(text) == expected[DIGITS]


@settings(max_examples=200, deadline=None)
@given(texts, st.sampled_from([gate for gate in GATES if gate.rare != DIGITS]), st.data())
def test_a_short_part_that_has_enough_lies_in_a_region_with_the_character_behind_it(
    text: str, gate: Gate, data: st.DataObject
) -> None:
    regions = Spelled(text).regions(gate)
    assert all(0 <= first < last <= len(text) for first, last in regions)
    assert all(one[1] < other[0] for one, other in pairwise(regions))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(start + NEAR, len(text))))
    if counted(text[start:end])[gate.rare] >= gate.least:
        assert any(first <= start and min(end + 1, len(text)) <= last for first, last in regions)


@given(texts, st.sampled_from(GATES), st.data())
def test_a_part_of_a_text_has_what_is_counted_in_it(text: str, gate: Gate, data: st.DataObject) -> None:
    if gate.rare != PACKED:
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, len(text)))
        assert (counted(text[start:end])[gate.rare] >= gate.least) == Spelled(text).has(gate, start, end)


@pytest.mark.parametrize(
    ("gate", "text", "rows"),
    [
        (Gate(TOKENS, 12), "of-an-identifier, or_not", ["of-an-identifier"]),
        (Gate(STRETCH, 10), "see https://example.org/ now", ["https://example.org/"]),
        (Gate(PACKED, 6), "from 12 to (12) 34-56.", ["12) 34-56"]),
        (Gate(PACKED, 6), "1, 2, 3, 4, 5, 6", []),
    ],
)
def test_rows_are_as_long_as_they_go(gate: Gate, text: str, rows: list[str]) -> None:
    assert rows == [text[begin:end] for begin, end in Spelled(text).rows(gate)]
