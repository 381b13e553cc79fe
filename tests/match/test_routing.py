from __future__ import annotations

import random

import pytest

from guardproxy.match.parts import Block, Pattern, parts_of
from guardproxy.match.pattern_set import PatternSet
from guardproxy.match.routing import Routes, routes_of
from tests.match.oracle import clusters, of_rule, read


def _routes(*wanted: Pattern | Block) -> Routes:
    return routes_of([part for one in wanted for part in parts_of(one)], 1000, 32)


def test_numbers_share_one_machine_and_one_pattern_of_the_automaton() -> None:
    routes = _routes(Pattern("a", r"\d{3}-\d{4}"), Pattern("b", "key"), Pattern("c", r"[+(\d]\d{5,9}"))
    assert len(routes.programs) == 2
    assert list(routes.following.part_of) == [1]
    assert list(routes.following.trackers) == [1]
    assert len(routes.machines) == 1


@pytest.mark.parametrize(
    "wanted",
    [
        Pattern("words", "[a-z0-9]{3,9}"),
        Pattern("long", r"\d{3,900}"),
        Pattern("endless", r"\d{3,}"),
        Pattern("capitals", "[A-Z]{3}"),
    ],
)
def test_other_patterns_are_left_to_the_automaton(wanted: Pattern) -> None:
    routes = _routes(wanted)
    assert not routes.following.trackers
    assert list(routes.following.part_of) == [0]


def test_checked_words_and_blocks_are_followed_where_they_stand() -> None:
    routes = _routes(Pattern("w", "[a-z]{9}", check=str.islower), Block("b", "<k>", "</k>", max=9), Pattern("p", "x"))
    assert sorted(routes.following.trackers) == [0, 1]
    assert frozenset([1]) == routes.endless
    assert len(routes.programs) == 3


def test_so_much_text_is_kept_as_the_longest_followed_match_needs() -> None:
    assert _routes(Pattern("a", r"\d{16}"), Pattern("b", "k{500}")).following.reach == 17


def test_many_kinds_of_numbers_do_not_multiply() -> None:
    patterns = PatternSet(
        [
            *(
                Pattern(f"id{n}", rf"\d{{{n % 4 + 2}}}[ -]?\d{{{n % 5 + 2}}}[ -]?\d{{{n % 3 + 2}}}", "0-9", "0-9")
                for n in range(20)
            ),
            Pattern("phone", r"\+?\(?\d{1,4}\)?(?:[ .-]?\(?\d{2,4}\)?){2,4}", "0-9", "0-9"),
        ]
    )
    chance = random.Random(1)
    text = "".join(chance.choice("0123456789") + chance.choice(["", "", " ", "-"]) for _ in range(4000))
    read(patterns.scanner(), [text])
    assert patterns.transitions_built < len(text)


def test_a_rule_may_be_found_by_two_parts_in_different_places() -> None:
    patterns = PatternSet([Pattern("r", r"\b\d{3}\b|key")])
    assert clusters(of_rule(patterns.scan("123-key"), "r")) == [(0, 3), (4, 7)]
