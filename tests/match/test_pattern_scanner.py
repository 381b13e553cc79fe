from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.pattern_scanner import PatternScanner
from guardproxy.match.pattern_set import Pattern, PatternSet
from guardproxy.match.scanner import Span
from tests.match.oracle import Sample, clusters, cuts, of_rule, read, samples_and_text


def _labels(spans: list[Span]) -> list[tuple[int, str]]:
    """(start, rule) in the order of confirmation."""
    return list(dict.fromkeys((span.start, span.rule) for span in spans))


@settings(max_examples=80, deadline=None)
@given(samples_and_text(), st.data())
def test_how_a_text_is_cut_changes_neither_what_is_found_nor_its_order(
    example: tuple[list[Sample], str], data: st.DataObject
) -> None:
    samples, text = example
    patterns = PatternSet([sample.pattern for sample in samples])
    whole = read(patterns.scanner(), [text])
    for pieces in (list(text), data.draw(cuts(text))):
        found = read(patterns.scanner(), pieces)
        assert _labels(whole) == _labels(found)
        for sample in samples:
            rule = sample.pattern.rule
            assert clusters(of_rule(whole, rule)) == clusters(of_rule(found, rule))


@settings(max_examples=60, deadline=None)
@given(samples_and_text(), st.data())
def test_it_can_begin_inside_a_text(example: tuple[list[Sample], str], data: st.DataObject) -> None:
    samples, text = example
    begin = data.draw(st.integers(0, len(text)))
    patterns = PatternSet([sample.pattern for sample in samples])
    rules = [sample.pattern.rule for sample in samples]
    before = text[begin - 1] if begin else ""
    inside = PatternScanner(patterns._automaton, rules, offset=begin, before=before)
    found = read(inside, [text[begin:]])
    for sample in samples:
        expected = [span for span in sample.matches(text) if span[0] >= begin]
        assert clusters(expected) == clusters(of_rule(found, sample.pattern.rule))


def test_plain_text_is_safe_at_once() -> None:
    scanner = PatternSet([Pattern("key", "sk-[a-z]{4}", "a-z", "a-z")]).scanner()
    assert scanner.feed("task-force") == []
    assert scanner.safe == 10


def test_a_match_is_confirmed_by_the_character_behind_it() -> None:
    scanner = PatternSet([Pattern("key", "sk-[a-z]{2,4}", not_after="a-z")]).scanner()
    assert scanner.feed("my sk-abcd") == []
    assert scanner.safe == 3
    assert [Span(3, 10, "key")] == scanner.feed("!")
    assert scanner.safe == 11


def test_a_match_that_grows_holds_nothing_back() -> None:
    scanner = PatternSet([Pattern("key", "sk-[a-z]{2,90}")]).scanner()
    assert [Span(0, 5, "key")] == scanner.feed("sk-ab")
    assert scanner.safe == 5
    assert [Span(0, 8, "key")] == scanner.feed("cde")
    assert scanner.safe == 8


def test_the_end_of_the_text_confirms_what_is_open() -> None:
    scanner = PatternSet([Pattern("key", "sk-[a-z]{2,4}", not_after="a-z")]).scanner()
    assert scanner.feed("sk-abc") == []
    assert [Span(0, 6, "key")] == scanner.finish()
    assert scanner.safe == 6
