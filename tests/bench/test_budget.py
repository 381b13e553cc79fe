from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import BenchError
from bench.budget import MILLION, SHIPPED, per_million, read_budget
from bench.ruleset import shipped_packs, shipped_rules
from guardproxy.errors import ConfigurationError

RULES = ["zoo.lion", "zoo.zebra", "farm.cow"]
WRITTEN = """\
version: 1
packs:
  zoo:
    all_rules: 2
    each_rule: 1.5
    rules:
      zoo.zebra: {findings: 100, because: they do stand in ordinary text}
  farm: {all_rules: 0, each_rule: 0}
"""


def budget_file(folder: Path, text: str = WRITTEN) -> Path:
    file = folder / "budget.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("findings", "missed"),
    [
        ({"zoo.lion": 1, "zoo.zebra": 100, "farm.cow": 0}, []),
        ({"zoo.lion": 2, "zoo.zebra": 0}, ["zoo.lion"]),
        ({"zoo.lion": 3, "zoo.zebra": 0}, ["zoo.lion", "zoo"]),
        ({"zoo.lion": 0, "zoo.zebra": 101}, ["zoo.zebra"]),
        ({"farm.cow": 1}, ["farm.cow", "farm"]),
    ],
)
def test_a_rule_is_held_to_its_own_line_or_that_of_any_rule_and_a_pack_to_the_rest(
    tmp_path: Path, findings: dict[str, int], missed: list[str]
) -> None:
    judgements = read_budget(budget_file(tmp_path), RULES).judge(findings, MILLION)
    assert missed == [judgement.name for judgement in judgements if not judgement.ok]


def test_a_judgement_says_where_its_figure_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    budget = read_budget(budget_file(tmp_path), RULES)
    where = {judgement.name: judgement.where for judgement in budget.judge(dict.fromkeys(RULES, 0), MILLION)}
    assert where["zoo.lion"] == "budget.yaml:5:16"
    assert where["zoo.zebra"] == "budget.yaml:7:29"
    assert where["zoo"] == "budget.yaml:4:16"


def test_a_pack_nobody_wrote_a_budget_for_is_not_ok(tmp_path: Path) -> None:
    judgements = read_budget(budget_file(tmp_path), RULES).judge({"sea.cod": 0}, MILLION)
    assert [(j.name, j.ok, j.allowed, j.where) for j in judgements] == [
        ("sea.cod", False, None, None),
        ("sea", False, None, None),
    ]


@given(st.integers(0, 10**6), st.integers(1, 10**9))
def test_a_rate_is_findings_per_million_characters(findings: int, characters: int) -> None:
    assert per_million(findings, characters) * characters == pytest.approx(findings * MILLION)
    assert per_million(findings, 0) == 0


@pytest.mark.parametrize(
    ("line", "instead", "says"),
    [
        (
            "zoo.zebra:",
            "zoo.zebbra:",
            "budget.yaml:7:7: the pack 'zoo' has no rule 'zoo.zebbra', did you mean 'zoo.zebra'",
        ),
        ("zoo.zebra:", "farm.cow:", "budget.yaml:7:7: the pack 'zoo' has no rule 'farm.cow'"),
        ("  farm:", "  form:", "budget.yaml:8:3: unknown pack 'form', did you mean 'farm'"),
        (", because: they do stand in ordinary text", "", "budget.yaml:7:18: 'because' is missing"),
        ("each_rule: 1.5", "each_role: 1.5", "budget.yaml:5:5: unknown key 'each_role', did you mean 'each_rule'"),
        ("all_rules: 2", "all_rules: -1", "budget.yaml:4:16: 'all_rules'"),
        ("all_rules: 2", "all_rules: few", "budget.yaml:4:16: 'all_rules'"),
    ],
)
def test_a_mistake_in_a_budget_is_told_with_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, instead: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as refused:
        read_budget(budget_file(tmp_path, WRITTEN.replace(line, instead)), RULES)
    assert says in refused.value.message


def test_a_missing_budget_is_told(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="the budget cannot be read: No such file"):
        read_budget(tmp_path / "none.yaml", RULES)


def test_the_shipped_budget_names_only_what_ships_and_every_pack_that_ships() -> None:
    assert set(shipped_packs()) == set(read_budget(SHIPPED, shipped_rules()).packs)
