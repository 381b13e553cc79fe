from __future__ import annotations

import pytest

from guardproxy.match.pattern_set import Block, PatternSet
from guardproxy.match.scanner import Span
from tests.match.oracle import clusters, of_rule, read

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
