from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.charset import DIGITS, CharSet
from guardproxy.match.runs import ALPHANUMERIC, CAPITALS, HEX, Run, required_run
from guardproxy.match.syntax import parse_pattern
from tests.match.oracle import match_of
from tests.match.zoo_of_numbers import number_patterns


def meets(run: Run, match: str) -> bool:
    """Whether some chain of the text has enough of everything."""
    kind, between = "".join(run.kind.characters()), "".join(map(re.escape, run.separators.characters()))
    chains = re.findall(f"[{between}{kind}]+", match) if between else re.findall(f"[{kind}]+", match)
    return any(
        sum(char in kind for char in chain) >= run.least
        and sum(char not in kind for char in chain) >= run.least_separators
        for chain in chains
    )


@pytest.mark.parametrize(
    ("pattern", "kind", "least", "separators", "least_separators", "gap"),
    [
        (r"\d(?:[ -]?\d){12,18}", DIGITS, 13, " -", 0, 1),
        (r"\d{1,3}(?:\.\d{1,3}){3}", DIGITS, 4, ".", 3, 1),
        (r"\+?\d{1,3}[ .-]?\(?\d{3}\)?[ .-]?\d{4}", DIGITS, 8, " ().+-", 0, 2),
        (r"\d{3}-\d{2}-\d{4}", DIGITS, 9, "-", 2, 1),
        (r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", HEX, 12, ":", 5, 1),
        (r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}", CAPITALS, 16, " ", 0, 1),
        (r"[13][a-km-zA-HJ-NP-Z1-9]{25,34}", ALPHANUMERIC, 26, "", 0, 0),
        (r"[A-Z]\d{6}|\d{3}/\d{8}", DIGITS, 6, "/", 0, 1),
        (r"[\d/]{4,9}\d", DIGITS, 1, "/", 0, 9),
    ],
)
def test_the_run_a_match_needs(
    pattern: str, kind: CharSet, least: int, separators: str, least_separators: int, gap: int
) -> None:
    expected = CharSet.of((ord(char), ord(char)) for char in separators)
    assert Run(kind, least, expected, least_separators, gap) == required_run(parse_pattern(pattern))


@pytest.mark.parametrize("pattern", ["[a-z]{3,9}", "[a-f]{5}", "sk-[a-z]?", ".{3}", r"\w{5}\d?"])
def test_a_few_letters_are_no_run(pattern: str) -> None:
    assert required_run(parse_pattern(pattern)) is None


@settings(max_examples=200, deadline=None)
@given(number_patterns(), st.data())
def test_every_match_has_the_run_it_is_said_to_need(pattern: str, data: st.DataObject) -> None:
    tree = parse_pattern(pattern)
    run = required_run(tree)
    match = data.draw(match_of(tree))
    assert run is None or meets(run, match)
