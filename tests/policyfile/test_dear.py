from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from guardproxy.core.policy import MATCHING_WORK_PER_CHARACTER
from guardproxy.match.syntax import parse_programs
from guardproxy.policyfile.compile import CompiledRule, compile_rule
from guardproxy.policyfile.dear import candidates, dear_rules, steps_a_character
from guardproxy.policyfile.load import read_rule
from tests.policyfile.workshop import rule, write_rule
from tests.promises import packs


def compiled(folder: Path, pattern: str, **changes: object) -> CompiledRule:
    return compile_rule(read_rule(write_rule(folder, rule("mine.one", pattern, **changes))))


@pytest.mark.parametrize("pattern", ["x(?:[a-z]|[a-m][n-z]){0,99}1", "[a-z]{1,90}(?:[a-m]{2}[n-z]{0,90})?[a-z]{0,90}!"])
def test_a_rule_whose_matches_begin_in_each_other_is_dear(pattern: str, tmp_path: Path) -> None:
    assert steps_a_character(compiled(tmp_path, pattern)) > 2 * MATCHING_WORK_PER_CHARACTER


@pytest.mark.parametrize(
    "pattern", ["x[a-w]{0,200}1", "sk-[a-z0-9]{20,200}", "[0-9]{3}-[0-9]{2}-[0-9]{4}", "é-[0-9é]{4}"]
)
def test_other_rules_are_not(pattern: str, tmp_path: Path) -> None:
    assert steps_a_character(compiled(tmp_path, pattern)) < MATCHING_WORK_PER_CHARACTER


def test_what_must_not_stand_before_a_match_is_a_cure(tmp_path: Path) -> None:
    cured = {"with": {"pattern": "x(?:[a-z]|[a-m][n-z]){0,99}1", "not_before": "a-z"}}
    assert steps_a_character(compiled(tmp_path, "", **cured)) < MATCHING_WORK_PER_CHARACTER


def test_a_block_is_tried_as_well(tmp_path: Path) -> None:
    block = compiled(
        tmp_path, "", detector="block", **{"with": {"start": "x(?:[a-z]|[a-m][n-z]){0,99}1", "end": "y", "max": 9}}
    )
    (line,) = dear_rules([block], MATCHING_WORK_PER_CHARACTER)
    assert line.startswith(block.document.at("with", "start"))


def test_what_is_dear_is_told_with_its_place_and_its_cure(tmp_path: Path) -> None:
    dear = compiled(tmp_path, "x(?:[a-z]|[a-m][n-z]){0,99}1")
    (line,) = dear_rules([dear], MATCHING_WORK_PER_CHARACTER)
    assert line.startswith(f"{dear.document.at('with', 'pattern')}: warning: text like its matches costs some ")
    assert "`limits: matching_work` allows 3" in line
    assert line.endswith("say with not_before what it cannot begin behind, or lower the repeat")
    assert dear_rules([dear], MATCHING_WORK_PER_CHARACTER) == [line]
    assert dear_rules([dear], 1_000) == dear_rules([dear], None) == []


def test_a_rule_that_is_off_costs_nothing(tmp_path: Path) -> None:
    assert (
        dear_rules([compiled(tmp_path, "x(?:[a-z]|[a-m][n-z]){0,99}1", action="allow")], MATCHING_WORK_PER_CHARACTER)
        == []
    )


def test_no_rule_that_ships_is_dear() -> None:
    assert dear_rules(packs.rules().values(), MATCHING_WORK_PER_CHARACTER) == []


def test_candidates_begin_again_and_again_in_what_goes_on() -> None:
    (program,) = parse_programs("x[a-z]{0,200}1")
    text = candidates([program.tree], Random(1))
    assert text == candidates([program.tree], Random(1))
    assert len(text) == 3000
    assert set(text) == {*"abcdefghijklmnopqrstuvwxyz\n"}
    assert 0.2 < text.count("x") / len(text) < 0.4
