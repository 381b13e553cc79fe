from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.automaton import Automaton
from guardproxy.match.parts import Part, parts_of
from guardproxy.match.pattern_scanner import PatternScanner
from guardproxy.match.pattern_set import Pattern, PatternSet
from guardproxy.match.scanner import Span
from tests.match.one_by_one import OneByOne, any_part, any_text
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


def _automaton(core: str) -> Automaton:
    return Automaton(parts_of(Pattern("r", core))[0].program)


def test_a_pattern_kept_apart_is_not_reported_but_put_down_one_by_one() -> None:
    scanner = PatternScanner(_automaton("ab{1,3}"), apart=True)
    scanner.read("abbb")
    assert scanner.matches == [(0, 2), (0, 3), (0, 4)]
    assert scanner.drain() == {}
    assert scanner.position == 4


@settings(max_examples=400, deadline=None)
@given(any_part(), any_text())
def test_all_threads_together_are_what_each_of_them_is_by_itself(part: Part, text: str) -> None:
    alone, scanner = OneByOne(part), PatternScanner(Automaton(part.program), apart=True, at_end=part.at_end)
    for char in text:
        alone.read(char)
        scanner.read(char)
        assert [(start, hold) for _, start, hold in alone.threads] == scanner.threads()
        assert (alone.safe, not alone.threads) == (scanner.safe, scanner.idle)
        assert min([alone.position, *(start for _, start, _ in alone.threads)]) == scanner.open_from()
        assert alone.matches == scanner.matches
    alone.end()
    scanner.end()
    assert alone.matches == scanner.matches
    assert (scanner.idle, scanner.threads(), scanner.safe) == (True, [], len(text))


@pytest.mark.parametrize(
    ("core", "text"),
    [
        ("abcde|d{1,2}e", "xabcde"),  # one place told by its distance, one by what was put down; the first began first
        ("abcde|[cd]{1,2}e|[^x]d?e", "xabcde"),
        ("abcdef|d{1,2}ef", "xabcdefabcde"),
        ("abcde[fg]?|d{1,2}e[fh]?", "abcdefabcdeh"),
        ("a{1,2}b+|[qt]{1,2}r|[qu]{1,2}[rs]", "aabx qrqs"),  # what stayed is dead
        ("a{1,2}b+c*|[qt]{1,2}r+|[qu]{1,2}[rs]+", "aabcx qrrrqssr"),
    ],
)
@pytest.mark.parametrize("not_after", ["", "z"])
def test_of_places_of_every_kind_the_first_start_is_told(core: str, text: str, not_after: str) -> None:
    (part,) = parts_of(Pattern("r", core, not_after=not_after))
    alone, scanner = OneByOne(part), PatternScanner(Automaton(part.program), apart=True)
    for char in f"{text} {text}":
        alone.read(char)
        scanner.read(char)
        assert [(start, hold) for _, start, hold in alone.threads] == scanner.threads()
        assert min([alone.position, *(start for _, start, _ in alone.threads)]) == scanner.open_from()
        assert (alone.safe, alone.matches) == (scanner.safe, scanner.matches)
    at_once = PatternScanner(Automaton(part.program), apart=True)
    at_once.read(f"{text} {text}")
    assert alone.matches == at_once.matches


def test_what_a_fork_matches_does_not_move_what_the_other_holds() -> None:
    scanner = PatternScanner(_automaton("ab(?:cd)?e?"))
    scanner.read("ab")
    fork = scanner.fork()
    fork.read("cd")
    scanner.read("c")
    assert (scanner.safe, fork.safe) == (2, 4)


@settings(max_examples=200, deadline=None)
@given(any_part(), any_text(), st.data())
def test_whoever_is_asked_on_the_way_finds_the_same_of_any_pieces(part: Part, text: str, data: st.DataObject) -> None:
    alone = OneByOne(part)
    for char in text:
        alone.read(char)
    threads = [(start, hold) for _, start, hold in alone.threads]
    alone.end()
    work = set()
    for ask in (False, True):
        scanner = PatternScanner(automaton := Automaton(part.program), apart=True, at_end=part.at_end)
        for piece in data.draw(cuts(text)):
            scanner.read(piece)
            assert not ask or (scanner.fork().threads() == scanner.threads() and scanner.safe <= scanner.position)
        work.add(automaton.work.done)
        assert threads == scanner.threads()
        scanner.end()
        assert alone.matches == scanner.matches
    assert len(work) == 1


