from __future__ import annotations

import random

import pytest

from guardproxy.match.cells import Cells
from guardproxy.match.parts import Block, Pattern, parts_of
from guardproxy.match.pattern_scanner import PatternScanner
from guardproxy.match.pattern_set import PatternSet
from guardproxy.match.starts_scanner import StartsScanner
from guardproxy.match.tracking_scanner import TrackingScanner
from guardproxy.match.units import NumbersUnit, Unit, units_of
from tests.match.oracle import clusters, of_rule, read


def _units(*wanted: Pattern | Block) -> list[Unit]:
    return units_of([part for one in wanted for part in parts_of(one)], Cells(1000), 32)


def test_numbers_are_one_unit_and_everything_else_is_one_by_itself() -> None:
    units = _units(
        Pattern("a", r"\d{3}-\d{4}"), Pattern("b", "key"), Pattern("c", r"[+(\d]\d{5,9}"), Pattern("d", "key|id", "0-9")
    )
    assert [unit.parts for unit in units] == [(1,), (3,), [0, 2]]
    assert isinstance(units[-1], NumbersUnit)


@pytest.mark.parametrize(
    "wanted",
    [
        Pattern("words", "[a-z0-9]{3,9}"),
        Pattern("long", r"\d{3,900}"),
        Pattern("endless", r"\d{3,}"),
        Pattern("capitals", "[A-Z]{3}"),
        Pattern("cut off", r"12345678\d{9}", at_end=12),
        Block("block", r"\d{3}", "x", max=9),
    ],
)
def test_what_is_no_number_is_followed_by_itself(wanted: Pattern | Block) -> None:
    assert not isinstance(_units(wanted)[0], NumbersUnit)


@pytest.mark.parametrize(
    ("wanted", "scanner", "endless", "at_end"),
    [
        (Pattern("plain", "key"), PatternScanner, False, False),
        (Pattern("endless", "key[a-z]+"), PatternScanner, True, False),
        (Pattern("cut off", "abcdefgh-[0-9]{9}", at_end=12), PatternScanner, False, True),
        (Pattern("checked", "[a-z]{9}", check=str.islower), TrackingScanner, False, False),
        (Block("block", "<k>", "</k>", max=9), TrackingScanner, True, False),
        (Pattern("number", r"\d{9}", check=str.isdigit), StartsScanner, False, False),
    ],
)
def test_a_unit_is_read_by_what_it_needs(
    wanted: Pattern | Block, scanner: type[object], endless: bool, at_end: bool
) -> None:
    (unit,) = _units(wanted)
    assert isinstance(unit.scanner(0, ""), scanner)
    assert (endless, at_end) == (unit.endless, unit.at_end)


def test_nothing_is_worked_out_before_a_unit_is_woken() -> None:
    (unit,) = _units(Pattern("r", "key[a-z]{9}", check=str.islower))
    assert unit.built == 0
    unit.scanner(0, "").read("key")
    unit.scanner(0, "").read("key")
    assert 0 < unit.built <= 3


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
