"""The command as a whole: what it offers, and how it fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from guardproxy import __version__
from guardproxy.cli.main import app, main
from tests.policyfile.workshop import write_policy

COMMANDS = ["serve", "demo", "check", "scan", "health", "keys", "incidents"]


def test_the_version_is_printed() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"guardproxy {__version__}\n")


def test_without_arguments_it_shows_what_there_is() -> None:
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 2
    assert all(command in result.output for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_teaches(command: str, option: str) -> None:
    result = CliRunner().invoke(app, [command, option])
    assert result.exit_code == 0
    assert f"guardproxy {command}" in " ".join(result.stdout.split())


def test_a_configuration_error_is_its_message_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["guardproxy", "scan", "--policy", "no-such-policy.yaml"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("guardproxy: no-such-policy.yaml: cannot be read")
    assert err.count("\n") == 1


def test_of_several_problems_each_is_a_line_that_says_who_speaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = write_policy(tmp_path, limits={"mesages": 1}, opaque={"image": "maybe"})
    monkeypatch.setattr("sys.argv", ["guardproxy", "scan", "--policy", str(policy)])
    with pytest.raises(SystemExit):
        main()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"guardproxy: {policy}:") for line in lines)
