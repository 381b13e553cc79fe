"""The differences, counted by decision and by rule, of the candidate as it is now."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from guardproxy.audit.comparisons import Compared, Comparison, ComparisonFile, RuleChange
from guardproxy.cli.main import app


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = ComparisonFile(tmp_path / "c.jsonl")
    for number, candidate in enumerate(("small@0a", "small@0b", "small@0b-1", "small@0b")):
        change = RuleChange("own.one", "nothing", "block", "request", f"an «•••» {number}")
        written.append(
            Comparison(
                time_ms=number, request_id=f"req_{number}", current="small@01", candidate=candidate,
                before="allow", after="block", rules=(change,),
            )
        )  # fmt: skip
    written.append(Compared(time_ms=9, candidate="small@0b", compared=40, different=3, left_out=2))
    return written.path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["candidate", "diff", *arguments])
    return result.stdout if result.exit_code == 0 else str(result.exception)


def test_the_last_revision_is_told_by_decision_and_rule(file: Path) -> None:
    assert run("--file", str(file), "--show", "2").splitlines() == [
        "candidate small@0b beside small@01",
        "40 exchanges compared, 3 would be different, 2 left out",
        "  allow -> block: 3",
        "own.one: nothing -> block in 3 requests",
        "    req_2  an «•••» 2",
        "    req_3  an «•••» 3",
    ]


def test_for_programs_and_for_all_revisions(file: Path) -> None:
    report = json.loads(run("--file", str(file), "--all", "--json", "--show", "0"))
    assert (report["candidate"], report["different"]) == (["small@0a", "small@0b"], 4)
    assert report["rules"] == [
        {
            "rule": "own.one",
            "direction": "request",
            "before": "nothing",
            "after": "block",
            "exchanges": 4,
            "excerpts": [],
        }
    ]


def test_without_traffic_nothing_is_claimed(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    assert run("--file", str(tmp_path / "empty.jsonl")) == "nothing was compared yet\n"
    assert "once policies.candidate names a policy" in run("--file", str(tmp_path / "no.jsonl"))
