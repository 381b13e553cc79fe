"""`guardproxy check` says what is wrong and where, and its exit code says whether."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from guardproxy.cli.check import check
from tests.policyfile.workshop import rule, write_policy, write_rule

app = typer.Typer()
app.command()(check)


def run(*paths: Path) -> Result:
    return CliRunner().invoke(app, [str(path) for path in paths])


def test_the_shipped_policies_are_checked_when_no_path_is_given() -> None:
    result = run()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("10 policies, 359 rules, ")
    assert result.stdout.endswith(" examples: all good\n")


def test_a_good_rule_alone_is_good(tmp_path: Path) -> None:
    result = run(write_rule(tmp_path, rule("mine.one", "abc")))
    assert (result.exit_code, result.stdout) == (0, "0 policies, 1 rule, 2 examples: all good\n")


def test_a_rule_that_two_policies_use_counts_once(tmp_path: Path) -> None:
    write_rule(tmp_path, rule("mine.one", "abc"))
    policy = write_policy(tmp_path, packs=["./mine"])
    policy.with_name("other.yaml").write_bytes(policy.read_bytes())
    assert run(tmp_path).stdout == "2 policies, 1 rule, 2 examples: all good\n"


def test_every_problem_is_one_line_with_its_place(tmp_path: Path) -> None:
    one = write_rule(tmp_path, rule("mine.one", "abc", examples={"match": ["xyz"], "pass": ["abc"]}))
    two = write_rule(tmp_path, rule("mine.two", "abc", action="redcat"))
    result = run(one, two)
    assert result.exit_code == 1
    assert [
        f"{one}:16:4: mine.one: this match example is not found",
        f"{one}:19:4: mine.one: this pass example is found, at characters 0 to 3",
        f"{two}:13:12: unknown action 'redcat'; use allow, flag, redact or block",
    ] == result.stderr.splitlines()
    assert result.stdout == "0 policies, 1 rule, 2 examples: 3 problems\n"


def test_the_cases_next_to_a_policy_are_read_too(tmp_path: Path) -> None:
    write_rule(tmp_path, rule("mine.one", "abc"))
    policy = write_policy(tmp_path, packs=["./mine"])
    cases = policy.with_name(f"{policy.stem}.cases.yaml")
    cases.write_text("cases:\n  - case: it passes\n    expect: alow\n", encoding="utf-8")
    told = f"{cases}:3:13: unknown expect 'alow'; use allow, flag, redact, block or refuse"
    for paths in ((policy,), (tmp_path,)):
        result = run(*paths)
        assert (result.exit_code, result.stderr.splitlines()) == (1, [told])


@pytest.mark.parametrize("what", ["a directory", "a link to nothing"])
def test_cases_that_are_no_file_are_a_problem_and_not_no_cases(tmp_path: Path, what: str) -> None:
    write_rule(tmp_path, rule("mine.one", "abc"))
    policy = write_policy(tmp_path, packs=["./mine"])
    cases = policy.with_name(f"{policy.stem}.cases.yaml")
    if what == "a directory":
        cases.mkdir()
    else:
        cases.symlink_to(tmp_path / "gone.yaml")
    for paths in ((policy,), (tmp_path,)):
        result = run(*paths)
        assert result.exit_code == 1
        assert [line.partition(": ")[0] for line in result.stderr.splitlines()] == [str(cases)]
        assert "cannot be read" in result.stderr


def test_a_problem_met_twice_is_told_once(tmp_path: Path) -> None:
    bad = write_rule(tmp_path, rule("mine.one", "abc*d"))
    policy = write_policy(tmp_path, packs=["./mine"])
    result = run(policy, bad)
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)


def test_rules_that_do_not_fit_each_other_are_a_problem(tmp_path: Path) -> None:
    result = run(write_policy(tmp_path, rules=[rule("own.one", "abc"), rule("own.two", "[A-Z]{8}")]))
    assert result.exit_code == 1
    assert "is itself found by the rule 'own.two'" in result.stderr


@pytest.mark.parametrize("name", ["missing.yaml", "empty"])
def test_nothing_to_check_is_a_mistake_in_the_call(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    result = run(tmp_path / name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"{tmp_path / name}: no ")


def test_hidden_files_are_not_checked(tmp_path: Path) -> None:
    write_policy(tmp_path)
    (tmp_path / ".draft.yaml").write_text("nonsense: [", encoding="utf-8")
    assert run(tmp_path).exit_code == 0


def test_one_run_tells_everything_that_is_wrong(tmp_path: Path) -> None:
    """A misspelt key hides neither an unknown pack nor a rule, a pattern, a tool rule or a quota that is wrong."""
    write_rule(tmp_path / "rules", rule("rules.broken", "(abc"))
    (tmp_path / "rules" / "rules" / "typo.yaml").write_text("id: rules.typo\ntitel: x\n", encoding="utf-8")
    policy = write_policy(
        tmp_path,
        limits={"mesages": 1},
        packs=["secrts", "./rules/rules"],
        rules=[rule("own.bad", "a{2,1}"), rule("own.worse", "abc", severity="hihg")],
    )
    told = run(policy).stderr
    for said in (
        "unknown key 'mesages', did you mean 'messages'?",
        "unknown pack 'secrts', did you mean 'secrets'?",
        "unknown key 'titel', did you mean 'title'?",
        "rules/rules/broken.yaml:6:15: pattern:",
        "policy.yaml:",
        "unknown severity 'hihg'",
        "{2,1}",
    ):
        assert said in told, (said, told)
    assert all(line.count(":") >= 3 for line in told.splitlines())


def test_parts_of_a_policy_that_do_not_fit_are_told_together(tmp_path: Path) -> None:
    policy = write_policy(
        tmp_path,
        override={"own.nothing": {"action": "flag"}},
        tools={"rules": [{"id": "a", "calls": ["$mial"]}], "groups": {"mail": ["x"]}},
        context={"operator_prompt": {"file": "missing.md"}},
        rules=[rule("own.bad", "(abc")],
    )
    told = run(policy).stderr
    for said in ("no rule 'own.nothing'", "no group '$mial'", "missing.md", "policy.yaml:35:17: pattern:"):
        assert said in told, (said, told)


def test_a_rule_of_your_own_that_keeps_a_stream_waiting_is_a_warning(tmp_path: Path) -> None:
    result = run(write_rule(tmp_path, rule("mine.slow", "abc|;[^;]{900};")))
    assert result.exit_code == 0
    assert "mine/slow.yaml:6:14: warning: 901 characters of a stream or more may wait" in result.stderr
    assert result.stdout.endswith("1 rule, 2 examples: all good, 1 warning\n")


def test_a_rule_of_your_own_that_makes_text_too_dear_is_a_warning(tmp_path: Path) -> None:
    dear = write_rule(tmp_path, rule("mine.dear", "x(?:[a-z]|[a-m][n-z]){0,99}1|abc"))
    allowing = write_policy(tmp_path, packs=["./mine", "secrets"], limits={"matching_work": 500})
    assert (run(allowing).exit_code, run(allowing).stderr) == (0, "")
    for paths in ((dear,), (write_policy(tmp_path, packs=["./mine"]), dear)):
        result = run(*paths)
        assert result.exit_code == 0
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"{dear}:6:14: warning: text like its matches costs some ")
        assert result.stdout.endswith("1 rule, 2 examples: all good, 1 warning\n")
