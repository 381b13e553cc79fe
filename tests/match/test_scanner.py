"""The promise of the scanner protocol, held against the scanner of patterns."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.pattern_set import Block, Pattern
from guardproxy.match.scanner import Scanner, Span
from tests.match.oracle import AnySample, BlockSample, Sample, any_samples_and_text, cuts, set_of


@settings(max_examples=60, deadline=None)
@given(any_samples_and_text(), st.data())
def test_no_later_span_begins_before_safe_but_to_make_one_of_its_rule_longer(
    example: tuple[list[AnySample], str], data: st.DataObject
) -> None:
    samples, text = example
    scanner: Scanner = set_of(samples).scanner()
    reported: list[Span] = []
    promises: list[tuple[int, list[Span]]] = []
    for piece in data.draw(cuts(text)):
        fresh = scanner.feed(piece)
        assert all(_kept(promise, known, span) for promise, known in promises for span in fresh)
        reported += fresh
        promises.append((scanner.safe, list(reported)))
    last = scanner.finish()
    assert all(_kept(promise, known, span) for promise, known in promises for span in last)
    offsets = [safe for safe, _ in promises] + [scanner.safe]
    assert sorted(offsets) == offsets
    assert len(text) == scanner.safe


def _kept(safe: int, known: list[Span], span: Span) -> bool:
    return span.start >= safe or any(
        k.rule == span.rule and k.start <= span.start < k.end and k.end >= safe for k in known
    )


TINY: list[list[AnySample]] = [
    [Sample(Pattern("p", "ab{1,2}c"), "ab{1,2}c")],
    [Sample(Pattern("p", "a{2,4}", "", "a"), "a{2,4}")],
    [Sample(Pattern("p", "a{1,3}", "b"), "a{1,3}")],
    [Sample(Pattern("p", "[ab]{2,3}c?", "c", "b"), "[ab]{2,3}c?")],
    [Sample(Pattern("p", "a(?:bb|c)"), "a(?:bb|c)"), Sample(Pattern("q", "b{1,2}a", "", "a"), "b{1,2}a")],
    [Sample(Pattern("p", "ab?", "", "b"), "ab?"), Sample(Pattern("q", ".c[ac]", "b", "c"), ".c[ac]")],
    [Sample(Pattern("p", "ab+"), "ab+"), Sample(Pattern("q", "c(?:ab?)*", "a"), "c(?:ab?)*")],
    [Sample(Pattern("p", "b(?:ac*)+", "", "b"), "b(?:ac*)+")],
    [BlockSample(Block("p", "ab?", "cb?", max=2), "ab?", "cb?")],
    [BlockSample(Block("p", "b.?a|c", "ab", max=3, not_before="c"), "b.?a|c", "ab")],
    [BlockSample(Block("p", "b", "c", max=4), "b", "c"), Sample(Pattern("q", "c{2}a", "", "b"), "c{2}a")],
]
NUMBERS: list[list[AnySample]] = [
    [Sample(Pattern("p", "01?2{0,2}"), "01?2{0,2}"), Sample(Pattern("q", "[12]{2,3}0?", "0", "1"), "[12]{2,3}0?")],
    [Sample(Pattern("p", "0{2,4}", "", "0"), "0{2,4}")],
]


@pytest.mark.parametrize(
    ("samples", "alphabet"), [*((samples, "abc") for samples in TINY), *((samples, "012") for samples in NUMBERS)]
)
def test_what_is_held_back_could_still_match_and_what_is_not_cannot(samples: list[AnySample], alphabet: str) -> None:
    scanned = set_of(samples)
    continuations = ["".join(c) for n in range(4) for c in product(alphabet, repeat=n)]
    covered_in = {text: _covered(samples, text) for n in range(8) for text in map("".join, product(alphabet, repeat=n))}
    for text in ("".join(t) for n in range(5) for t in product(alphabet, repeat=n)):
        scanner = scanned.scanner()
        decided = {i for span in scanner.feed(text) for i in range(span.start, span.end)}
        held = {i for i in range(len(text)) if i >= scanner.safe} - decided
        could_match = {i for more in continuations for i in covered_in[text + more] if i < len(text)} - decided
        assert could_match == held, text


def _covered(samples: list[AnySample], text: str) -> set[int]:
    return {i for sample in samples for start, end in sample.matches(text) for i in range(start, end)}
