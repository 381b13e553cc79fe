"""What a policy would be for a caller, and why, from the same files a proxy reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from guardproxy.cli.main import app
from guardproxy.core.conditions import Facts
from guardproxy.policyfile.catalogue import Wanted, load_policies
from guardproxy.policyfile.schema import WrittenSections
from tests.policyfile.workshop import rule, write


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("GUARDPROXY_CONFIG", "GUARDPROXY_POLICY", "GUARDPROXY_KEYS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "policies").mkdir()
    rules = [rule("own.one", "abc"), rule("own.two", "abd", when={"model": "mini-*"})]
    write(tmp_path / "policies" / "default.yaml", {"version": 1, "name": "default", "rules": rules})
    strict = {
        "version": 1, "name": "strict", "extends": "./default.yaml", "tightens": ["default"],
        "override": {"own.one": {"action": "block"}},
        "when": [{"if": {"team": "research"}, "limits": {"messages": 3}}],
    }  # fmt: skip
    write(tmp_path / "policies" / "strict.yaml", strict)
    settings = {"policies": {"files": ["policies"], "keys": {"widget": "strict"}}}
    write(tmp_path / "guardproxy.yaml", settings)
    return tmp_path


def explained(*arguments: str) -> Any:
    result = CliRunner().invoke(app, ["explain", *arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_it_names_the_policy_the_reason_and_the_chain(folder: Path) -> None:
    said = explained("--key", "widget")
    assert said["policy"].startswith("strict@")
    assert said["because"] == "policies.keys gives it to the key 'widget'"
    assert said["extends"] == ["policies/default.yaml"]
    assert said["may_choose"] == []
    assert explained()["because"] == "it is the default"
    assert explained()["may_choose"] == ["strict"]


def test_the_revision_is_the_one_an_exchange_would_have(folder: Path) -> None:
    policies = load_policies(Wanted((folder / "policies",))).policies
    form = policies.named["strict"].among(Facts("widget", "research", "chat_completions", "mini-1"))
    said = explained("--key", "widget", "--team", "research", "--model", "mini-1")
    assert said["policy"] == f"strict@{form.revision}"


def test_each_condition_is_told_with_its_place_and_what_is_missing(folder: Path) -> None:
    (block, on_rule) = explained("--key", "widget", "--team", "sales", "--model", "mini-1")["when"]
    assert (block["holds"], block["why_not"]) == (False, "team is 'sales'")
    assert (on_rule["holds"], on_rule["if"]) == (True, "model is mini-*")
    assert block["at"].startswith("policies/strict.yaml:")
    assert on_rule["at"].startswith("policies/default.yaml:")


def test_every_section_says_where_it_was_written(folder: Path) -> None:
    said = explained("--key", "widget", "--team", "research")
    assert said["sections"]["limits"]["value"]["messages"] == 3
    assert said["sections"]["limits"]["at"].startswith("policies/strict.yaml:")
    assert said["overrides"]["own.one"]["at"].startswith("policies/strict.yaml:")


def test_every_part_of_a_policy_is_a_section(folder: Path) -> None:
    assert set(explained()["sections"]) == set(WrittenSections.model_fields) - {"mode", "override", "quotas"}


def test_what_was_written_elsewhere_than_the_rest_of_its_section_is_told_with_its_place(folder: Path) -> None:
    base = {"version": 1, "name": "base", "limits": {"messages": 5, "choices": 2}, "server_state": "own"}
    write(folder / "base.yaml", base)
    upper = {
        "version": 1, "name": "upper", "extends": "./base.yaml", "limits": {"output_tokens": 9},
        "surfaces": {"files": {"uninspected": True}}, "tools": {"deny": ["rm_*"]},
    }  # fmt: skip
    write(folder / "upper.yaml", upper)
    sections = explained("--policy", "upper.yaml")["sections"]
    assert sections["limits"]["at"].startswith("base.yaml:")
    (elsewhere,) = sections["limits"]["elsewhere"].items()
    assert elsewhere[0] == "output_tokens" and elsewhere[1].startswith("upper.yaml:")
    result = CliRunner().invoke(app, ["explain", "--policy", "upper.yaml"], catch_exceptions=False)
    (limits,) = (line for line in result.stdout.splitlines() if line.startswith("limits "))
    assert limits.endswith(f"  ({sections['limits']['at']}; output_tokens {elsewhere[1]})")
    assert "server_state  own  (base.yaml:" in result.stdout
    assert "files {open true, uninspected true}" in result.stdout
    assert "deny [rm_*]" in result.stdout


def test_what_is_not_written_is_told_to_be_the_default(folder: Path) -> None:
    assert explained()["sections"]["opaque"]["at"] is None
    result = CliRunner().invoke(app, ["explain"], catch_exceptions=False)
    (opaque,) = (line for line in result.stdout.splitlines() if line.startswith("opaque "))
    assert opaque.endswith("unknown block  (default)")


def test_each_quota_is_told_with_its_place(folder: Path) -> None:
    quotas = [{"metric": "requests", "per": "minute", "limit": 300}]
    write(folder / "upper.yaml", {"version": 1, "name": "upper", "quotas": quotas})
    (quota,) = explained("--policy", "upper.yaml")["quotas"]
    assert quota == {"metric": "requests", "limit": 300, "per": "minute", "at": "upper.yaml:5:3"}


def test_what_is_asked_is_repeated_with_what_nobody_knows_and_what_is_refused(folder: Path) -> None:
    said = explained("--key", "wigdet", "--model", "m", "--metadata", "tier=gold")
    assert said["asked"] == {
        "key": "wigdet", "team": "", "surface": "chat_completions", "model": "m", "metadata": {"tier": "gold"},
    }  # fmt: skip
    assert said["notes"] == [
        "the settings name no keys (keys.file), so nobody can tell whether there is a key 'wigdet'"
    ]
    assert said["refused"] == []
    assert explained("--surface", "files")["refused"] == ["unknown_url: the policy does not open files (surfaces)"]


def test_one_rule_in_full(folder: Path) -> None:
    said = explained("--key", "widget", "--rule", "own.one")["rule"]
    assert (said["action"], said["written_action"], said["applies_to"]) == ("block", "redact", ["tool", "user"])
    assert "its condition does not hold" in explained("--rule", "own.two")["rule"]["action"]


def test_a_stricter_policy_may_be_asked_for_and_no_other(folder: Path) -> None:
    assert explained("--use-policy", "strict")["policy"].startswith("strict@")
    result = CliRunner().invoke(app, ["explain", "--key", "widget", "--use-policy", "default"])
    assert "may not choose 'default'" in str(result.exception)


def test_for_people_it_is_a_few_lines(folder: Path) -> None:
    result = CliRunner().invoke(app, ["explain", "--key", "widget", "--model", "x"], catch_exceptions=False)
    lines = result.stdout.splitlines()
    assert "because       policies.keys gives it to the key 'widget'" in lines
    assert "does not hold, since model is 'x'" in result.stdout
    assert "rules         own: 1 block" in lines


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rule", "own.on"], "did you mean 'own.one'?"),
        (["--metadata", "gold"], "NAME=VALUE"),
        (["--surface", "chat"], "unknown surface 'chat', did you mean 'chatkit'?"),
    ],
)
def test_what_cannot_be_explained_is_told(folder: Path, arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["explain", *arguments])
    assert said in str(result.exception)
