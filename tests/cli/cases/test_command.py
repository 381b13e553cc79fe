"""The command finds the cases, tells what failed with its place, and ends with a code a pipeline can use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from guardproxy.cli.main import app
from tests.policyfile.workshop import rule, write

GOOD = """cases:
  - case: it is hidden
    messages: [{user: an abc}]
    expect: redact
    sent: an [REDACTED:own.one]
"""
BAD = (
    GOOD
    + """  - case: it is not hidden
    messages: [{user: an abc here}]
    expect: allow
    sent: an abc here
"""
)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return write(tmp_path / "p.yaml", {"version": 1, "name": "p", "rules": [rule("own.one", "abc")]})


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["test", *arguments])


def test_cases_that_hold_end_well(policy: Path) -> None:
    (policy.parent / "p.cases.yaml").write_text(GOOD, encoding="utf-8")
    result = run(str(policy))
    assert (result.exit_code, result.stdout) == (0, "1 case of 1 policy, each whole and streamed: all good\n")
    assert run(str(policy.parent)).exit_code == 0
    assert run(str(policy.parent / "p.cases.yaml")).exit_code == 0


def test_a_case_that_does_not_hold_is_told_with_its_place_and_a_diff(policy: Path) -> None:
    file = policy.parent / "p.cases.yaml"
    file.write_text(BAD, encoding="utf-8")
    result = run(str(policy))
    assert result.exit_code == 1
    assert f"FAILED  {file}:6:5: it is not hidden (whole)" in result.stdout
    assert "decision: expected allow, found redact" in result.stdout
    assert "          - an abc here" in result.stdout
    assert "          + an [REDACTED:own.one] here" in result.stdout
    assert result.stdout.endswith("2 of 4 runs failed\n")


def test_for_programs_there_is_an_object_for_each_run(policy: Path) -> None:
    (policy.parent / "p.cases.yaml").write_text(BAD, encoding="utf-8")
    runs = [json.loads(line) for line in run(str(policy), "--json").stdout.splitlines()]
    assert [one["how"] for one in runs] == ["whole", "streamed"] * 2
    assert [bool(one["differences"]) for one in runs] == [False, False, True, True]
    assert runs[2]["differences"][0] == ["decision", "allow", "redact"]


def test_only_some_of_them(policy: Path) -> None:
    (policy.parent / "p.cases.yaml").write_text(BAD, encoding="utf-8")
    assert run(str(policy), "--only", "is hidden").exit_code == 0


def test_where_there_is_no_case_nothing_has_passed(policy: Path) -> None:
    assert "they would stand next to it in p.cases.yaml" in str(run(str(policy)).exception)
    assert "no cases" in str(run(str(policy.parent)).exception)
    assert "no such file" in str(run(str(policy.parent / "nosuch")).exception)


def test_cases_that_are_no_file_are_told_and_not_taken_for_none(policy: Path) -> None:
    policy.with_name(f"{policy.stem}.cases.yaml").mkdir()
    for path in (policy, policy.parent):
        assert "cannot be read" in str(run(str(path)).exception)


def test_the_cases_of_the_shipped_policies_hold() -> None:
    result = run()
    assert result.exit_code == 0, result.stdout