@settings(max_examples=200, deadline=None)
@given(any_part(), any_text(12), any_text(8), st.data())
def test_who_stands_like_another_has_the_same_threads(part: Part, text: str, before: str, data: st.DataObject) -> None:
    automaton = Automaton(part.program)
    texts = [text, before + data.draw(st.sampled_from([text, text[1:]]))]
    alone, scanners = [OneByOne(part), OneByOne(part)], [PatternScanner(automaton), PatternScanner(automaton)]
    for text, one, scanner in zip(texts, alone, scanners, strict=True):
        for char in text:
            one.read(char)
        scanner.read(text)
    alike = alone[0].standing == alone[1].standing
    assert alike == scanners[0].stands_like(scanners[1], len(texts[0]))
    if alike and alone[0].threads:
        age = alone[0].position - alone[0].threads[0].start
        assert scanners[0].stands_like(scanners[1], age)
        assert not scanners[0].stands_like(scanners[1], age - 1)


@settings(max_examples=200, deadline=None)
@given(any_part(), any_text(12), any_text(12), any_text(12))
def test_a_fork_goes_on_by_itself(part: Part, text: str, more: str, other: str) -> None:
    scanner = PatternScanner(Automaton(part.program))
    scanner.read(text)
    forks = [scanner.fork(), scanner.fork()]
    forks[0].read(other)
    for one in (scanner, forks[1]):
        one.read(more)
        one.end()
    assert scanner.drain() == forks[1].drain()


def test_many_starts_in_a_window_cost_no_more_than_one() -> None:
    few, many = _work_of("x" + "a" * 199), _work_of("x" * 200)
    assert 45 < few < 70
    assert many < 70


def _work_of(text: str) -> int:
    automaton = _automaton("x[a-z]{0,200}1")
    PatternScanner(automaton).read(text)
    return automaton.work.done


def test_what_is_dead_is_forgotten() -> None:
    for pattern in ("ab?[a-c]{0,90}1", "[a-c]{3}", "a?[a-z]{5,}"):
        scanner = PatternScanner(_automaton(pattern))
        for _ in range(300):
            scanner.read("abacab- ")
        assert len(scanner._starts) + len(scanner._holds) < 300


def test_what_is_read_waits_until_it_is_taken() -> None:
    scanner = PatternSet([Pattern("key", "sk-[a-z]{2,}", not_after="0-9")]).scanner()
    scanner.read("sk-abc")
    scanner.read("d sk-xy")
    assert [Span(0, 7, "key")] == scanner.take()
    scanner.end()
    assert [Span(8, 13, "key")] == scanner.take()


def test_it_knows_where_what_is_alive_began() -> None:
    scanner = PatternScanner(_automaton("sk-[a-z]{2,}"))
    scanner.read("a word sk-abcd")
    assert scanner.open_from() == 7
    assert not scanner.idle
    scanner.read(". ")
    assert scanner.open_from() == scanner.position
    assert scanner.idle


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


def test_a_match_without_end_holds_nothing_back_once_it_matches() -> None:
    scanner = PatternSet([Pattern("url", "https?://[^ ]+")]).scanner()
    assert scanner.feed("see https:/") == []
    assert scanner.safe == 4
    assert [Span(4, 13, "url")] == scanner.feed("/x")
    assert [Span(4, 15, "url")] == scanner.feed("yz")
    assert scanner.safe == 15


def test_the_end_of_the_text_confirms_what_is_open() -> None:
    scanner = PatternSet([Pattern("key", "sk-[a-z]{2,4}", not_after="a-z")]).scanner()
    assert scanner.feed("sk-abc") == []
    assert [Span(0, 6, "key")] == scanner.finish()
    assert scanner.safe == 6
