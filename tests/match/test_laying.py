from __future__ import annotations

from functools import reduce
from itertools import combinations
from operator import or_

from hypothesis import given, settings

from guardproxy.match.charset import CharSet
from guardproxy.match.laying import Laying
from guardproxy.match.layout import character_sets
from guardproxy.match.syntax import parse_pattern
from guardproxy.match.tree import Chars, Repeat, first_characters, positions, shortest
from tests.match.oracle import Sample, samples_and_text


def laid(pattern: str) -> Laying:
    laying = Laying()
    laying.lay(parse_pattern(pattern))
    return laying


@settings(max_examples=100, deadline=None)
@given(samples_and_text())
def test_every_position_but_the_first_is_that_of_one_set_of_characters(example: tuple[list[Sample], str]) -> None:
    for sample in example[0]:
        tree = parse_pattern(sample.pattern.core, ignore_case=sample.pattern.ignore_case)
        laying = Laying()
        piece = laying.lay(tree)
        assert positions(tree) + 1 == laying.size
        assert set(laying.places) <= set(character_sets(tree))
        assert all(not one & other for one, other in combinations(laying.places.values(), 2))
        everything = reduce(or_, laying.places.values())
        assert everything == (1 << laying.size) - 2
        assert piece.first | piece.last | everything == everything
        assert piece.empty == (shortest(tree) == 0)
        begins = [chars for chars, places in laying.places.items() if places & piece.first]
        assert first_characters(tree) == reduce(or_, begins, CharSet(()))


def test_a_row_is_a_chain_and_leaves_nowhere() -> None:
    laying = laid("a{4,7}")
    assert (laying.size, laying.chained) == (8, 0b1111110)
    assert (dict(laying.jumps), dict(laying.leading)) == ({}, {})


def test_a_row_without_end_stays_where_it_is() -> None:
    laying = laid("a{3,}")
    assert (laying.size, dict(laying.jumps)) == (4, {0: 0b1000})


def test_who_stands_before_or_in_what_may_be_left_out_leads_behind_it() -> None:
    laying = laid("ab?c")
    assert (laying.chained, dict(laying.leading), dict(laying.jumps)) == (0b10, {0b1000: 0b110}, {})


def test_copies_of_several_characters_jump_alike() -> None:
    laying = laid("(?:abc?){2,4}")
    assert laying.size == 13
    assert laying.jumps[2] == 0b100100100


def test_part_of_a_pattern_may_be_nothing() -> None:
    a = Chars(CharSet.single("a"))
    assert Laying().lay(Repeat(a, 0, 3)).empty
    assert Laying().lay(Repeat(a, 0, 0)) == (0, 0, 1)
    assert not Laying().lay(Repeat(a, 1, 3)).empty
