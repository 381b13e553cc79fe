"""What the native library rules out cannot match, so nothing that is found depends on it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match import native
from guardproxy.match.charset import CharSet
from guardproxy.match.native import LONGEST_TEXT, expression_of, native_search
from guardproxy.match.pattern_set import Pattern, PatternSet
from guardproxy.match.readings import Readings
from guardproxy.match.scanner import Span
from guardproxy.match.syntax import parse_programs
from guardproxy.match.tree import Chars, Program
from tests.match.oracle import AnySample, any_samples_and_text, set_of
from tests.promises import packs
from tests.promises.fragments import texts

NOTHING = CharSet(())
PROSE = "The ferry leaves at nine; whoever comes later takes the next one, which stops at the island too. " * 20


@settings(max_examples=150, deadline=None)
@given(any_samples_and_text())
def test_accelerated_or_not_the_same_is_found(example: tuple[list[AnySample], str]) -> None:
    samples, text = example
    plain, fast = set_of(samples), set_of(samples)
    fast.accelerate()
    assert fast.scan(text) == plain.scan(text)


@settings(max_examples=300, deadline=None)
@given(any_samples_and_text(), st.data())
def test_where_it_says_no_nothing_matches_in_any_part_that_no_letter_stands_next_to(
    example: tuple[list[AnySample], str], data: st.DataObject
) -> None:
    samples, text = example
    patterns = set_of(samples)
    search = native_search(patterns._programs)
    assert search is not None
    if search.excludes(text):
        begins = [at for at in range(len(text) + 1) if at == 0 or not is_letter(text[at - 1])]
        ends = [at for at in range(len(text) + 1) if at == len(text) or not is_letter(text[at])]
        first, last = data.draw(st.sampled_from(begins)), data.draw(st.sampled_from(ends))
        assert not patterns.scan(text[first:last])


def is_letter(char: str) -> bool:
    return char.isascii() and char.isalpha()


@settings(max_examples=40, deadline=None)
@given(texts())
def test_accelerated_packs_find_what_the_packs_find(text: str) -> None:
    for detector in packs.accelerated():
        plain = next(one for one in packs.detectors() if type(one) is type(detector))
        assert by_start(detector.scan(text)) == by_start(plain.scan(text))


def test_each_pack_that_ships_can_be_accelerated_and_prose_is_passed_over() -> None:
    random = Random(7)
    for detector in packs.accelerated():
        assert isinstance(detector, Readings)
        search = detector._patterns._native
        assert search is not None
        assert search.excludes(PROSE)
    rules = [rule for rule in packs.rules() if packs.examples(rule, "match")]
    for rule in rules:
        text = f"{PROSE} {packs.example(rule, 'match', random)} {PROSE}"
        found = packs.spans_in(text)
        assert by_start(packs.spans_in(text, packs.accelerated())) == by_start(found), rule


def by_start(spans: Sequence[Span]) -> list[Span]:
    """As whoever reads them takes them: by start, and where starts are equal in the order in which they come."""
    return sorted(spans, key=lambda span: span.start)


@pytest.mark.parametrize("character", ["?", "é", "中", "x"])
def test_what_is_not_ascii_is_a_question_mark_to_it(character: str) -> None:
    program = Program(Chars(CharSet.single(character)), NOTHING, NOTHING)
    search = native_search([program])
    assert search is not None
    assert not search.excludes(f"a {character} b")
    assert search.excludes("a b")
    assert search.excludes("a ? b") is (character == "x")


def test_an_edge_may_be_the_end_of_a_text_of_which_only_letters_count() -> None:
    [program] = parse_programs("key", not_before=CharSet.of([(0x30, 0x39), (0x61, 0x7A), (0x80, 0x10FFFF)]))
    search = native_search([program])
    assert search is not None
    assert [search.excludes(text) for text in ("key", "?key", "1key", "a key", "akey")] == [False] * 4 + [True]


def test_long_repeats_are_not_counted_to_their_end() -> None:
    [program] = parse_programs("k[0-9]{200}", not_after=CharSet.of([(0x30, 0x39)]))
    assert "{32,}" in expression_of(program)
    search = native_search([program])
    assert search is not None
    assert not search.excludes("k" + "1" * 200)


def test_of_a_very_long_text_it_says_nothing() -> None:
    [program] = parse_programs("needle")
    search = native_search([program])
    assert search is not None
    assert search.excludes("a" * LONGEST_TEXT)
    assert not search.excludes("a" * (LONGEST_TEXT + 1))


def test_several_threads_may_ask_at_once() -> None:
    patterns = PatternSet([Pattern("key", "key-[0-9]{4}")])
    patterns.accelerate()
    asked = [PROSE + ("key-1234" if number % 3 == 0 else "") for number in range(300)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(patterns.scan, asked))
    assert [bool(spans) for spans in found] == [number % 3 == 0 for number in range(300)]


def test_without_the_library_there_is_none_and_the_same_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "hyperscan", None)
    patterns = PatternSet([Pattern("key", "key-[0-9]{4}")])
    patterns.accelerate()
    assert not patterns.accelerated
    assert [span.rule for span in patterns.scan("key-1234")] == ["key"]


def test_what_the_library_cannot_compile_is_looked_for_without_it() -> None:
    assert native_search(parse_programs("[ac]" * 4500)) is None
