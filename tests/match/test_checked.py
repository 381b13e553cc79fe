from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.checked import CheckedTracker
from guardproxy.match.parts import Check, parts_of
from guardproxy.match.pattern_set import Pattern, PatternSet
from guardproxy.match.scanner import Span
from guardproxy.match.starts import StartMachine
from guardproxy.match.starts_scanner import StartsScanner
from tests.match.oracle import clusters, cuts, of_rule, read

NUMBER = r"\d(?:[ -]?\d){3,6}"
soups = st.lists(st.sampled_from(["1", "2", "7", "1 ", "5-", "9 ", "x"]), min_size=20, max_size=120).map("".join)


def _never(_: str) -> bool:
    return False


def test_a_match_that_fails_its_check_does_not_hide_one_inside_of_it() -> None:
    patterns = PatternSet([Pattern("even", "[a-z]{2,4}", not_after="0-9", check=lambda text: text in ("bc", "bcd"))])
    assert [Span(1, 4, "even")] == patterns.scan("abcd.")


def test_what_failed_its_check_is_let_go() -> None:
    scanner = PatternSet([Pattern("r", r"\d{4}", check=_never), Pattern("s", "key[a-z]{4}", check=_never)]).scanner()
    assert scanner.feed("1234") == []
    assert scanner.safe == 1
    assert scanner.feed(" keyabcd") == []
    assert scanner.safe == 12


def test_a_check_sees_the_text_as_it_is_matched_also_across_pieces() -> None:
    seen: list[str] = []

    def check(text: str) -> bool:
        seen.append(text)
        return True

    patterns = PatternSet([Pattern("card", NUMBER, "0-9", "0-9", check=check)])
    assert [Span(3, 9, "card")] == read(patterns.scanner(), list("no 12 456."))
    assert seen == ["12 456"]


@settings(max_examples=60, deadline=None)
@given(soups, st.data())
def test_the_bound_on_checks_hides_more_and_the_same_for_every_way_of_cutting(text: str, data: st.DataObject) -> None:
    calls = 0

    def check(match: str) -> bool:
        nonlocal calls
        calls += 1
        return len(match) == 5 and match.startswith("7")

    pattern = Pattern("card", NUMBER, "0-9", "0-9", check=check)
    bounded, free = PatternSet([pattern], free_checks=3), PatternSet([pattern], free_checks=10_000)
    whole = bounded.scan(text)
    assert calls <= 3 * len(text) / 4 + len(text)
    assert clusters(of_rule(whole, "card")) == clusters(of_rule(read(bounded.scanner(), data.draw(cuts(text))), "card"))
    assert read(bounded.scanner(), [text]) == whole
    hidden = {i for span in whole for i in range(span.start, span.end)}
    assert {i for span in free.scan(text) for i in range(span.start, span.end)} <= hidden


def test_as_many_checks_are_made_as_a_run_has_characters_from_its_first_start_on() -> None:
    asked: list[str] = []

    def check(match: str) -> bool:
        asked.append(match)
        return False

    pattern = Pattern("r", "a{1,2}[b-z]{6}|[b-z]{2}", not_after="A-Z", check=check)
    assert PatternSet([pattern], free_checks=0).scan("aabcdefg") == []
    assert asked == ["bc", "cd", "de", "ef", "aabcdefg", "abcdefg", "fg"]


def test_digits_in_any_grouping_cost_a_bounded_number_of_checks_and_of_steps() -> None:
    calls = 0

    def check(match: str) -> bool:
        nonlocal calls
        calls += 1
        return False

    patterns = PatternSet([Pattern("card", r"\d(?:[ -]?\d){12,18}", "0-9", "0-9", check=check)])
    chance = random.Random(3)
    text = "".join(chance.choice("0123456789") + chance.choice(["", "", " ", "-"]) for _ in range(5000))
    read(patterns.scanner(), [text])
    assert calls <= len(text) + 32
    assert patterns.transitions_built < 1000
    calls = 0
    patterns.scan("7" * 50_000)
    assert calls == 0


def test_for_each_end_only_the_first_start_that_passes_is_reported() -> None:
    every = PatternSet([Pattern("r", r"\d{2,3}", not_after="x", check=str.isdigit)])
    assert every.scan("123 ") == [Span(0, 3, "r")]
    some = PatternSet([Pattern("r", r"\d{2,3}", not_after="x", check=lambda text: text in ("23", "3 "))])
    assert some.scan("123 ") == [Span(1, 3, "r")]


def test_what_passed_is_sure_while_it_may_still_grow() -> None:
    scanner = PatternSet([Pattern("r", r"\d{3,9}", not_after="x", check=str.isdigit)]).scanner()
    assert scanner.feed("1234") == [Span(0, 3, "r")]
    assert scanner.safe == 3


