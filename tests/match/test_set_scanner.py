from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.heads import DEPTH
from guardproxy.match.pattern_set import Block, Pattern, PatternSet
from guardproxy.match.scanner import Span
from tests.match.oracle import AnySample, any_samples_and_text, clusters, of_rule, read, set_of

LONG = 2 * DEPTH


@st.composite
def _in_context(draw: st.DrawFn) -> tuple[list[AnySample], str]:
    """What is hard for the patterns, with plain words and runs of characters around and between."""
    samples, text = draw(any_samples_and_text())
    at = draw(st.integers(0, len(text)))
    between = draw(st.sampled_from([" ", "x", "7", " plain words, nothing else ", "a" * LONG, "1-" * LONG, "é" * LONG]))
    return samples, draw(st.sampled_from(["", between])) + text[:at] + between + text[at:]


@settings(max_examples=120, deadline=None)
@given(_in_context())
def test_sleeping_changes_nothing(example: tuple[list[AnySample], str]) -> None:
    samples, text = example
    scanner = set_of(samples).scanner()
    scanner.read(text)
    scanner.end()
    found = scanner.take()
    for sample in samples:
        alone = set_of([sample])
        (unit, *others) = alone._shared.units
        if others:
            continue
        awake = unit.scanner(0, "")  # it reads everything
        awake.read(text)
        awake.end()
        assert of_rule(found, sample.pattern.rule) == [(start, end) for (start, _), (_, end) in awake.drain().items()]


@settings(max_examples=100, deadline=None)
@given(_in_context(), st.data())
def test_what_is_safe_is_what_the_units_say(example: tuple[list[AnySample], str], data: st.DataObject) -> None:
    samples, text = example
    patterns = set_of(samples)
    scanner = patterns.scanner()
    awake = [unit.scanner(0, "") for unit in patterns._shared.units]
    size = data.draw(st.integers(1, 40))
    for at in range(0, len(text), size):
        scanner.feed(text[at : at + size])
        for unit in awake:
            unit.read(text[at : at + size])
        assert scanner.safe == min(unit.safe for unit in awake)
    scanner.finish()
    assert scanner.safe == len(text)


def test_who_has_nothing_to_follow_sleeps() -> None:
    scanner = PatternSet([Pattern("key", "sk-[a-z]{3,}"), Pattern("mail", "[a-z]{1,64}@[a-z]{2,9}", "a-z")]).scanner()
    scanner.feed("a sk-abc")
    assert len(scanner._awake) == 1
    scanner.feed(". a@")
    assert not scanner._awake
    assert scanner.safe == 10


def test_a_unit_that_is_woken_late_reads_what_it_missed_also_across_pieces() -> None:
    word = "b" * (DEPTH + 8)
    patterns = PatternSet([Pattern("mail", r"[a-z]{1,64}@[a-z]{2,9}", "a-z")])
    for size in (1, 7, DEPTH, 100):
        text = f"to {word}@cd. "
        scanner = patterns.scanner()
        spans = [span for at in range(0, len(text), size) for span in scanner.feed(text[at : at + size])]
        assert [(3, 3 + len(word) + 3)] == clusters(of_rule(spans, "mail"))


def test_it_can_begin_behind_what_bars_a_start() -> None:
    patterns = PatternSet([Pattern("key", "sk-[a-z]{3}", "a-z")])
    inside, apart = patterns.scanner(offset=5, before="a"), patterns.scanner(offset=5, before="-")
    assert inside.feed("sk") == apart.feed("sk") == []
    assert (inside.safe, apart.safe) == (7, 5)
    assert (inside.feed("-abc"), apart.feed("-abc")) == ([], [Span(5, 11, "key")])


def test_spans_of_several_units_come_as_they_were_confirmed() -> None:
    patterns = PatternSet(
        [
            Pattern("late", "ab", not_after="x"),
            Pattern("long", "abc"),
            Pattern("plain", "ab"),
            Block("block", "b", "c", 9),
        ]
    )
    expected = [(0, 2, "plain"), (1, 3, "block"), (0, 2, "late"), (0, 3, "long")]
    assert expected == [tuple(span) for span in patterns.scan("abc")]


def test_what_is_open_without_end_is_known_asleep_and_awake() -> None:
    scanner = PatternSet(
        [Pattern("key", "sk-[a-z]{2,}"), Pattern("word", "[a-z]{9}!"), Block("b", "<k", ">", 99)]
    ).scanner()
    scanner.feed("a word sk")
    assert scanner.open_from() == 7
    scanner.feed("-abcd")
    assert scanner.open_from() == 7
    scanner.feed(". <k")
    assert scanner.open_from() == 16
    scanner.feed("abcdefgh> abc")
    assert scanner.open_from() == scanner.position


def test_the_beginning_of_a_match_counts_at_the_end_whether_its_unit_is_awake_or_not() -> None:
    patterns = PatternSet([Pattern("key", "abcdefgh-[0-9]{30}", at_end=10), Pattern("k", "[a-h]{8,9}")])
    for text, expected in (("x abcdefgh-1", [(2, 12)]), ("x abcdefgh-", []), ("abcdefgh-12345678", [(0, 17)])):
        for size in (1, 5, 50):
            pieces = [text[at : at + size] for at in range(0, len(text), size)]
            assert expected == of_rule(read(patterns.scanner(), pieces), "key")


def test_plain_text_costs_one_step_per_character_and_no_memory() -> None:
    patterns = PatternSet([Pattern(f"key{n}", f"k{n}y-[a-z]{{20}}", "a-z") for n in range(9)])
    chance = random.Random(1)
    text = " ".join(chance.choice(["the", "key", "k1", "k2y", "sk", "plain"]) for _ in range(3000))
    read(patterns.scanner(), [text])
    built = patterns.transitions_built
    assert built < 200
    read(patterns.scanner(), [text[::2], text[1::2], text])
    assert patterns.transitions_built - built < 100
