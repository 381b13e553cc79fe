"""Matches in every reading of a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.core.rewrite import redact
from guardproxy.core.stream import StreamGuard
from guardproxy.match.hidden_text import MOST_BETWEEN
from guardproxy.match.pattern_set import Block, Pattern, PatternSet
from guardproxy.match.readings import Readings
from guardproxy.match.scanner import Span
from tests.match.disguises import in_tags, texts_in_disguise
from tests.match.oracle import AnySample, any_tiny_samples, clusters, cuts, of_rule, read, set_of
from tests.match.test_readings import samples_and_disguise
from tests.support.strategies import secrets, secrets_kit


def _named(spans: Iterable[Span]) -> dict[int, list[str]]:
    """By start: the rules, in the order in which they were told."""
    named: dict[int, list[str]] = {}
    for start, _, name in spans:
        if name not in named.setdefault(start, []):
            named[start].append(name)
    return named


def _same(whole: Sequence[Span], streamed: Sequence[Span], samples: Sequence[AnySample]) -> None:
    assert _named(whole) == _named(streamed)
    for sample in samples:
        name = sample.pattern.rule
        assert clusters(of_rule(whole, name)) == clusters(of_rule(streamed, name))


@settings(max_examples=120, deadline=None)
@given(samples_and_disguise(), st.data())
def test_how_a_text_is_cut_changes_neither_what_is_found_nor_its_name(
    example: tuple[list[AnySample], str], data: st.DataObject
) -> None:
    samples, text = example
    readings = Readings(set_of(samples))
    whole = readings.scan(text)
    for pieces in ([text], list(text), data.draw(cuts(text))):
        _same(whole, read(readings.scanner(), pieces), samples)


@settings(max_examples=120, deadline=None)
@given(samples_and_disguise(), st.data())
def test_a_fork_goes_on_by_itself(example: tuple[list[AnySample], str], data: st.DataObject) -> None:
    """Whatever the other one reads, it finds what a scanner finds of which there was only one."""
    samples, text = example
    readings = Readings(set_of(samples))
    at = data.draw(st.integers(0, len(text)))
    alone, one = readings.scanner(), readings.scanner()
    assert list(alone.feed(text[:at])) == list(one.feed(text[:at]))
    other = one.fork()
    assert (one.safe, one.work) == (other.safe, other.work)
    elsewhere = data.draw(st.sampled_from(["", " ", text, "\\u006", "a\u200bb", in_tags("x")]))
    one.feed(elsewhere)
    one.finish()
    expected = [*alone.feed(text[at:]), *alone.finish()]
    assert expected == [*other.feed(text[at:]), *other.finish()]


@settings(max_examples=100, deadline=None)
@given(any_tiny_samples(), st.text("aAbé1 \n\u200bá²\U000e0061\U000e0062ａ…\u0301", max_size=24), st.data())
def test_patterns_nobody_would_write_stream_as_well(samples: list[AnySample], text: str, data: st.DataObject) -> None:
    readings = Readings(set_of(samples))
    _same(readings.scan(text), read(readings.scanner(), data.draw(cuts(text))), samples)


@pytest.mark.parametrize("more", ["", "b", " b", "1"])
def test_what_was_found_before_the_readings_were_one_again_is_not_forgotten(more: str) -> None:
    """In the text as it is seen another match begins with the character that is one in the text as it is written."""
    readings = Readings(PatternSet([Pattern("one", "[ab]", not_before="1"), Pattern("two", "b{2}")]))
    text = f"1\u200bb{more}"
    assert {*readings.scan(text)} == {*read(readings.scanner(), [text])}


@settings(max_examples=100, deadline=None)
@given(samples_and_disguise(), st.data())
def test_nothing_that_is_found_later_begins_in_what_was_sure(
    example: tuple[list[AnySample], str], data: st.DataObject
) -> None:
    samples, text = example
    scanner = Readings(set_of(samples)).scanner()
    told: list[Span] = []
    safe = 0

    def look(spans: Sequence[Span]) -> None:
        for span in spans:
            grows = any(known.rule == span.rule and known.start <= span.start and known.end >= safe for known in told)
            assert span.start >= safe or grows
        told.extend(spans)

    for piece in data.draw(cuts(text)):
        look(scanner.feed(piece))
        assert scanner.safe >= safe
        safe = scanner.safe
    look(scanner.finish())
    assert len(text) == scanner.safe


KIT = secrets_kit()


@settings(max_examples=100, deadline=None)
@given(texts_in_disguise(secrets()), st.data())
def test_a_stream_is_redacted_like_the_whole_text(text: str, data: st.DataObject) -> None:
    spans = [span for detector in KIT.detectors for span in detector.scan(text)]
    for pieces in ([text], list(text), data.draw(cuts(text))):
        guard = StreamGuard([d.scanner() for d in KIT.detectors], KIT.rules, lambda hit: None)
        streamed = "".join(map(guard.feed, pieces)) + guard.finish()
        assert redact(text, spans, KIT.rules) == streamed


WORDS = Readings(
    PatternSet(
        [
            Pattern("mail", r"[a-z.]{1,20}@[a-z]{1,9}\.[a-z]{2,3}", "a-z"),
            Pattern("key", "key-[a-z]{4}", "", "a-z"),
            Pattern("number", r"\d(?:[ -]?\d){7}", "0-9", "0-9", check=lambda text: text.endswith("0")),
            Block("fence", "<b>", "</b>", 200),
        ]
    )
)


@pytest.mark.parametrize(
    "text", ["für alle ", "it’s done ", "I ❤️ it ", "yes… well ", "ok 👍🏽 then ", "今天，好 ", "да, оса ", "n² + 1 "]
)
def test_readings_are_one_again_behind_the_word(text: str) -> None:
    scanner = WORDS.scanner()
    for char in text:
        scanner.feed(char)
    assert not scanner.forked
    scanner.feed("plain words, still one")
    assert not scanner.forked


def test_characters_that_stay_what_they_are_fork_nothing() -> None:
    scanner = WORDS.scanner()
    for char in "今天 — straße 😀 жизнь":
        scanner.feed(char)
        assert not scanner.forked


def test_readings_that_differ_in_what_is_alive_stay_apart() -> None:
    scanner = WORDS.scanner()
    scanner.feed("é key‑ab ")
    assert not scanner.forked
    scanner.feed("é key‑ab")
    assert scanner.forked
    scanner.feed("<b> öpen ")
    assert scanner.forked
    assert list(scanner.feed("</b> and on ")) == [Span(17, 30, "fence")]
    assert not scanner.forked


@pytest.mark.parametrize("before", ["", "é ", "…", "e "])
def test_what_grows_when_readings_part_is_found_once_and_whole(before: str) -> None:
    scanner = Readings(PatternSet([Pattern("word", "ab(?:cd)?"), Pattern("long", "b(?:cde)?")])).scanner()
    scanner.feed(before)
    at = len(before)
    assert list(scanner.feed("ab")) == [Span(at, at + 2, "word"), Span(at + 1, at + 2, "long")]
    assert scanner.safe == at + 2
    assert list(scanner.feed("\u200b")) == []
    assert scanner.safe == at + 2
    assert list(scanner.feed("c")) == []
    assert list(scanner.feed("d")) == [Span(at, at + 5, "word")]
    assert list(scanner.feed("e")) == [Span(at + 1, at + 6, "long")]


@pytest.mark.parametrize(("check", "text"), [(str.isascii, "xeé"), (lambda text: not text.isascii(), "xéé")])
def test_what_is_checked_is_checked_in_every_reading(check: Callable[[str], bool], text: str) -> None:
    readings = Readings(PatternSet([Pattern("word", r"x[a-zé]{4}-\d", not_after="0-9", check=check)]))
    text += "ab-1"
    assert [Span(0, 7, "word")] == list(readings.scan(text)) == read(readings.scanner(), text)


def test_a_hidden_letter_holds_a_few_characters_back_and_no_more() -> None:
    scanner = Readings(PatternSet([Pattern("word", "abc")])).scanner()
    scanner.feed(f"x{in_tags('a')}")
    assert scanner.safe == 1
    for at in range(MOST_BETWEEN):
        scanner.feed("x")
        assert scanner.safe == 1, at
    scanner.feed("x")
    assert scanner.safe == 3 + MOST_BETWEEN
    assert not scanner.forked


def test_a_span_waits_for_what_another_reading_may_find_before_it() -> None:
    # As it is seen a short key is there at once; as it is written a long one may begin at the same place.
    keys = Readings(PatternSet([Pattern("long", "kéy[a-z]{2}"), Pattern("short", "key")]))
    scanner = keys.scanner()
    assert list(scanner.feed("kéy")) == []
    assert scanner.safe == 0
    assert list(scanner.feed("a")) == []
    assert list(scanner.feed("b")) == [Span(0, 5, "long"), Span(0, 3, "short")]
