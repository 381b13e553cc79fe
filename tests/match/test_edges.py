from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.charset import CharSet
from guardproxy.match.class_syntax import parse_class
from guardproxy.match.edges import Edges, apart, between, inside
from guardproxy.match.syntax import parse_pattern
from guardproxy.match.tree import Node, Repeat, Series
from tests.match.oracle import match_of, samples_and_text

GAPS = [Edges(before, behind) for before in (False, True) for behind in (False, True)]


@pytest.mark.parametrize(
    ("body", "expected"), [("A-Za-z", True), (r"\w", True), ("a-zA-Y", False), ("0-9", False), (r"\W", False)]
)
def test_only_what_bars_every_letter_leaves_a_gap(body: str, expected: bool) -> None:
    assert expected == apart(parse_class(body))
    assert not apart(CharSet(()))


def edges_of(pattern: str, around: Edges) -> list[tuple[bool, bool]]:
    node = parse_pattern(pattern)
    assert isinstance(node, Series)
    return [(at.before, at.behind) for _, at in inside(node.parts, around)]


def test_a_word_between_gaps_has_one_on_both_sides() -> None:
    assert edges_of(r"\s[a-z]{3}-?[0-9]", Edges()) == [(False, False), (True, True), (False, True), (False, False)]


def test_what_may_be_left_out_lets_the_other_side_through() -> None:
    assert edges_of("[a-z](?: [a-z])?", Edges(True, True)) == [(True, True), (False, True)]
    assert edges_of("[a-z](?:[a-z] )?b", Edges(True, True)) == [(True, False), (False, False), (False, True)]


def test_copies_of_a_part_stand_next_to_each_other() -> None:
    assert Edges(True, False) == between(parse_pattern("[a-z] "), Edges(True, True))


@settings(max_examples=150, deadline=None)
@given(samples_and_text().map(lambda example: example[0][0].pattern), st.sampled_from(GAPS), st.data())
def test_a_gap_that_is_promised_is_there(pattern: object, around: Edges, data: st.DataObject) -> None:
    node: Node = parse_pattern(pattern.core, ignore_case=pattern.ignore_case)  # type: ignore[attr-defined]
    parts = node.parts if isinstance(node, Series) else (node,)
    matches = [data.draw(match_of(part)) for part in parts]
    for number, (_, at) in enumerate(inside(parts, around)):
        before = ("." if around.before else "x") + "".join(matches[:number])
        behind = "".join(matches[number + 1 :]) + ("." if around.behind else "x")
        assert not at.before or before[-1] not in string.ascii_letters
        assert not at.behind or behind[0] not in string.ascii_letters


@settings(max_examples=100, deadline=None)
@given(samples_and_text().map(lambda example: example[0][0].pattern), st.sampled_from(GAPS), st.data())
def test_a_gap_that_is_promised_to_each_copy_is_there(pattern: object, around: Edges, data: st.DataObject) -> None:
    node: Node = parse_pattern(pattern.core, ignore_case=pattern.ignore_case)  # type: ignore[attr-defined]
    part = node.part if isinstance(node, Repeat) else node
    at = between(part, around)
    neighbour = data.draw(match_of(part))
    for before, behind in ((neighbour, neighbour), ("." if around.before else "x", "." if around.behind else "x")):
        assert not (at.before and before) or before[-1] not in string.ascii_letters
        assert not (at.behind and behind) or behind[0] not in string.ascii_letters
