from __future__ import annotations

import re
from functools import reduce
from operator import or_

from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.charset import CharSet
from guardproxy.match.layout import NOTHING, Expected, Layout, character_sets, has_matched
from guardproxy.match.parts import Part
from guardproxy.match.syntax import parse_pattern
from guardproxy.match.tree import UNBOUNDED, Node, longest, positions
from tests.match.one_by_one import any_part
from tests.match.oracle import Sample, match_of, samples_and_text


def _laid_out(tree: Node) -> tuple[Layout, dict[CharSet, int]]:
    bits = {charset: 1 << number for number, charset in enumerate(dict.fromkeys(character_sets(tree)))}
    return Layout(tree, bits), bits


def _members(bits: dict[CharSet, int], char: str) -> int:
    return sum(bit for charset, bit in bits.items() if char in charset)


def expected_after(tree: Node, text: str) -> Expected:
    layout, bits = _laid_out(tree)
    expected = layout.first
    for char in text:
        expected = layout.advance(expected, _members(bits, char))
    return expected


def _tree(sample: Sample) -> Node:
    return parse_pattern(sample.pattern.core, ignore_case=sample.pattern.ignore_case)


@settings(max_examples=50, deadline=None)
@given(samples_and_text(), st.data())
def test_a_match_leads_to_position_zero(example: tuple[list[Sample], str], data: st.DataObject) -> None:
    tree = _tree(data.draw(st.sampled_from(example[0])))
    assert has_matched(expected_after(tree, data.draw(match_of(tree))))


@settings(max_examples=80, deadline=None)
@given(samples_and_text())
def test_nothing_else_does(example: tuple[list[Sample], str]) -> None:
    samples, text = example
    for sample in samples:
        assert bool(re.fullmatch(sample.python, text)) == has_matched(expected_after(_tree(sample), text))


@settings(max_examples=50, deadline=None)
@given(samples_and_text())
def test_every_character_of_a_pattern_is_one_position_and_only_repeats_without_end_lead_back(
    example: tuple[list[Sample], str],
) -> None:
    for sample in example[0]:
        tree = _tree(sample)
        layout, _ = _laid_out(tree)
        behind = {1: NOTHING}
        reached = _bits(layout.first)
        while reached:
            position = reached.pop()
            if position not in behind:
                behind[position] = layout.advance(position, -1)
                assert behind[position] != NOTHING
                reached += _bits(behind[position])
        assert positions(tree) + 1 == len(behind) == layout.size
        if longest(tree) < UNBOUNDED:
            assert _most_steps(layout.first, behind) == longest(tree)


def _bits(expected: Expected) -> list[int]:
    return [1 << position for position in range(expected.bit_length()) if expected >> position & 1]


def _most_steps(expected: Expected, behind: dict[int, Expected]) -> int:
    """The longest way to position 0, if there is no way round."""
    steps = 0
    while expected > 1:
        steps += 1
        assert steps < len(behind)
        expected = reduce(or_, (behind[position] for position in _bits(expected)))
    return steps


@settings(max_examples=80, deadline=None)
@given(samples_and_text(), st.data())
def test_what_several_positions_lead_to_is_what_each_of_them_does(
    example: tuple[list[Sample], str], data: st.DataObject
) -> None:
    for sample in example[0]:
        layout, _ = _laid_out(_tree(sample))
        some = data.draw(st.integers(0, (1 << layout.size) - 1))
        members = data.draw(st.integers(0, 255))
        each = [layout.advance(position, members) for position in _bits(some)]
        assert layout.advance(some, members) == reduce(or_, each, NOTHING)


@settings(max_examples=150, deadline=None)
@given(any_part(), st.integers(0, 1 << 80))
def test_what_is_reached_is_all_that_is_ever_expected(part: Part, some: int) -> None:
    layout, _ = _laid_out(part.program.tree)
    some &= (1 << layout.size) - 1
    expected = ahead = some
    while ahead:
        ahead = layout.follow(ahead) & ~expected
        expected |= ahead
    assert expected == layout.reach(some)


def test_many_ways_out_of_copies_of_many_characters_lead_where_each_of_them_does() -> None:
    pattern = "(?:(?:ab|c|ad?e)(?:f|gh|i){2,3}[a-z]?){3,5}(?:x|y{2,9}|zz)"
    tree = parse_pattern(pattern)
    layout, _ = _laid_out(tree)
    everything = (1 << layout.size) - 1
    for some in (everything, everything // 3, everything // 5, everything // 7 << 3):
        each = [layout.advance(position, -1) for position in _bits(some)]
        assert layout.advance(some, -1) == reduce(or_, each, NOTHING)
    for text in ("abffcgiabihx", "cffcffadeghix", "aefficiiiqabghghghcffyyyy"):
        assert has_matched(expected_after(tree, text)) == bool(re.fullmatch(pattern, text))


def test_who_goes_round_without_end_matches_on_the_way() -> None:
    tree = parse_pattern("x(?:ab?-*)+")
    assert not has_matched(expected_after(tree, "x"))
    for text in ("xa", "xab", "xab--", "xaa-ab-a"):
        assert has_matched(expected_after(tree, text))


def test_a_long_repeat_is_laid_out_as_one_row() -> None:
    tree = parse_pattern("[a-z]{20,8000}")
    layout, bits = _laid_out(tree)
    expected = layout.first
    for number in range(1, 41):
        expected = layout.advance(expected, _members(bits, "a"))
        assert expected == (2 << number) + (number >= 20)
    assert layout.size == 8001


def test_a_repeat_that_is_never_left_is_one_position() -> None:
    tree = parse_pattern("ab{2,}")
    assert positions(tree) == 3
    assert expected_after(tree, "abbb") == expected_after(tree, "abb")


def test_what_is_wanted_are_the_sets_that_lead_on() -> None:
    layout, bits = _laid_out(parse_pattern("a[ab]|b"))
    single, both = bits[CharSet.single("a")], bits[CharSet.of([(0x61, 0x62)])]
    assert single | bits[CharSet.single("b")] == layout.wanted(layout.first)
    assert both == layout.wanted(layout.advance(layout.first, single))
    assert layout.advance(layout.first, both) == NOTHING
