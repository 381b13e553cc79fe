"""Matches in folded text, found in a stream and told in offsets of the text as written."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.core.rewrite import redact
from guardproxy.core.stream import StreamGuard
from guardproxy.match.hidden_text import reveal_onto
from guardproxy.match.lookalikes import fold
from guardproxy.match.pattern_set import Pattern, PatternSet
from guardproxy.match.scanner import Span
from guardproxy.match.view import SourceMap, View, view
from guardproxy.match.view_scanner import ViewScanner, still_growing
from tests.match.oracle import clusters, cuts, of_rule, read
from tests.support.strategies import rule

Words = dict[str, tuple[Sequence[str], str]]
"""By rule: the words it finds, and the characters that must not follow them."""


def found_by_hand(words: Words, text: str) -> list[Span]:
    """Every word of every rule in a whole text."""
    return [
        Span(start, start + len(word), name)
        for start in range(len(text))
        for name, (listed, not_after) in words.items()
        for word in listed
        if text.startswith(word, start) and not _barred(text, start + len(word), not_after)
    ]


def _barred(text: str, at: int, not_after: str) -> bool:
    return bool(text[at : at + 1]) and text[at] in not_after


class WordScanner:
    """Finds words, and is never less sure than one can be: it tries what could come at every start."""

    work = 0

    def __init__(self, words: Words) -> None:
        self._words = words
        self._text = ""
        self._ends: dict[tuple[int, str], int] = {}

    @property
    def safe(self) -> int:
        alive = [
            self._ends.get((start, name), start)
            for start in range(len(self._text))
            for name, (listed, not_after) in self._words.items()
            for word in listed
            if self._open(word, not_after, self._text[start:])
        ]
        return min(alive, default=len(self._text))

    @staticmethod
    def _open(word: str, not_after: str, behind: str) -> bool:
        return word.startswith(behind) and (word != behind or bool(not_after))

    def feed(self, text: str) -> list[Span]:
        self._text += text
        spans = [
            span
            for span in found_by_hand(self._words, self._text)
            if span.end < len(self._text) or not self._words[span.rule][1]
        ]
        return self._new(spans)

    def finish(self) -> list[Span]:
        spans = self._new(found_by_hand(self._words, self._text))
        self._words = {}
        return spans

    def fork(self) -> WordScanner:
        other = copy(self)
        other._ends = {**self._ends}
        return other

    def _new(self, spans: Sequence[Span]) -> list[Span]:
        fresh: dict[tuple[int, str], Span] = {}
        for span in spans:
            key = span.start, span.rule
            if span.end > self._ends.get(key, 0):
                self._ends[key] = span.end
                fresh[key] = span
        return list(fresh.values())


RULES: list[Words] = [
    {"p": (["ab", "abc", "abca"], "")},
    {"p": (["ab"], "b"), "q": (["bc", "bca", "bcab"], "")},
    {"p": (["aa", "aaaa"], "a"), "q": (["a"], "")},
    {"p": (["a/c", "c"], ""), "q": (["/", "ca/ca"], "c")},
    {"p": (["a"], ""), "q": (["/ca", "ca"], "")},
]
# In turn: the letter itself, unseen, a look-alike, and one that is three.
ALPHABET = ["a", "b", "c", "\u200b", "а", "℀"]

words = st.one_of(
    st.sampled_from(RULES),
    st.dictionaries(
        st.sampled_from("pqr"),
        st.tuples(
            st.lists(st.text("abc/", min_size=1, max_size=5), min_size=1, max_size=3), st.sampled_from(["", "a"])
        ),
        min_size=1,
    ),
)
texts = st.lists(st.sampled_from([*ALPHABET, "\u0301", "ｃ", "/", "abc", "é"]), max_size=14).map("".join)


def in_the_source(rules: Words, text: str) -> list[Span]:
    """What is found in the text folded by hand, and where each of it was written."""
    folds = [fold(char) for char in text]
    origins = [at for at, folded in enumerate(folds) for _ in folded]
    return [
        Span(origins[start], origins[end - 1] + 1, name) for start, end, name in found_by_hand(rules, "".join(folds))
    ]


@given(words, texts, st.data())
def test_a_stream_finds_what_was_written_as_a_match_however_it_is_cut(
    rules: Words, text: str, data: st.DataObject
) -> None:
    expected = in_the_source(rules, text)
    found = read(ViewScanner(WordScanner(rules)), data.draw(cuts(text)))
    assert set(found) <= set(expected)
    for name in rules:
        assert clusters(of_rule(expected, name)) == clusters(of_rule(found, name))


@given(words, texts, texts, st.data())
def test_a_fork_goes_on_by_itself(rules: Words, text: str, elsewhere: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    alone, one = ViewScanner(WordScanner(rules)), ViewScanner(WordScanner(rules))
    assert list(alone.feed(text[:at])) == list(one.feed(text[:at]))
    other = one.fork()
    one.feed(elsewhere)
    one.finish()
    assert [*alone.feed(text[at:]), *alone.finish()] == [*other.feed(text[at:]), *other.finish()]
    assert alone.safe == other.safe == len(text)


@given(words, texts)
def test_the_view_of_a_whole_text_finds_the_same(rules: Words, text: str) -> None:
    seen = view(text)
    assert in_the_source(rules, text) == seen.spans(found_by_hand(rules, seen.text))


@given(words, texts, st.data())
def test_no_later_span_begins_before_safe_but_to_make_one_of_its_rule_longer(
    rules: Words, text: str, data: st.DataObject
) -> None:
    scanner = ViewScanner(WordScanner(rules))
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


@given(words, texts, st.data())
def test_what_leaves_a_stream_is_the_whole_text_redacted(rules: Words, text: str, data: st.DataObject) -> None:
    known = {name: rule(f"test.{name}") for name in rules}
    guard = StreamGuard([ViewScanner(WordScanner(rules))], known, on_hit=lambda _: None)
    released = "".join([guard.feed(piece) for piece in data.draw(cuts(text))]) + guard.finish()
    # Which rule names a cluster may differ where two begin in one character, so all are called the same here.
    assert _unnamed(redact(text, in_the_source(rules, text), known)) == _unnamed(released)


def _unnamed(text: str) -> str:
    return text.replace("[Q]", "[P]").replace("[R]", "[P]")


@pytest.mark.parametrize("rules", RULES)
def test_what_is_held_back_could_still_match_and_what_is_not_cannot(rules: Words) -> None:
    continuations = ["".join(more) for n in range(3) for more in product("abc/\u200b", repeat=n)]
    for text in ("".join(chars) for n in range(4) for chars in product(ALPHABET, repeat=n)):
        scanner = ViewScanner(WordScanner(rules))
        reported = scanner.feed(text)
        decided = _covered(reported)
        held = {at for at in range(len(text)) if at >= scanner.safe} - decided
        every = (at for more in continuations for at in _covered(in_the_source(rules, text + more)))
        could_match = {at for at in every if at < len(text)} - decided
        assert could_match <= held, text
        # The inner scanner does not say whether a match that reaches its end can grow.
        ends = {span.end for span in reported}
        assert all(_unseen_behind(text, ends, at) for at in held - could_match), text


def _covered(spans: Sequence[Span]) -> set[int]:
    return {at for span in spans for at in range(span.start, span.end)}


def _unseen_behind(text: str, ends: set[int], at: int) -> bool:
    return any(end <= at and not any(map(fold, text[end : at + 1])) for end in ends)


@given(words, texts, st.data())
def test_only_what_may_still_be_asked_for_is_remembered(rules: Words, text: str, data: st.DataObject) -> None:
    longest = max(len(word) for listed, _ in rules.values() for word in listed)
    scanner = ViewScanner(WordScanner(rules))
    for piece in data.draw(cuts(text * 3)):
        scanner.feed(piece)
        # A match that has just ended, one that may grow, and at most two places for each of their characters.
        assert scanner.breaks <= 2 * (2 * longest + 2)


def test_ascii_goes_straight_through() -> None:
    scanner = ViewScanner(WordScanner({"p": (["abc"], "")}))
    assert scanner.feed("xxab") == []
    assert scanner.safe == 2
    assert scanner.feed("c") == [Span(2, 5, "p")]
    assert scanner.feed("\u200b…ab") == []
    assert scanner.safe == 7
    assert scanner.feed("c") == [Span(7, 10, "p")]
    assert scanner.breaks <= 3


def test_unseen_characters_behind_a_match_wait_only_while_it_may_grow() -> None:
    scanner = ViewScanner(WordScanner({"p": (["ab", "abc"], "")}))
    assert scanner.feed("ab\u200b\u200b") == [Span(0, 2, "p")]
    assert scanner.safe == 2
    assert scanner.feed("\u200b") == []
    assert scanner.safe == 2
    assert scanner.feed("c") == [Span(0, 6, "p")]
    assert scanner.feed("x\u200b") == []
    assert scanner.safe == 8


def test_a_match_that_ends_inside_of_a_character_leaves_it_to_the_others() -> None:
    scanner = ViewScanner(WordScanner({"p": (["a"], ""), "q": (["/ca"], "")}))
    assert scanner.feed("℀") == [Span(0, 1, "p")]
    assert scanner.safe == 0
    assert scanner.feed("a") == [Span(0, 2, "q"), Span(1, 2, "p")]


def test_a_match_grows_from_where_it_began_in_the_source() -> None:
    scanner = ViewScanner(WordScanner({"p": (["abc", "abca"], "")}))
    assert scanner.feed("…a\u200bb…") == []
    assert scanner.feed("a\u200bb") == []
    assert scanner.feed("\u200bc\u200b") == [Span(5, 10, "p")]
    assert scanner.feed("a") == [Span(5, 12, "p")]


def test_a_match_found_in_ascii_still_grows_over_what_is_unseen() -> None:
    scanner = ViewScanner(WordScanner({"p": (["ab", "abc"], "")}))
    assert scanner.feed("ab") == [Span(0, 2, "p")]
    assert scanner.feed("\u200b") == []
    assert scanner.safe == 2
    assert scanner.feed("c") == [Span(0, 4, "p")]


def test_a_credential_is_found_through_its_disguise() -> None:
    keys = PatternSet([Pattern("key", "AKIA[A-Z2-7]{16}", "A-Za-z0-9", "A-Za-z0-9")])
    disguised = "".join(char + "\u200b\U000e0041" for char in "АＫ𝐈A" + "ⓐⒷ②３" * 4).upper()
    text = f"the key… {disguised}, it is"
    start = text.index("А")
    expected = [Span(start, start + 3 * 20 - 2, "key")]
    assert expected == view(text).spans(keys.scan(view(text).text))
    assert expected == read(ViewScanner(keys.scanner()), text)


@settings(max_examples=50)
@given(st.lists(st.sampled_from(["a", "b", "x", "é", "\U000e0061", "\U000e0062", "\U000e0063"])), st.data())
def test_the_hidden_reading_streams_as_well(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    rules: Words = {"p": (["ab", "abc"], "")}
    source = SourceMap()
    hidden = View(reveal_onto(source, text), source)
    scanner = ViewScanner(WordScanner(rules), reveal_onto)
    found = read(scanner, data.draw(cuts(text)))
    expected = hidden.spans(found_by_hand(rules, hidden.text))
    assert clusters(of_rule(expected, "p")) == clusters(of_rule(found, "p"))
    assert len(text) == scanner.safe


@settings(max_examples=60)
@given(words, texts, st.data())
def test_it_can_begin_inside_of_a_source_that_was_read_as_it_is(rules: Words, text: str, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(text)))
    before = "".join(char for char in text[:begin] if fold(char) == char)
    text = before + text[begin:]
    inner = WordScanner(rules)
    told = inner.feed(before)
    source = SourceMap()
    source.keep(len(before))
    scanner = ViewScanner(inner, source=source, growing=still_growing({}, told, inner.safe))
    found = [*told, *read(scanner, data.draw(cuts(text[len(before) :])))]
    expected = view(text).spans(found_by_hand(rules, view(text).text))
    for name in rules:
        assert clusters(of_rule(expected, name)) == clusters(of_rule(found, name))
    assert len(text) == scanner.safe


def test_a_map_can_begin_anywhere() -> None:
    scanner = ViewScanner(WordScanner({"p": (["ab"], "")}), source=SourceMap(10))
    assert scanner.feed("xa") == []
    assert scanner.safe == 11
    assert scanner.feed("\u200bb") == [Span(11, 14, "p")]
    assert scanner.safe == 14
