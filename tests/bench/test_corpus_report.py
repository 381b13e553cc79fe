from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from bench.budget import Budget, read_budget
from bench.corpus_report import (
    labelled_values,
    ordinary_values,
    percent,
    render_labelled,
    render_ordinary,
    render_shown,
    table,
)
from bench.detection import Found, Labelled, Ordinary, RuleCount, Shown, Work
from bench.ordinary_text import Kind
from tests.bench.zoo import write_budget


@pytest.fixture
def budget(tmp_path: Path) -> Budget:
    return read_budget(write_budget(tmp_path, zoo={"all_rules": 4, "each_rule": 3}), ["zoo.zebra", "zoo.lion"])


def ordinary() -> Ordinary:
    zebra = RuleCount(Counter(prose=2, code=3), Counter(prose=1, code=3), [Shown("a module, piece 1", "a «•••»")])
    characters = Counter({Kind.PROSE: 400_000, Kind.CODE: 600_000})
    return Ordinary({"zoo.lion": RuleCount(), "zoo.zebra": zebra}, characters, Work(250, 1_000_000, 1_000_000, 0.5))


def labelled() -> Labelled:
    groups = {("attack", "a"): Found(30, 20), ("attack", "b"): Found(10, 1), ("benign", ""): Found(400, 1)}
    zebra = RuleCount(Counter(attack=25, benign=1), Counter(attack=21, benign=1))
    return Labelled(
        {"zoo.lion": RuleCount(), "zoo.zebra": zebra}, groups, {"ANIMAL": Found(8, 6, 4)}, Work(440, 9, 9, 1)
    )


def test_figures_stand_to_the_right_and_words_to_the_left() -> None:
    assert table([("name", "n"), ("a", "1,000"), ("bcdef", "2")]) == "  name       n\n  a      1,000\n  bcdef      2"


def test_the_table_has_rule_pack_rate_kinds_and_budget(budget: Budget) -> None:
    lines = render_ordinary(ordinary(), budget.judge({"zoo.lion": 0, "zoo.zebra": 5}, 1_000_000), False).splitlines()
    assert lines[0] == "ordinary text: 1.00 M characters in 250 texts (prose 0.40 M, code 0.60 M)"
    assert lines[1].split() == ["rule", "findings", "per", "M", "texts", "prose", "code", "budget", "ok"]
    assert lines[2].split() == ["zoo.zebra", "5", "5.00", "4", "2", "3", "<=", "3", "NO"]
    assert lines[3].split() == ["zoo", "5", "5.00", "4", "2", "3", "<=", "4", "NO"]
    assert lines[4:] == [
        "  1 rules that found nothing are not listed; --all lists them",
        "  1.0 MB in 0.5 s of CPU: 2.0 MB/s",
    ]


def test_all_lists_the_rules_that_found_nothing(budget: Budget) -> None:
    printed = render_ordinary(ordinary(), budget.judge({"zoo.lion": 0, "zoo.zebra": 5}, 1_000_000), True)
    assert "zoo.lion" in printed
    assert "not listed" not in printed


def test_recall_is_told_of_attacks_and_false_alarms_of_harmless_text() -> None:
    lines = [line.split() for line in render_labelled(labelled(), "kind").splitlines()]
    assert ["attack", "a", "30", "20", "66.67%"] in lines
    assert ["attack", "all", "40", "21", "52.50%", "recall"] in lines
    assert ["benign", "all", "400", "1", "0.25%", "false", "alarms"] in lines
    assert ["ANIMAL", "8", "75.00%", "50.00%"] in lines
    assert ["zoo.zebra", "21", "1"] in lines
    assert not any("zoo.lion" in line for line in lines)


def test_nothing_of_nothing_is_no_share() -> None:
    assert percent(0, 0) == "-"


def test_findings_to_look_at_stand_under_their_rule() -> None:
    assert render_shown("look", ordinary().rules) == "look\n  zoo.zebra\n    a module, piece 1: a «•••»"


def test_the_counts_can_be_read_by_a_machine(budget: Budget) -> None:
    judgements = budget.judge({"zoo.lion": 0, "zoo.zebra": 5}, 1_000_000)
    plain = json.loads(json.dumps(ordinary_values(ordinary(), judgements)))
    assert plain["characters"] == {"all": 1_000_000, "prose": 400_000, "code": 600_000}
    assert plain["rules"]["zoo.zebra"]["per_million"] == 5
    assert plain["rules"]["zoo.lion"]["findings"] == 0
    assert {j["name"]: j["ok"] for j in plain["judgements"]} == {"zoo.lion": True, "zoo.zebra": False, "zoo": False}
    known = json.loads(json.dumps(labelled_values(labelled())))
    assert known["groups"][0] == {"label": "attack", "group": "a", "texts": 30, "found": 20, "means": "recall"}
    assert known["marked"] == {"ANIMAL": {"places": 8, "found": 6, "wholly": 4}}
    assert known["rules"]["zoo.zebra"]["texts"] == {"attack": 21, "benign": 1}
