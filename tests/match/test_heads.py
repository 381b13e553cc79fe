from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.cells import Cells
from guardproxy.match.heads import DEPTH, Head, Headed, Heads, first_part, nearest
from guardproxy.match.layout import has_matched
from guardproxy.match.parts import Pattern, parts_of
from guardproxy.match.syntax import parse_pattern
from tests.match.oracle import Sample, match_of, samples_and_text
from tests.match.test_layout import expected_after


def _heads(*patterns: Pattern) -> Heads:
    parts = [part for pattern in patterns for part in parts_of(pattern)]
    return Heads([Headed(part.program, unit) for unit, part in enumerate(parts)], Cells())


def _members(heads: Heads, char: str) -> int:
    return heads.classes.members[heads.classes[char]]


def _read(heads: Heads, text: str, before: str = "") -> tuple[Head | None, int]:
    """The head of the start at the beginning of the text, and all units it has woken."""
    head, woken, _ = heads.begin(heads.ground(before), _members(heads, text[0]))
    for char in text[1:]:
        if head is None:
            break
        head, more = heads.go_on(head, _members(heads, char))
        woken |= more
    return head, woken


@settings(max_examples=80, deadline=None)
@given(samples_and_text(), st.data())
def test_a_head_goes_on_as_long_as_something_may_match(example: tuple[list[Sample], str], data: st.DataObject) -> None:
    samples, text = example
    sample = data.draw(st.sampled_from(samples))
    tree = parse_pattern(sample.pattern.core, ignore_case=sample.pattern.ignore_case)
    text = data.draw(st.sampled_from([text, data.draw(match_of(tree))]))[: DEPTH - 1]
    heads = _heads(Pattern("r", sample.pattern.core, ignore_case=sample.pattern.ignore_case))
    for length in range(1, len(text) + 1):
        head, woken = _read(heads, text[:length])
        if woken:
            return
        expected = expected_after(tree, text[:length])
        assert (head is not None) == bool(expected)
        assert not has_matched(expected)


@settings(max_examples=50, deadline=None)
@given(samples_and_text(), st.data())
def test_every_match_wakes_its_unit_or_outlives_the_depth(
    example: tuple[list[Sample], str], data: st.DataObject
) -> None:
    sample = data.draw(st.sampled_from(example[0]))
    tree = parse_pattern(sample.pattern.core, ignore_case=sample.pattern.ignore_case)
    head, woken = _read(
        _heads(Pattern("r", sample.pattern.core, ignore_case=sample.pattern.ignore_case)), data.draw(match_of(tree))
    )
    assert woken or head


def test_what_stands_before_bars_a_start() -> None:
    heads = _heads(Pattern("word", "key-[a-z]", "a-z"), Pattern("any", "key=[a-z]"))
    assert [head.units if (head := _read(heads, "k", before)[0]) else 0 for before in ("", "x", "-")] == [3, 2, 3]


def test_units_can_be_left_out() -> None:
    heads = _heads(Pattern("one", "ab[c-e]f"), Pattern("other", "ab[c-e]g"))
    head = _read(heads, "ab")[0]
    assert head is not None
    less = heads.without(head, 1)
    assert less is not None
    assert less.units == 2
    assert heads.without(less, 1) is less
    assert heads.without(less, 2) is None


def test_characters_that_make_no_difference_share_a_step() -> None:
    heads = _heads(Pattern("mail", "[a-z0-9]{1,20}@x"))
    built = heads.built
    _read(heads, "abcdefghijklmnop0123")
    assert heads.built - built <= 21
    for char in "qrstuvwxyz":
        _read(heads, "ab" + char)
    assert heads.built - built <= 21


@settings(max_examples=60, deadline=None)
@given(samples_and_text(), st.integers(1, 12))
def test_the_nearest_part_of_a_pattern_is_the_same_to_who_reads_no_further(
    example: tuple[list[Sample], str], depth: int
) -> None:
    samples, text = example
    for sample in samples:
        tree = parse_pattern(sample.pattern.core, ignore_case=sample.pattern.ignore_case)
        for length in range(min(depth, len(text) + 1)):
            whole, near = expected_after(tree, text[:length]), expected_after(nearest(tree, depth), text[:length])
            assert (bool(whole), has_matched(whole)) == (bool(near), has_matched(near))


def test_long_repeats_are_not_counted() -> None:
    near = nearest(parse_pattern("key=(?:[a-z]{40,90}|[a-z]{2,90}!)"), DEPTH)
    for text in ("key=aaa", "key=aaa!", "key=aaaa!x"):
        assert expected_after(near, text) == expected_after(near, text.replace("aa", "a" * 22))


@pytest.mark.parametrize(
    ("pattern", "first"),
    [
        ("ghp_[A-Za-z0-9]{36}", "ghp_"),
        ("x-[a-z]{9}", "x-[a-z]{9}"),  # `x-` tells too little
        ("key[0-9]{9}[a-z]", "key[0-9]{9}"),
        ("[a-z]{3}-key[a-z]", "[a-z]{3}-key"),
        ("(?:id|no)[ :]{1,2}[a-z]{9}", "(?:id|no)[ :]{1,2}"),
    ],
)
def test_a_pattern_is_looked_out_for_up_to_where_it_has_told_what_it_is(pattern: str, first: str) -> None:
    assert first_part(parse_pattern(pattern)) == parse_pattern(first)
