from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.pattern_set import Pattern
from guardproxy.match.syntax import parse_pattern
from guardproxy.match.tree import longest
from guardproxy.policyfile.compile import CompiledRule, compile_rule
from guardproxy.policyfile.holding import TOLD_FROM, holding_rules, longest_text, most_held
from guardproxy.policyfile.load import read_rule
from tests.match.oracle import Sample, tiny_samples
from tests.policyfile.workshop import rule, write_rule
from tests.promises import packs


def compiled(folder: Path, pattern: str, **changes: object) -> CompiledRule:
    return compile_rule(read_rule(write_rule(folder, rule("mine.one", pattern, **changes))))


@pytest.mark.parametrize(
    ("pattern", "held"),
    [
        (".{1,9990}ENDMARK", 9996),
        ("(?i)[a-z ]{600}!", 600),
        (r"x|ab[^\n]{1,700}!", 702),
        (r"\w{1,800}\b", 799),
        (r"sk-\w{1,4000}!", 4003),
        ("[^7]{600}!|[^a]{800}!", 800),
    ],
)
def test_what_waits_is_as_long_as_the_match_that_it_may_become(pattern: str, held: int, tmp_path: Path) -> None:
    assert most_held(compiled(tmp_path, pattern)) == held


@pytest.mark.parametrize(
    "pattern",
    [
        f".{{1,{TOLD_FROM - 2}}}!",
        ".{1,9990}",  # known from its first character on
        "a[^\\n]+",
        r"sk-\w{1,2000}!",  # ordinary text does not begin so
    ],
)
def test_other_rules_keep_little_waiting(pattern: str, tmp_path: Path) -> None:
    assert most_held(compiled(tmp_path, pattern)) == 0


def test_of_a_block_only_the_start_waits(tmp_path: Path) -> None:
    for start, end, held in (("<a.{1,700}>", "x", 702), ("<a", ".{1,700}>", 0)):
        block = compiled(tmp_path, "", detector="block", **{"with": {"start": start, "end": end, "max": 9}})
        assert most_held(block) == held


def test_what_waits_is_told_with_its_place_and_its_cure(tmp_path: Path) -> None:
    holding = compiled(tmp_path, ".{1,9990}ENDMARK")
    (line,) = holding_rules([holding])
    assert line.startswith(f"{holding.document.at('with', 'pattern')}: warning: 9,996 characters of a stream or more")
    assert line.endswith("with the detector block, which keeps nothing waiting")


def test_a_rule_that_is_off_keeps_nothing_waiting(tmp_path: Path) -> None:
    assert holding_rules([compiled(tmp_path, ".{1,9990}ENDMARK", action="allow")]) == []


def test_no_rule_that_ships_keeps_ordinary_text_waiting() -> None:
    assert holding_rules(packs.rules().values()) == []


@settings(max_examples=50, deadline=None)
@given(tiny_samples(), st.sampled_from("aA 1é"))
def test_the_longest_text_of_a_pattern_matches_it(samples: list[Sample], favourite: str) -> None:
    for sample in samples:
        pattern = Pattern("r", sample.pattern.core, ignore_case=sample.pattern.ignore_case)
        tree = parse_pattern(pattern.core, ignore_case=pattern.ignore_case)
        text = longest_text(tree, favourite)
        assert (0, len(text)) in Sample(pattern, sample.python).matches(text)
        assert len(text) <= longest(tree)
