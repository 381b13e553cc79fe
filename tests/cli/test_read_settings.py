"""Every command that uses policies uses the same ones, and says which named ones it does not use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from guardproxy.cli.main import app
from guardproxy.cli.read_settings import read_settings, read_settings_for_policies, settings_file
from tests.policyfile.workshop import write

UNUSED = "policies.files and policies.default and policies.keys of the settings file"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("GUARDPROXY_CONFIG", "GUARDPROXY_POLICY", "GUARDPROXY_KEYS", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "x" * 20)
    monkeypatch.setenv("GUARDPROXY_KEY", "y" * 20)
    for name in ("one", "two", "three"):
        write(tmp_path / f"{name}.yaml", {"version": 1, "name": name})
    policies = {"files": ["one.yaml", "two.yaml"], "default": "two", "keys": {"session": "one"}}
    write(tmp_path / "guardproxy.yaml", {"policies": policies})
    return tmp_path


def run(*arguments: str, text: str = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=text, catch_exceptions=False)


def policy_of(result: Result) -> str:
    return str(json.loads(result.stdout)["policy"]).partition("@")[0]


def test_scan_and_explain_use_the_default_policy_of_the_settings() -> None:
    assert policy_of(run("scan", "--json", text="hello")) == policy_of(run("explain", "--json")) == "two"
    assert policy_of(run("explain", "--json", "--key", "session")) == "one"


@pytest.mark.parametrize("command", [("scan", "--json"), ("explain", "--json", "--key", "session")])
def test_a_policy_of_the_command_line_is_that_of_everybody_and_the_rest_is_told(command: tuple[str, ...]) -> None:
    result = run(*command, "--policy", "three.yaml", text="hello")
    assert policy_of(result) == "three"
    assert result.stderr == f"guardproxy: --policy three.yaml is the policy of everybody: not used is {UNUSED}\n"


def test_the_doctor_examines_what_serve_would_use() -> None:
    result = run("doctor", "--policy", "three.yaml")
    assert "ok    settings and policy three@" in result.stdout
    assert UNUSED in result.stderr
    assert "policies one@" in run("doctor").stdout


def test_the_environment_comes_last_and_is_told(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("GUARDPROXY_POLICY", "three.yaml")
    result = run("explain", "--json")
    assert policy_of(result) == "two"
    assert "not used is GUARDPROXY_POLICY" in result.stderr
    write(folder / "bare.yaml", {})
    assert policy_of(run("explain", "--json", "--config", "bare.yaml")) == "three"


def test_a_command_without_policies_says_nothing_of_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GUARDPROXY_POLICY", "three.yaml")
    read_settings(None)
    assert capsys.readouterr().err == ""
    read_settings_for_policies(None)
    assert "not used is GUARDPROXY_POLICY" in capsys.readouterr().err


def test_the_settings_file_is_the_named_one_or_that_of_the_folder(folder: Path) -> None:
    assert settings_file(Path("other.yaml")) == Path("other.yaml")
    assert settings_file(None) == Path("guardproxy.yaml")
    (folder / "guardproxy.yaml").unlink()
    assert settings_file(None) is None
