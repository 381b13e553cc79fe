from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.blocks import Search, any_of
from guardproxy.match.charset import LAST_CODE_POINT, CharSet
from guardproxy.match.layout import has_matched
from guardproxy.match.pattern_set import Block, PatternSet
from guardproxy.match.scanner import Span
from guardproxy.match.syntax import parse_programs
from guardproxy.match.work import Work
from tests.match.oracle import clusters, cuts, of_rule, read

KEY = Block("key", "<k{1,3}>", "</k>|;", max=12, not_before="a")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b <k>123</k> c", [(4, 14)]),
        ("<kk>;<k>x;.", [(0, 5), (5, 10)]),
        ("<k>1<kk>2;3", [(0, 10)]),
        ("a<k>1;", []),
        ("<k>" + "-" * 20, [(0, 15)]),
        ("<k>" + "-" * 9 + "<k>" + "-" * 20, [(0, 27)]),
        ("<k>--", [(0, 5)]),
        ("; </k> <k", []),
    ],
)
def test_a_block_reaches_to_the_first_end_behind_its_last_start_or_to_its_bound(
    text: str, expected: list[tuple[int, int]]
) -> None:
    patterns = PatternSet([KEY])
    assert expected == clusters(of_rule(patterns.scan(text), "key"))
    assert expected == clusters(of_rule(read(patterns.scanner(), list(text)), "key"))


def test_nothing_waits_once_a_block_is_open() -> None:
    scanner = PatternSet([KEY]).scanner()
    assert scanner.feed("see <") == []
    assert scanner.safe == 4
    assert Span(4, 8, "key") in scanner.feed("k>1")
    assert scanner.safe == 8
    assert [Span(4, 10, "key")] == scanner.feed("</")
    assert scanner.safe == 10
    assert [Span(4, 12, "key")] == scanner.feed("k> and")
    assert scanner.safe == 16


def test_an_end_that_began_before_the_start_was_over_is_none() -> None:
    patterns = PatternSet([Block("dashes", "B-", "-{2}", max=50)])
    assert clusters(of_rule(patterns.scan("B---- x"), "dashes")) == [(0, 4)]


def test_a_start_that_shares_characters_with_an_end_opens_the_next_block() -> None:
    patterns = PatternSet([Block("r", "<a", "<", max=9)])
    assert clusters(of_rule(patterns.scan("<a.<a..<b"), "r")) == [(0, 8)]


@pytest.mark.parametrize("piece", [1, 4, 100])
def test_a_start_far_from_any_end_makes_its_block_reach_farther(piece: int) -> None:
    text = "<a--<a-<a" + "-" * 20
    scanner = PatternSet([Block("r", "<a", ">", max=9)]).scanner()
    found = read(scanner, [text[at : at + piece] for at in range(0, len(text), piece)])
    assert clusters(of_rule(found, "r")) == [(0, 18)]


@pytest.mark.parametrize("piece", [1, 2, 7, 100])
def test_an_end_that_goes_on_is_not_the_end_of_a_block_that_is_opened_with_it(piece: int) -> None:
    text = "--BEGIN--x--END-- y --BEGIN-----secret secret secret--END--"
    patterns = PatternSet([Block("p", "--BEGIN--", "--END-+", max=50)])
    pieces = [text[at : at + piece] for at in range(0, len(text), piece)]
    assert clusters(of_rule(read(patterns.scanner(), pieces), "p")) == [(0, 16), (20, 58)]


def test_what_began_before_the_last_start_is_no_end() -> None:
    patterns = PatternSet([Block("p", "<k>", "ab|<kk", max=50)])
    assert clusters(of_rule(patterns.scan("<k>qa<k>b secret ab."), "p")) == [(0, 19)]
    patterns = PatternSet([Block("p", "a.c", "bcd", max=50)])
    assert clusters(of_rule(patterns.scan("abcabcd secret bcd."), "p")) == [(0, 18)]


def test_blocks_of_different_rules_do_not_disturb_each_other() -> None:
    patterns = PatternSet([KEY, Block("note", "note:", r"\n", max=30, ignore_case=True)])
    found = patterns.scan("<k>1 Note: 2; 3\n4")
    assert clusters(of_rule(found, "key")) == [(0, 13)]
    assert clusters(of_rule(found, "note")) == [(5, 16)]


