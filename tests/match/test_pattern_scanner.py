from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.automaton import Automaton
from guardproxy.match.cells import Cells
from guardproxy.match.parts import parts_of
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


def _automaton(core: str) -> Automaton:
    return Automaton(parts_of(Pattern("r", core))[0].program)


def test_a_pattern_kept_apart_is_not_reported_but_put_down_one_by_one() -> None:
    scanner = PatternScanner(_automaton("ab{1,3}"), apart=True)
    scanner.read("abbb")
    assert scanner.matches == [(0, 2), (0, 3), (0, 4)]
    assert scanner.drain() == {}
    assert scanner.position == 4


@settings(max_examples=100, deadline=None)
@given(samples_and_text(), st.lists(st.integers(0, 3), max_size=30))
def test_what_was_looked_up_and_what_was_not_is_found_alike(
    example: tuple[list[Sample], str], tries: list[int]
) -> None:
    samples, text = example
    for sample in samples:
        for part in parts_of(sample.pattern):
            found = []
            for cells in (1, 300, 100_000):
                automaton = Automaton(part.program, cells=Cells(cells))
                for times in (1, 2, 3):  # nothing is known the first time, and more and more then
                    for cut in [0, *tries]:
                        scanner = PatternScanner(automaton)
                        at = min(cut * times, len(text))
                        scanner.read(text[:at])
                        scanner.read(text[at:])
                        safe = scanner.safe
                        scanner.end()
                        found.append((sorted(scanner.drain()), safe))
            assert all(one == found[0] for one in found)


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
