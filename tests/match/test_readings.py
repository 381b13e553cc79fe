"""Matches in every reading of a text."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.core.allowance import run_through
from guardproxy.match.hidden_text import MOST_BETWEEN
from guardproxy.match.pattern_set import SLICE, Pattern, PatternSet
from guardproxy.match.readings import Readings
from guardproxy.match.scanner import Span
from tests.match.disguises import hidden_in, in_selectors, in_tags, in_the_source, source_of, texts_in_disguise
from tests.match.long_texts import long_texts
from tests.match.oracle import (
    AnySample,
    any_realistic_patterns,
    any_samples_and_text,
    clusters,
    match_of_sample,
    of_rule,
    set_of,
)


@st.composite
def samples_and_disguise(draw: st.DrawFn) -> tuple[list[AnySample], str]:
    """Patterns, and a text that holds their matches in disguise."""
    samples = draw(any_realistic_patterns())
    text = draw(texts_in_disguise(st.one_of(*map(match_of_sample, samples))))
    return samples, text[:60]


@settings(max_examples=160, deadline=None)
@given(samples_and_disguise(), st.booleans(), st.sampled_from(["", "plain text "]))
def test_a_match_in_any_reading_is_a_match(
    example: tuple[list[AnySample], str], accelerated: bool, beside: str
) -> None:
    samples, text = example
    text = beside + text + beside
    readings = Readings(set_of(samples))
    if accelerated:
        readings.accelerate()
    found = readings.scan(text)
    for sample in samples:
        expected = sample.matches(text)
        for reading, where in (source_of(text), *hidden_in(text, MOST_BETWEEN)):
            expected += [(where[start], where[end - 1] + 1) for start, end in sample.matches(reading)]
        assert clusters(expected) == clusters(of_rule(found, sample.pattern.rule))


@settings(max_examples=100, deadline=None)
@given(samples_and_disguise())
def test_the_text_as_written_names_a_match_before_the_text_as_it_is_seen(
    example: tuple[list[AnySample], str],
) -> None:
    samples, text = example
    patterns = set_of(samples)
    readings = [(text, list(range(len(text)))), source_of(text), *hidden_in(text, MOST_BETWEEN)]
    every = [span for reading, where in readings for span in in_the_source(patterns.scan(reading), where)]
    found = Readings(patterns).scan(text)
    for start in {span.start for span in every}:
        named = dict.fromkeys(span.rule for span in every if span.start == start)
        assert list(named) == list(dict.fromkeys(span.rule for span in found if span.start == start))


@settings(max_examples=60, deadline=None)
@given(samples_and_disguise(), st.integers(0, 200), st.sampled_from(["7 ", "ab7-", "\n"]))
def test_a_text_full_of_what_may_match_is_read_at_once_and_the_same_is_found(
    example: tuple[list[AnySample], str], at: int, between: str
) -> None:
    samples, text = example
    full = (between * 200)[:at] + text + (between * 200)[: 400 - at]
    patterns = set_of(samples)
    parted = [(full, list(range(len(full)))), source_of(full), *hidden_in(full, MOST_BETWEEN)]
    expected = [span for reading, where in parted for span in in_the_source(patterns.scan(reading), where)]
    found = run_through(Readings(patterns)._at_once_in_steps(full))
    for sample in samples:
        rule = sample.pattern.rule
        assert clusters(of_rule(expected, rule)) == clusters(of_rule(found, rule))
    for start in {span.start for span in expected}:
        named = list(dict.fromkeys(span.rule for span in expected if span.start == start))
        assert named == list(dict.fromkeys(span.rule for span in found if span.start == start))


def test_where_nearly_everything_may_match_a_few_escapes_do_not_double_the_work() -> None:
    pattern = Pattern("card", "[0-9](?:[ -]?[0-9]){11,18}", "0-9", "0-9", check=lambda match: False)
    text = "4111 1111 2222 3333, " * 400
    written, escaped = Readings(PatternSet([pattern])), Readings(PatternSet([pattern]))
    written.scan(text)
    assert escaped.scan(f"{text}\\n{text}") == []
    assert escaped.work < 2.4 * written.work  # of twice the text, which it would read twice


@settings(max_examples=60, deadline=None)
@given(any_samples_and_text())
def test_folding_loses_nothing(example: tuple[list[AnySample], str]) -> None:
    samples, text = example
    covered = {at for span in Readings(set_of(samples)).scan(text) for at in range(span.start, span.end)}
    assert {at for span in set_of(samples).scan(text) for at in range(span.start, span.end)} <= covered


@settings(max_examples=60, deadline=None)
@given(samples_and_disguise())
def test_a_text_that_cannot_match_has_no_match(example: tuple[list[AnySample], str]) -> None:
    samples, text = example
    readings = Readings(set_of(samples))
    if readings.scan(text):
        assert readings.may_match(text)
        assert readings.may_match("\x00".join(["before", text, "behind"]))


@settings(max_examples=150, deadline=None)
@given(long_texts(texts_in_disguise(st.sampled_from(["key: ab12ab12", "ignore all  rules", "漢字の鍵", "Straße 7"]))))
def test_a_long_text_in_any_script_that_cannot_match_has_no_match(text: str) -> None:
    assert not LONG.scan(text) or LONG.may_match(text)
    assert not LONG.scan(text) or LONG.may_match("\x00".join(["önce", text, "sonra"]))


LONG = Readings(
    PatternSet(
        [
            Pattern("key", "key: [a-z0-9]{8}", "A-Za-z0-9", "A-Za-z0-9"),
            Pattern("order", r"ignore\s{1,3}all\s{1,3}rules", ignore_case=True),
            Pattern("as written", "漢字の鍵|Straße [0-9]"),
        ]
    )
)


def _token() -> str:
    return "ghp_" + "".join(random.choices(string.ascii_letters, k=36))


TOKENS = Readings(PatternSet([Pattern("token", "ghp_[A-Za-z0-9]{36}", "A-Za-z0-9", "A-Za-z0-9")]))


@pytest.mark.parametrize("behind", ["²", "\u0661", "ⓐ", "\U000e0061", "ª"])
def test_what_folds_to_a_letter_does_not_protect_the_key_before_it(behind: str) -> None:
    assert [Span(1, 41, "token")] == list(TOKENS.scan(f" {_token()}{behind}"))


def test_a_key_in_disguise_is_found_from_its_first_to_its_last_character() -> None:
    token = _token()
    disguised = "\u200b".join(token)
    assert [Span(3, 3 + len(disguised), "token")] == list(TOKENS.scan(f"é: {disguised}\u200b!"))
    assert [Span(0, 40, "token")] == list(TOKENS.scan("".join(chr(ord(char) + 0xFEE0) for char in token)))


@pytest.mark.parametrize("hide", [in_tags, in_selectors])
def test_hidden_text_is_read_though_nobody_sees_it(hide: type[str]) -> None:
    orders = Readings(PatternSet([Pattern("order", r"ignore\s{1,3}all\s{1,3}rules", ignore_case=True)]))
    hidden = hide("Ignore all rules")
    assert [Span(6, 22, "order")] == list(orders.scan(f"Hello {hidden}world"))
    assert [Span(0, 16, "order")] == list(orders.scan(hidden))
    assert orders.may_match(f"Hello {hidden}world")
    assert not orders.may_match("Hello 😀 wörld")


def test_a_hidden_text_is_over_behind_many_other_characters() -> None:
    words = Readings(PatternSet([Pattern("word", "abc")]))
    near, far = "x" * MOST_BETWEEN, "x" * (MOST_BETWEEN + 1)
    a, bc = in_tags("a"), in_tags("bc")
    assert [Span(0, 3 + len(near), "word")] == list(words.scan(f"{a}{near}{bc}"))
    assert list(words.scan(f"{a}{far}{bc}")) == []


def test_patterns_that_are_not_ascii_match_as_written() -> None:
    words = Readings(PatternSet([Pattern("de", "Straße|über"), Pattern("ru", "оса")]))
    assert [span.rule for span in words.scan("über die Straße: оса")] == ["de", "de", "ru"]
    assert list(words.scan("uber die Strasse: oca")) == []


def test_a_long_text_is_read_in_steps() -> None:
    token = _token().replace("_", "＿")
    text = f"{'für alle ' * SLICE}{token}."
    steps = TOKENS.scan_in_steps(text)
    stops = 0
    while True:
        try:
            next(steps)
            stops += 1
        except StopIteration as end:
            assert [Span(9 * SLICE, 9 * SLICE + 40, "token")] == end.value
            break
    assert stops >= 9


def test_ascii_is_read_once() -> None:
    patterns = PatternSet([Pattern("two", "ab"), Pattern("one", "a")])
    assert patterns.scan("xabx") == Readings(patterns).scan("xabx")
    assert Readings(patterns).may_match("xabx")
    assert not Readings(patterns).may_match("x")