def test_starts_without_an_end_cost_what_one_costs() -> None:
    patterns = PatternSet([Block("key", "-{5}BEGIN", "-{5}END", max=5000)])
    text = "-----BEGIN " * 2000
    assert [(0, len(text))] == clusters(of_rule(read(patterns.scanner(), [text]), "key"))
    assert patterns.transitions_built < 100


def test_a_block_that_is_over_is_sure_while_its_start_may_still_grow() -> None:
    scanner = PatternSet([Block("r", "<k(?:--!)?", "-", max=9)]).scanner()
    scanner.feed("<k--")
    assert scanner.safe == 3
    assert clusters([*of_rule(scanner.feed("! x"), "r")]) == [(0, 7)]


def test_a_start_in_a_block_that_is_open_is_told_with_it() -> None:
    patterns = PatternSet([KEY])
    for pieces in (["<k>1<kk>2;3<k>"], list("<k>1<kk>2;3<k>")):
        assert {start for start, _ in of_rule(read(patterns.scanner(), pieces), "key")} == {0, 11}


@pytest.mark.parametrize("piece", [1, 12, 30_000])
def test_to_be_opened_again_and_again_costs_little_more_than_to_be_read(piece: int) -> None:
    text = "<<a" * 2000
    scanner = PatternSet([Block("r", "<<[a-z]", ">>end", max=100_000)]).scanner()
    assert clusters(of_rule(read(scanner, [text[at : at + piece] for at in range(0, len(text), piece)]), "r")) == [
        (0, len(text))
    ]
    assert len(text) / 3 < scanner.work < 8 * len(text)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([("ab?c", "ab?c"), ("[b-d]{2}a|cb", "[b-d]{2}a|cb"), (".b", "[^\n]b")]), st.data())
def test_a_search_finds_where_the_first_match_ends_whatever_it_passes_over(
    end: tuple[str, str], data: st.DataObject
) -> None:
    (program,) = parse_programs(end[0], holds=False)
    text = data.draw(st.text("abcdx\n", max_size=30))
    search = Search(program, Work())
    expected, position = search.expected, 0
    for piece in data.draw(cuts(text)):
        at = 0
        while at < len(piece) and not has_matched(expected):
            if expected == search.expected:
                at = search.quiet(piece, at, len(piece))
            if at < len(piece):
                expected, at = search.read(expected, piece, at, len(piece))
        position += at
    ends = [to for begin in range(len(text)) for to in range(len(text) + 1) if re.fullmatch(end[1], text[begin:to])]
    assert (position if has_matched(expected) else None) == min(ends, default=None)


@given(st.lists(st.tuples(st.integers(0, LAST_CODE_POINT), st.integers(0, 300)), min_size=1, max_size=5), st.data())
def test_an_expression_finds_the_characters_of_a_set(intervals: list[tuple[int, int]], data: st.DataObject) -> None:
    chars = CharSet.of((first, min(first + more, LAST_CODE_POINT)) for first, more in intervals)
    first, last = chars.intervals[0]
    near = [chr(code) for code in (first - 1, first, last, last + 1) if 0 <= code <= LAST_CODE_POINT]
    for char in [*data.draw(st.lists(st.characters())), *near, "[", "\\", "^", "-"]:
        assert bool(any_of(chars).search(char)) == (char in chars)


@pytest.mark.parametrize("piece", [1, 3, 100])
def test_a_start_that_began_before_the_last_one_and_ends_behind_it_hides_from_its_beginning(piece: int) -> None:
    text = "z bc! abcde" + "-" * 12
    scanner = PatternSet([Block("r", "bc|abcde|z[^q]{1,30}q", "!", max=9)]).scanner()  # from z on it is awake
    found = read(scanner, [text[at : at + piece] for at in range(0, len(text), piece)])
    assert clusters(of_rule(found, "r")) == [(2, 5), (6, 20)]


def test_what_is_hidden_is_sure_for_a_start_that_goes_on_behind_the_next_block() -> None:
    scanner = PatternSet([Block("r", "<k(?:-<k!)?", "-", max=9)]).scanner()
    scanner.feed("<k-<k")
    assert scanner.safe == 3
    assert clusters(of_rule(scanner.feed("! x"), "r")) == [(0, 8)]
