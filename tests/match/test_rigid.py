from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.layout import Layout, character_sets
from guardproxy.match.parts import Part
from guardproxy.match.rigid import Rigid, numbers
from guardproxy.match.syntax import parse_pattern
from guardproxy.match.tree import Node
from tests.match.one_by_one import any_part

_LONGER_THAN_ANY = 200  # steps, in a pattern of a few positions


def _layout(tree: Node) -> Layout:
    return Layout(tree, {charset: 1 << number for number, charset in enumerate(dict.fromkeys(character_sets(tree)))})


def _ways(layout: Layout) -> dict[int, set[int]]:
    """The distances of each position, as far as anybody goes."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    expected = layout.first
    for distance in range(_LONGER_THAN_ANY):
        for position in numbers(expected & ~1):
            found[position].add(distance)
        expected = layout.follow(expected)
    return found


@settings(max_examples=200, deadline=None)
@given(any_part())
def test_a_position_is_rigid_if_all_ways_to_it_are_of_one_length(part: Part) -> None:
    layout = _layout(part.program.tree)
    rigid = Rigid(layout)
    ways = _ways(layout)
    copied = {position for _, position in rigid.copies}
    assert {position for position, distances in ways.items() if 0 in distances and len(distances) > 1} == copied
    for position, distances in ways.items():
        behind_the_start = distances - {0} if position in copied else distances
        assert (rigid.positions >> position & 1) == (len(behind_the_start) == 1)
        if rigid.positions >> position & 1:
            assert behind_the_start == {*rigid.distances(1 << position)}
    for copy, _ in rigid.copies:
        assert copy >= layout.size
        assert [*rigid.distances(1 << copy)] == [0]
    assert set(numbers(rigid.first)) == {copy for copy, _ in rigid.copies} | {*numbers(layout.first)} - copied


@settings(max_examples=200, deadline=None)
@given(any_part(), st.integers(0, 1 << 80))
def test_the_greatest_distance_is_that_of_one_of_them(part: Part, some: int) -> None:
    rigid = Rigid(_layout(part.program.tree))
    some &= rigid.positions
    greatest = max(rigid.distances(some), default=0)
    assert greatest == rigid.greatest(some)
    assert greatest == rigid.greatest(some, rigid.chains_of(some))


@pytest.mark.parametrize("lengths", [[2, 3, 4, 5, 6] * 4, [6] * 20, range(21, 1, -1)])
def test_alternatives_of_any_number_have_their_distances(lengths: Sequence[int]) -> None:
    words = [chr(0x61 + number) * length for number, length in enumerate(lengths)]
    layout = _layout(parse_pattern("|".join(words)))
    rigid = Rigid(layout)
    assert rigid.positions == (1 << layout.size) - 2
    for some in (rigid.positions, rigid.positions // 3, rigid.positions // 7 & rigid.positions):
        greatest = max(rigid.distances(some))
        assert greatest == rigid.greatest(some) == rigid.greatest(some, rigid.chains_of(some))
    for position in numbers(rigid.positions):
        assert [*rigid.distances(1 << position)] == [rigid.greatest(1 << position)]
    assert sorted(rigid.distances(rigid.positions)) == sorted(place for word in words for place in range(len(word)))


def test_a_long_row_is_measured() -> None:
    rigid = Rigid(_layout(parse_pattern("x[a-z]{9000}")))
    assert [*rigid.distances(1 << 9001)] == [9000]
    assert rigid.greatest(rigid.positions) == 9000
