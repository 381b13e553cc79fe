"""What the end of a text cuts off, against a matcher that walks the tree and notices where the text runs out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.core.rewrite import redact
from guardproxy.core.stream import StreamGuard
from guardproxy.match.class_syntax import PatternSyntaxError
from guardproxy.match.cut_off import beginning, refuse_untelling, with_cut_off
from guardproxy.match.pattern_set import Pattern, PatternSet
from guardproxy.match.scanner import Span
from guardproxy.match.syntax import parse_programs
from guardproxy.match.tree import Chars, Choice, Node, Program, Repeat, Series, longest
from tests.match.oracle import (
    Sample,
    adversarial_text,
    clusters,
    cuts,
    match_of,
    of_rule,
    read,
    realistic_patterns,
    set_of,
    tiny_samples,
    tiny_text,
)
from tests.support.strategies import rule


class _Walk:
    """Tries a tree on a text; `ran_out` if the text ended where a match could have gone on."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.ran_out = False

    def ends(self, node: Node, at: int) -> set[int]:
        match node:
            case Chars(allowed):
                if at == len(self._text):
                    self.ran_out = True
                    return set()
                return {at + 1} if self._text[at] in allowed else set()
            case Series(parts):
                reached = {at}
                for part in parts:
                    reached = {end for begin in reached for end in self.ends(part, begin)}
                return reached
            case Choice(options):
                return {end for option in options for end in self.ends(option, at)}
            case Repeat(part, low, high):
                reached, fresh, ends = {at}, {at}, {at} if not low else set()
                for count in range(1, min(high, len(self._text) + low + 1) + 1):
                    fresh = {end for begin in fresh for end in self.ends(part, begin)}
                    if not fresh or (count > low and fresh <= reached):
                        break
                    reached |= fresh
                    ends |= fresh if count >= low else set()
                return ends


def _begins(tree: Node, text: str) -> bool:
    """Whether a match begins with the text, and may have more."""
    walk = _Walk(text)
    walk.ends(tree, 0)
    return walk.ran_out


def _matches(tree: Node, text: str) -> bool:
    return len(text) in _Walk(text).ends(tree, 0)


def _cut_off(sample: Sample, text: str) -> list[tuple[int, int]]:
    pattern = sample.pattern
    programs = parse_programs(pattern.core, ignore_case=pattern.ignore_case, holds=False)
    barred = [Sample(replace(pattern, core="x", not_after="", ignore_case=False), "(?s:.)").matches(text)]
    may_start = {start for spans in barred for start, _ in spans}
    return [
        (start, len(text))
        for start in sorted(may_start)
        if len(text) - start >= pattern.at_end > 0 and any(_begins(program.tree, text[start:]) for program in programs)
    ]


@st.composite
def samples_and_text(draw: st.DrawFn) -> tuple[list[Sample], str]:
    """Patterns, most of which are found cut off, and a text that is hard for them."""
    realistic = draw(st.booleans())
    drawn = draw(realistic_patterns() if realistic else tiny_samples())
    least = st.sampled_from([0, 1, 2, 3, 5, 8])
    samples = [sample._replace(pattern=replace(sample.pattern, at_end=draw(least))) for sample in drawn]
    text = draw(adversarial_text(samples) if realistic else tiny_text())
    return samples, text[: len(text) - draw(st.sampled_from([0, 0, 1, 3]))]


@settings(max_examples=100, deadline=None)
@given(samples_and_text())
def test_at_the_end_of_a_text_so_many_characters_of_a_match_are_one(example: tuple[list[Sample], str]) -> None:
    samples, text = example
    found = set_of(samples).scan(text)
    for sample in samples:
        expected = [*sample.matches(text), *_cut_off(sample, text)]
        assert clusters(expected) == clusters(of_rule(found, sample.pattern.rule))


@settings(max_examples=100, deadline=None)
@given(samples_and_text(), st.sampled_from(["", "plain words, nothing to see. " * 3]), st.data())
def test_a_stream_and_a_whole_text_end_alike(
    example: tuple[list[Sample], str], before: str, data: st.DataObject
) -> None:
    samples, text = example
    patterns = set_of(samples)
    whole = patterns.scan(before + text)
    assert read(patterns.scanner(), [before + text]) == whole
    streamed = read(patterns.scanner(), data.draw(cuts(before + text)))
    assert _labels(whole) == _labels(streamed)
    for sample in samples:
        name = sample.pattern.rule
        assert clusters(of_rule(whole, name)) == clusters(of_rule(streamed, name))


