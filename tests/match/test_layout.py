from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.charset import CharSet
from guardproxy.match.layout import MATCHED, Layout
from guardproxy.match.syntax import parse_pattern
from guardproxy.match.tree import UNBOUNDED, longest, positions
from tests.match.oracle import Sample, match_of, samples_and_text


def _expected_after(layout: Layout, text: str) -> int:
    expected = layout.first
    for char in text:
        hit = [q for q, allowed in enumerate(layout.allowed) if expected >> q & 1 and char in allowed]
        expected = 0
        for position in hit:
            expected |= layout.follow[position]
    return expected


@settings(max_examples=50, deadline=None)
@given(samples_and_text(), st.data())
def test_a_match_leads_to_position_zero(example: tuple[list[Sample], str], data: st.DataObject) -> None:
    pattern = data.draw(st.sampled_from(example[0])).pattern
    tree = parse_pattern(pattern.core, ignore_case=pattern.ignore_case)
    assert _expected_after(Layout(tree), data.draw(match_of(tree))) & MATCHED


@settings(max_examples=50, deadline=None)
@given(samples_and_text())
def test_only_repeats_without_end_lead_back(example: tuple[list[Sample], str]) -> None:
    for sample in example[0]:
        tree = parse_pattern(sample.pattern.core, ignore_case=sample.pattern.ignore_case)
        layout = Layout(tree)
        assert positions(tree) + 1 == len(layout.allowed) == len(layout.follow)
        every = (1 << len(layout.allowed)) - 1
        assert all(0 < follow <= every for follow in layout.follow[1:])
        if longest(tree) < UNBOUNDED:
            assert all(follow < 1 << position for position, follow in enumerate(layout.follow) if position)


def test_who_goes_round_without_end_matches_on_the_way() -> None:
    layout = Layout(parse_pattern("x(?:ab?-*)+"))  # from the end: 1 is `-`, 2 is `b`, 3 is `a`, 4 is `x`
    assert layout.follow[1:] == [0b01011, 0b01011, 0b01111, 0b01000]


def test_positions_are_found_by_the_sets_a_character_is_in() -> None:
    layout = Layout(parse_pattern("a[ab]"))  # laid out from the end: position 2 is `a`, position 1 is `[ab]`
    bits = {CharSet(()): 1, CharSet.single("a"): 2, CharSet.of([(0x61, 0x62)]): 4}
    assert [layout.allowing(members, bits) for members in (2 | 4, 4, 0)] == [0b110, 0b010, 0]