def test_a_start_that_has_not_matched_yet_is_not_forgotten_when_a_later_one_has() -> None:
    patterns = PatternSet([Pattern("r", "a-[a-z]{6}|[b-z]{2}", not_after="A-Z", check=str.islower)])
    assert clusters(of_rule(read(patterns.scanner(), list("a-bcdefgh.")), "r")) == [(0, 9)]


def test_numbers_that_share_a_machine_keep_their_own_edges() -> None:
    patterns = PatternSet([Pattern("free", r"\d{3}"), Pattern("edged", r"\d{2}", "x")])
    assert patterns.scan("x123") == [Span(1, 4, "free"), Span(2, 4, "edged")]


def test_patterns_that_match_the_same_text_share_what_their_check_says() -> None:
    asked: list[str] = []

    def check(match: str) -> bool:
        asked.append(match)
        return match == "3333"

    patterns = PatternSet([Pattern(f"r{least}", rf"\d{{{least},4}}", not_after="0-9", check=check) for least in (2, 3)])
    assert patterns.scan("3333.") == [Span(0, 4, "r2"), Span(0, 4, "r3")]
    assert patterns.scan("123.") == []
    assert asked == ["3333", "123", "23"]


@settings(max_examples=40, deadline=None)
@given(soups, st.data())
def test_the_work_is_the_same_for_every_way_of_cutting(text: str, data: st.DataObject) -> None:
    def work(pieces: list[str]) -> int:
        patterns = [Pattern(f"n{most}", rf"\d(?:[ -]?\d){{3,{most}}}", "0-9", "0-9", check=_never) for most in (6, 8)]
        parts = [part for pattern in patterns for part in parts_of(pattern)]
        machine = StartMachine([part.program for part in parts])
        scanner = StartsScanner(CheckedTracker(machine, range(len(parts)), [part.check for part in parts], 3), 40)
        for piece in pieces:
            scanner.read(piece)
        scanner.end()
        return machine.cells.work.done

    assert work([text]) == work(data.draw(cuts(text))) == work(list(text))


def test_a_run_that_is_over_lends_nothing_to_what_touches_it() -> None:
    pattern = Pattern("r", "a[a-z]{3}|[x-z]{1,2}", not_after="A-Z", check=_never)
    assert PatternSet([pattern], free_checks=0).scan("abcdxy") == [Span(5, 6, "r")]


def test_what_passes_in_a_fork_passes_in_the_other_too() -> None:
    scanner = PatternSet([Pattern("r", r"\d{3,9}", not_after="x", check=lambda text: len(text) == 5)]).scanner()
    assert scanner.feed("1234") == []
    fork = scanner.fork()
    for one in (fork, scanner):
        assert one.feed("5") == []
        assert one.feed(" ") == [Span(0, 5, "r")]


def test_what_a_fork_asks_is_not_counted_against_the_other() -> None:
    pattern = Pattern("r", "a{1,2}[b-z]{6}|[b-z]{2}", not_after="A-Z", check=_never)
    scanner = PatternSet([pattern], free_checks=0).scanner()
    assert scanner.feed("aabcd") == []
    fork = scanner.fork()
    for one in (fork, scanner):
        assert one.feed("efg ") == []


@pytest.mark.parametrize("check", [None, str.isdigit])
@pytest.mark.parametrize("pieces", [["x123 "], ["x", "123 "], ["x1", "23 "], ["x12", "3 "]])
def test_who_is_woken_at_the_beginning_of_a_piece_knows_what_stands_before(
    check: Check | None, pieces: list[str]
) -> None:
    wanted = [Pattern("free", r"\d{3}", check=check), Pattern("edged", r"\d{2}", "x", check=check)]
    assert read(PatternSet(wanted).scanner(), pieces) == [Span(1, 4, "free"), Span(2, 4, "edged")]


@pytest.mark.parametrize("check", [None, str.isdigit])
def test_who_is_woken_knows_the_first_of_all_starts_inside_of_words_and_at_their_beginning(check: Check | None) -> None:
    words = Pattern("words", r"2\d", "A-Za-z", "x", check=check)
    wanted = [words, Pattern("anywhere", r"7\d{4}", check=check)]
    for patterns in (wanted, wanted[::-1]):
        found = read(PatternSet(patterns).scanner(), ["71", "234 "])
        assert sorted(found) == [Span(0, 5, "anywhere"), Span(2, 4, "words")]
    words = Pattern("words", r"2\d{4}", "A-Za-z", check=check)
    wanted = [words, Pattern("anywhere", r"7\d{1,9}", "", "x", check=check)]
    for patterns in (wanted, wanted[::-1]):
        assert sorted(read(PatternSet(patterns).scanner(), ["27", "345 "])) == [
            Span(0, 5, "words"),
            Span(1, 5, "anywhere"),
        ]