def _labels(spans: Sequence[Span]) -> list[tuple[int, str]]:
    return sorted(dict.fromkeys((span.start, span.rule) for span in spans), key=lambda named: named[0])


@settings(max_examples=100, deadline=None)
@given(samples_and_text())
def test_a_text_that_cannot_match_is_not_cut_off_in_one(example: tuple[list[Sample], str]) -> None:
    samples, text = example
    patterns = set_of(samples)
    assert patterns.may_match(text) or not read(patterns.scanner(), [text])


@settings(max_examples=100, deadline=None)
@given(st.one_of(realistic_patterns(), tiny_samples()), st.integers(1, 9), st.data())
def test_every_match_and_every_long_enough_beginning_begins_as_told(
    samples: list[Sample], at_end: int, data: st.DataObject
) -> None:
    pattern = samples[0].pattern
    (program,) = parse_programs(pattern.core, ignore_case=pattern.ignore_case, holds=False)
    first = beginning(program.tree, at_end)
    assert longest(first) <= at_end
    match = data.draw(match_of(program.tree))
    text = match[: data.draw(st.integers(min(at_end, len(match)), len(match)))]
    assert any(_matches(first, text[:end]) for end in range(len(text) + 1))
    assert _matches(with_cut_off(program, at_end).tree, text)


def test_a_pattern_without_end_is_told_far_behind_its_beginning() -> None:
    patterns = PatternSet([Pattern("url", r"https://(?:[a-z]{1,60}\.){1,9}[a-z]{1,9}/\S*", at_end=12)])
    words = "quiet words " * 40
    text = words + "https://" + "abcdefgh." * 9
    assert read(patterns.scanner(), [text]) == patterns.scan(text) == [Span(len(words), len(text), "url")]


def test_what_is_cut_off_by_less_than_the_end_is_none() -> None:
    keys = PatternSet([Pattern("key", "key-[a-z]{12}", at_end=8)])
    assert [Span(1, 9, "key")] == keys.scan(" key-abcd")
    assert keys.scan(" key-abc") == []
    assert keys.scan(" key-abcd.") == []
    assert keys.may_match(" key-abcd")


def test_numbers_can_be_cut_off_as_well() -> None:
    assert [Span(1, 9, "n")] == PatternSet([Pattern("n", r"555-\d{9}", at_end=8)]).scan(" 555-1234")


def test_a_secret_cut_off_in_a_stream_is_redacted_like_in_the_whole_text() -> None:
    keys = PatternSet([Pattern("key", "key-[a-z]{12}", at_end=8)])
    rules = {"key": rule("test.key")}
    text = "it is key-abcdefghi"
    for pieces in ([text], list(text)):
        guard = StreamGuard([keys.scanner()], rules, lambda hit: None)
        assert "".join(map(guard.feed, pieces)) + guard.finish() == "it is [KEY]"
    assert redact(text, keys.scan(text), rules) == "it is [KEY]"


def _program(core: str, ignore_case: bool = False) -> Program:
    (program,) = parse_programs(core, ignore_case=ignore_case)
    return program


@pytest.mark.parametrize(
    ("core", "at_end"),
    [("sk-[a-z]{20}", 8), ("gh[pous]_[a-z]{36}", 8), ("(?:ab|bc)?[a-z]{0,4}key=[a-z]{9}", 9), ("(?:ab){9}[a-z]{3}", 8)],
)
def test_a_beginning_that_tells_is_accepted(core: str, at_end: int) -> None:
    refuse_untelling(_program(core), at_end)
    refuse_untelling(_program(core, ignore_case=True), at_end)


@pytest.mark.parametrize(
    ("core", "at_end", "cure"),
    [
        ("sk-[a-z]{20}", 7, "fewer than 8 characters say too little"),
        ("sk-[a-z]{5}", 8, "no match is longer than 8 characters"),
        ("[a-z]{8}sk-[a-z]{20}", 8, "the first 8 characters of a match must hold 3"),
        ("sk-[a-z]{20}|ab[a-z]{9}", 8, "raise it, or leave it out"),
        ("(?:sk-)?[a-z]{20}", 8, "leave it out"),
    ],
)
def test_a_beginning_that_does_not_tell_is_refused_with_a_cure(core: str, at_end: int, cure: str) -> None:
    with pytest.raises(PatternSyntaxError) as refused:
        refuse_untelling(_program(core), at_end)
    assert cure in refused.value.message
