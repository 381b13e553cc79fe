from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.pattern_set import Block, Pattern, PatternSet
from guardproxy.match.readings import Readings
from tests.match.oracle import AnySample, any_samples_and_text, cuts, set_of

KEY = Pattern("key", "sk-[a-z]{20,40}", "a-z")


def test_a_known_text_costs_nothing_or_little() -> None:
    patterns = PatternSet([KEY])
    text = "what may begin with sk and then goes on as any text does " * 50
    assert _work(patterns, text) > 0
    _work(patterns, text)
    assert _work(patterns, text) == 0


@pytest.mark.parametrize(
    ("pattern", "alphabet"),
    [
        (Pattern("window", "xy?[a-z]{0,200}[a-z]?1"), "xabc"),
        (Pattern("card", r"[0-9](?:[ -]?[0-9]){12,18}", "0-9", "0-9", check=lambda text: False), "0123456789 -"),
        (Pattern("word", "(?:[a-z]{3,9} ){4,9}[0-9]"), "abcdef  "),
        (Block("block", "<<[a-z]", ">>end", max=100_000), "<<a>"),
    ],
    ids=lambda value: getattr(value, "rule", None),
)
def test_what_is_dear_costs_steps_for_each_character(pattern: Pattern | Block, alphabet: str) -> None:
    patterns = PatternSet([pattern])
    chance = Random(1)
    text = "".join(chance.choices(alphabet, k=4000))
    first = _work(patterns, text)
    again = _work(patterns, "".join(chance.choices(alphabet, k=4000)))
    assert min(first, again) > len(text) / 20


def test_each_scanner_counts_its_own() -> None:
    patterns = PatternSet([Pattern("window", "xy?[a-z]{0,200}[a-z]?1")])
    plain, dear = patterns.scanner(), patterns.scanner()
    chance = Random(2)
    for _ in range(200):
        plain.feed("- - - - ")
        dear.feed("".join(chance.choices("xabc", k=8)))
    assert plain.work < 100 < dear.work
    assert patterns.work == plain.work + dear.work


@settings(max_examples=60, deadline=None)
@given(any_samples_and_text(), st.data())
def test_all_work_is_somebodys(example: tuple[list[AnySample], str], data: st.DataObject) -> None:
    samples, text = example
    patterns = set_of(samples)
    readings = Readings(patterns)
    text += data.draw(st.sampled_from(["", "é", "\u200b", "ａｂ", "\U000e0061\U000e0062"])) + text
    scanner = readings.scanner()
    before = patterns.work
    for piece in data.draw(cuts(text)):
        scanner.feed(piece)
    scanner.finish()
    assert scanner.work == patterns.work - before
    assert readings.work == patterns.work


def _work(patterns: PatternSet, text: str) -> int:
    scanner = patterns.scanner()
    scanner.feed(text)
    scanner.finish()
    return scanner.work
