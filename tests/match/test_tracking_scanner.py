from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.pattern_set import Block, Pattern, PatternSet
from guardproxy.match.scanner import Span
from guardproxy.match.tracking_scanner import _SLICE
from tests.match.oracle import AnySample, any_samples_and_text, clusters, cuts, of_rule, read, set_of


def _labels(spans: list[Span]) -> list[tuple[int, str]]:
    """(start, rule) in the order of confirmation."""
    return list(dict.fromkeys((span.start, span.rule) for span in spans))


@settings(max_examples=150, deadline=None)
@given(any_samples_and_text(), st.data())
def test_how_a_text_is_cut_changes_neither_what_is_found_nor_its_order(
    example: tuple[list[AnySample], str], data: st.DataObject
) -> None:
    samples, text = example
    patterns = set_of(samples)
    whole = read(patterns.scanner(), [text])
    for pieces in (list(text), data.draw(cuts(text))):
        found = read(patterns.scanner(), pieces)
        assert _labels(whole) == _labels(found)
        for sample in samples:
            rule = sample.pattern.rule
            assert clusters(of_rule(whole, rule)) == clusters(of_rule(found, rule))


@settings(max_examples=60, deadline=None)
@given(any_samples_and_text(), st.data())
def test_it_can_begin_inside_a_text(example: tuple[list[AnySample], str], data: st.DataObject) -> None:
    samples, text = example
    begin = data.draw(st.integers(0, len(text)))
    scanner = set_of(samples).scanner(offset=begin, before=text[begin - 1] if begin else "")
    found = read(scanner, [text[begin:]])
    for sample in samples:
        expected = [span for span in sample.matches(text) if span[0] >= begin]
        assert clusters(expected) == clusters(of_rule(found, sample.pattern.rule))


@settings(max_examples=100, deadline=None)
@given(any_samples_and_text(), st.data())
def test_a_fork_goes_on_by_itself(example: tuple[list[AnySample], str], data: st.DataObject) -> None:
    samples, text = example
    at = data.draw(st.integers(0, len(text)))
    patterns = set_of(samples)
    scanner, alone = patterns.scanner(), patterns.scanner()
    assert scanner.feed(text[:at]) == alone.feed(text[:at])
    fork = scanner.fork()
    read(fork, data.draw(cuts(data.draw(st.sampled_from(["", text, text[at:] + text])))))
    second = scanner.fork()
    assert read(alone, [text[at:]]) == read(scanner, [text[at:]]) == read(second, [text[at:]])


@settings(max_examples=100, deadline=None)
@given(any_samples_and_text(), st.data())
def test_who_stands_like_another_finds_the_same(example: tuple[list[AnySample], str], data: st.DataObject) -> None:
    samples, text = example
    at, to = sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))))
    before = data.draw(st.sampled_from(["", text[:at][::-1], text[:to]]))
    patterns = set_of(samples)
    one, other = patterns.scanner(), patterns.scanner()
    one.feed(before + text[at:to])
    other.feed(text[:to])
    if one.stands_like(other, to - at):
        ahead = one.position - other.position
        found = [(start + ahead, end + ahead, rule) for start, end, rule in read(other, [text[to:]])]
        assert found == read(one, [text[to:]])


MIXED: list[Pattern | Block] = [
    Pattern("number", r"\d{3,4}", not_after="0-9"),
    Pattern("plain", r"\d{3}[a-z]?"),
    Pattern("checked", r"\d{3}", check=lambda text: text != "000"),
    Block("block", r"\d{2}", "x", max=3),
]


def test_what_is_confirmed_first_comes_first_and_then_the_order_of_the_set() -> None:
    def rules(patterns: list[Pattern | Block]) -> list[str]:
        return [rule for start, rule in _labels(PatternSet(patterns).scan("123.")) if start == 0]

    assert rules(MIXED) == ["block", "plain", "checked", "number"]
    assert rules(MIXED[::-1]) == ["block", "checked", "plain", "number"]


def test_a_long_text_in_one_piece_is_read_like_any_other() -> None:
    patterns = PatternSet(MIXED)
    text = "123 000 45x " * (3 * _SLICE // 12)
    assert patterns.scan(text) == read(patterns.scanner(), [text])
    pieces = [text[at : at + 7] for at in range(0, len(text), 7)]
    for rule in ("number", "plain", "checked", "block"):
        assert clusters(of_rule(patterns.scan(text), rule)) == clusters(of_rule(read(patterns.scanner(), pieces), rule))


def test_without_a_match_nothing_is_followed_and_nothing_waits() -> None:
    scanner = PatternSet(MIXED).scanner()
    assert scanner.feed("just words ") == []
    assert scanner.safe == 11
