"""`guardproxy serve`: what it takes, before it is a process. How it runs is tested end to end."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from guardproxy.cli.serve import _loop_factory, serve
from guardproxy.errors import ConfigurationError

app = typer.Typer()
app.command()(serve)


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"OPENAI_API_KEY": "", "OPENAI_BASE_URL": "", **environ})


def told(result: Result) -> str:
    assert isinstance(result.exception, ConfigurationError)
    return result.exception.message


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_help_teaches_the_shortest_way() -> None:
    shown = " ".join(run("--help").stdout.split())
    assert "OPENAI_API_KEY=... guardproxy serve" in shown
    assert "GUARDPROXY_KEY" in shown


def test_without_a_key_for_the_upstream_it_does_not_start() -> None:
    assert told(run()).startswith("no key for the upstream: set OPENAI_API_KEY")


def test_the_settings_file_of_the_folder_is_taken_when_none_is_named(folder: Path) -> None:
    (folder / "guardproxy.yaml").write_text("nonsense: 1\n", encoding="utf-8")
    assert "guardproxy.yaml:1:1: unknown key 'nonsense'" in told(run())


@pytest.mark.parametrize("named", [("--config", "mine.yaml"), ()])
def test_a_named_settings_file_is_taken_instead(named: tuple[str, ...], folder: Path) -> None:
    (folder / "guardproxy.yaml").write_text("", encoding="utf-8")
    (folder / "mine.yaml").write_text("nonsense: 1\n", encoding="utf-8")
    result = run(*named, **({} if named else {"GUARDPROXY_CONFIG": "mine.yaml"}))
    assert "mine.yaml:1:1: unknown key 'nonsense'" in told(result)


def test_a_policy_that_is_missing_is_told() -> None:
    result = run("--policy", "none.yaml", "--port", "0", "--admin-port", "0", OPENAI_API_KEY="x" * 20)
    assert told(result) == "none.yaml: cannot be read: No such file or directory"


def test_policies_that_are_named_and_not_used_are_told_in_the_log(folder: Path) -> None:
    (folder / "guardproxy.yaml").write_text("policies: {files: [a.yaml]}\n", encoding="utf-8")
    result = run("--policy", "none.yaml", "--port", "0", "--admin-port", "0", OPENAI_API_KEY="x" * 20)
    (line,) = map(json.loads, result.stderr.splitlines())
    assert (line["event"], line["level"]) == ("setting_not_used", "warning")
    assert line["why"].startswith("--policy none.yaml is the policy of everybody: not used is policies.files")


@pytest.mark.parametrize("arguments", [("--log-format", "xml"), ("--port", "70000"), ("--admin-port", "-1")])
def test_an_option_out_of_range_is_refused(arguments: tuple[str, ...]) -> None:
    assert run(*arguments, OPENAI_API_KEY="x" * 20).exit_code == 2


def test_it_runs_on_the_fastest_loop_there_is() -> None:
    factory = _loop_factory()
    loop = factory() if factory else asyncio.new_event_loop()
    try:
        assert isinstance(loop, asyncio.AbstractEventLoop)
    finally:
        loop.close()
