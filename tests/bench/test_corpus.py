from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.corpus import EXCEEDED, FAILED, main
from tests.bench.zoo import write_budget, write_records, write_zoo


class Zoo:
    """A folder with the policy, a text of 10,000 characters that holds three zebras, and room for more files."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.policy = write_zoo(folder)
        self.budget = write_budget(folder)
        self.text = folder / "text.txt"
        self.text.write_text("zebra1111 zebra2222\n\n" + "nothing here\n" * 500 + "zebra3333\n" + "y" * 3469)
        self.out = self.err = ""

    def run(self, *arguments: object, installed: float = 0) -> int:
        options = ["--policy", self.policy, "--budget", self.budget, "--installed", installed]
        code = main([*map(str, (*arguments, *options))])
        self.out, self.err = self._capsys.readouterr()
        return code

    def values(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.out)
        return read


@pytest.fixture
def zoo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Zoo:
    return Zoo(tmp_path, capsys)


def timeless(values: dict[str, Any]) -> dict[str, Any]:
    """The values without what a clock measured."""
    for part in ("ordinary", "labelled"):
        for name in ("cpu_s", "mb_per_s"):
            values.get(part, {}).pop(name, None)
    return values


def test_findings_are_counted_exactly_and_printed(zoo: Zoo) -> None:
    assert zoo.run(zoo.text) == 0
    row = next(line.split() for line in zoo.out.splitlines() if "zoo.zebra" in line)
    assert row[:4] == ["zoo.zebra", "3", "300.00", "2"]
    assert "zebra1111" not in zoo.out


def test_json_has_the_same_figures_each_time(zoo: Zoo) -> None:
    assert zoo.run("--json", "--show", "2", zoo.text) == 0
    first = timeless(zoo.values())
    assert zoo.run("--json", "--show", "2", zoo.text) == 0
    assert first == timeless(zoo.values())
    assert first["ordinary"]["characters"] == {"all": 10_000, "named": 10_000}
    assert first["ordinary"]["rules"]["zoo.zebra"]["findings"] == 3


def test_an_exceeded_budget_fails_a_check_and_only_a_check(zoo: Zoo) -> None:
    zoo.budget = write_budget(zoo.folder, zoo={"all_rules": 1000, "each_rule": 299})
    assert zoo.run(zoo.text) == 0
    assert zoo.run("--check", zoo.text) == EXCEEDED
    assert "zoo.zebra: 3 findings are 300.00 per million characters" in zoo.err
    assert "its budget is 299 (" in zoo.err
    assert "budget.yaml:6:" in zoo.err
    assert "make the rule stricter and add a `pass` example" in zoo.err
    assert "10,000 characters say little" in zoo.err


def test_an_exceeded_pack_is_told(zoo: Zoo) -> None:
    zoo.budget = write_budget(zoo.folder, zoo={"all_rules": 299, "each_rule": 300})
    assert zoo.run("--check", zoo.text) == EXCEEDED
    assert "zoo: 3 findings are 300.00 per million" in zoo.err
    assert "zoo.zebra:" not in zoo.err


def test_a_budget_that_is_kept_passes(zoo: Zoo) -> None:
    zoo.budget = write_budget(zoo.folder, zoo={"all_rules": 300, "each_rule": 300})
    assert zoo.run("--check", zoo.text) == 0


def test_a_pack_without_a_budget_fails_a_check(zoo: Zoo) -> None:
    zoo.budget.write_text("version: 1\npacks: {}\n")
    assert zoo.run("--check", zoo.text) == EXCEEDED
    assert "zoo: this pack has no budget; write one under 'packs'" in zoo.err


def test_an_unknown_rule_in_the_budget_is_an_error_with_file_and_line(zoo: Zoo) -> None:
    own = {"zoo.zebrra": {"findings": 1, "because": "a slip"}}
    zoo.budget = write_budget(zoo.folder, zoo={"all_rules": 1, "each_rule": 1, "rules": own})
    assert zoo.run(zoo.text) == FAILED
    assert "budget.yaml:8:5: the pack 'zoo' has no rule 'zoo.zebrra', did you mean 'zoo.zebra'" in zoo.err


def test_findings_are_shown_masked_when_asked_for(zoo: Zoo) -> None:
    assert zoo.run("--show", "1", zoo.text) == 0
    assert f"{zoo.text}, piece 1: «" in zoo.out
    assert "zebra1111" not in zoo.out
    assert "zebra2222" not in zoo.out


def test_recall_and_false_alarms_of_labelled_files(zoo: Zoo) -> None:
    marked = [{"start": 2, "end": 11, "type": "ANIMAL"}]
    attacks = write_records(
        zoo.folder / "attacks.jsonl.gz",
        {"text": "a zebra1111", "label": "attack", "kind": "plain", "spans": marked},
        {"text": "lion1", "label": "attack", "kind": "plain", "position": "user"},
        {"text": "a horse", "label": "attack", "kind": "plain"},
    )
    benign = write_records(zoo.folder / "benign.jsonl", {"text": "zebra1234", "label": "benign"})
    assert zoo.run("--json", "--labelled", attacks, benign) == 0
    labelled = zoo.values()["labelled"]
    assert [(g["label"], g["texts"], g["found"], g["means"]) for g in labelled["groups"]] == [
        ("attack", 3, 1, "recall"),
        ("benign", 1, 1, "false alarms"),
    ]
    assert labelled["marked"] == {"ANIMAL": {"places": 1, "found": 1, "wholly": 1}}
    assert zoo.run("--everywhere", "--labelled", attacks, benign) == 0
    assert "66.67%  recall" in zoo.out


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_broken_line_ends_the_run_with_its_number(zoo: Zoo, name: str) -> None:
    file = write_records(zoo.folder / name, {"text": "good"}, ["bad"])
    assert zoo.run("--labelled", file) == FAILED
    assert f'corpus: {file}:2: each line is a JSON object with "text"' in zoo.err
    assert zoo.out == ""


def test_the_text_of_this_python_is_measured_when_none_is_named(zoo: Zoo) -> None:
    assert zoo.run("--json", installed=0.03) == 0
    characters = zoo.values()["ordinary"]["characters"]
    assert {"all", "prose", "code", "documentation"} == set(characters)


def test_generated_tables_are_counted_by_themselves(zoo: Zoo) -> None:
    assert zoo.run("--json", "--tables", "0.01", zoo.text) == 0
    assert {"all", "tables"} == set(zoo.values()["tables"]["characters"])
    assert zoo.values()["ordinary"]["rules"]["zoo.zebra"]["findings"] == 3
    assert zoo.values()["tables"]["rules"]["zoo.zebra"]["findings"] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "there is no text to measure"),
        (["--packs", "farm", "TEXT"], "has no rules of a pack 'farm'"),
        (["--check", "--labelled", "RECORDS"], "--check needs ordinary text"),
    ],
)
def test_what_cannot_be_measured_is_told(zoo: Zoo, arguments: list[str], says: str) -> None:
    records = write_records(zoo.folder / "a.jsonl", {"text": "a horse"})
    names = {"TEXT": str(zoo.text), "RECORDS": str(records)}
    assert zoo.run(*(names.get(argument, argument) for argument in arguments)) == FAILED
    assert says in zoo.err


@pytest.mark.parametrize("arguments", [["--installed", "-1"], ["--show", "-1"], ["--installed", "much"]])
def test_wrong_arguments_are_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "error:" in capsys.readouterr().err


def test_help_teaches_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    printed = capsys.readouterr().out
    assert "python -m bench.corpus --packs secrets --show 5" in printed
    assert "exit code:" in printed
