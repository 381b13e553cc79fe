from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.pattern_set import Pattern, PatternSet
from guardproxy.match.scanner import Span
from guardproxy.match.syntax import PatternSyntaxError
from tests.match.oracle import Sample, adversarial_text, clusters, of_rule, read, realistic_patterns, samples_and_text


def _set(samples: list[Sample]) -> PatternSet:
    return PatternSet([sample.pattern for sample in samples])


@settings(max_examples=150, deadline=None)
@given(samples_and_text())
def test_what_is_found_covers_exactly_the_union_of_all_matches(example: tuple[list[Sample], str]) -> None:
    samples, text = example
    found = _set(samples).scan(text)
    for sample in samples:
        matches = sample.matches(text)
        spans = of_rule(found, sample.pattern.rule)
        assert set(spans) <= set(matches)
        assert clusters(matches) == clusters(spans)


@settings(max_examples=80, deadline=None)
@given(samples_and_text())
def test_a_whole_text_gives_what_the_scanner_gives_in_the_same_order(example: tuple[list[Sample], str]) -> None:
    samples, text = example
    patterns = _set(samples)
    assert read(patterns.scanner(), [text]) == patterns.scan(text)


@settings(max_examples=60, deadline=None)
@given(realistic_patterns(), st.data())
def test_far_apart_matches_are_found_too(samples: list[Sample], data: st.DataObject) -> None:
    pieces = data.draw(st.lists(adversarial_text(samples), max_size=4))
    text = data.draw(st.sampled_from(["", "plain words, nothing to see. " * 3])).join(pieces)
    patterns = _set(samples)
    assert read(patterns.scanner(), [text]) == patterns.scan(text)


@settings(max_examples=60, deadline=None)
@given(samples_and_text(), st.data())
def test_a_text_that_cannot_match_has_no_match_in_any_part(
    example: tuple[list[Sample], str], data: st.DataObject
) -> None:
    samples, text = example
    patterns = _set(samples)
    start, end = sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))))
    if patterns.scan(text[start:end]):
        assert patterns.may_match(text)
        assert patterns.may_match("\x00".join(["before", text[start:end], "behind"]))


def test_ignoring_case_matches_both_cases_of_each_letter_and_nothing_else() -> None:
    patterns = PatternSet([Pattern("r", "ÉTÉ k[a-c]ß", ignore_case=True)])
    assert [Span(0, 7, "r")] == patterns.scan("Été KBß")
    assert patterns.scan("été \u212abß") == []  # the Kelvin sign has k as its lower case, but k has no Kelvin sign
    assert [Span(0, 1, "r")] == PatternSet([Pattern("r", "\u212a", ignore_case=True)]).scan("k")


def test_boundary_classes_are_taken_as_written() -> None:
    patterns = PatternSet([Pattern("r", "key", "a-z", "a-z", ignore_case=True)])
    assert patterns.scan("monKey keys") == []
    assert [Span(1, 4, "r")] == patterns.scan("XKEYX")


def test_equal_patterns_are_reported_for_each_rule_in_their_order() -> None:
    assert [Span(0, 2, "one"), Span(0, 2, "two")] == PatternSet([Pattern("one", "ab"), Pattern("two", "ab")]).scan("ab")


def test_without_patterns_nothing_is_found() -> None:
    empty = PatternSet([])
    assert [] == empty.scan("text") == read(empty.scanner(), "text")
    assert not empty.may_match("text")


@pytest.mark.parametrize("pattern", [Pattern("r", "a*"), Pattern("r", "a", "[a]"), Pattern("r", "a", "", "b-a")])
def test_what_is_not_in_the_language_is_refused(pattern: Pattern) -> None:
    with pytest.raises(PatternSyntaxError):
        PatternSet([pattern])
