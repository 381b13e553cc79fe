"""The revision before comes back with one command, and goes with another."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from guardproxy.cli.compose import policy_store
from guardproxy.cli.main import app
from guardproxy.settings import load_settings
from tests.policyfile.workshop import write, write_policy


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("GUARDPROXY_CONFIG", "GUARDPROXY_POLICY"):
        monkeypatch.delenv(name, raising=False)
    write(tmp_path / "guardproxy.yaml", {"policy": "policy.yaml", "policies": {"state": "state"}})
    return tmp_path


def in_force(folder: Path) -> str:
    """The revision a proxy that starts now has."""
    return policy_store(load_settings(folder / "guardproxy.yaml", {})).load().policies.revision


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["rollback", *arguments])
    return result.stdout if result.exit_code == 0 else str(result.exception)


def test_one_step_back_another_one_and_forward_again(folder: Path) -> None:
    revisions = []
    for messages in (1, 2, 3):
        write_policy(folder, limits={"messages": messages})
        revisions.append(in_force(folder))
    assert f"{revisions[1]} is pinned" in run()
    assert in_force(folder) == revisions[1]
    assert f"{revisions[0]} is pinned" in run()
    assert in_force(folder) == revisions[0]
    assert "no earlier revision is kept" in run()
    assert f"{revisions[0]}  " in run("--list").splitlines()[-1]
    assert run("--list").count("(pinned)") == 1
    assert f"{revisions[2]} is pinned" in run(revisions[2])
    assert "decide again" in run("--undo")
    assert in_force(folder) == revisions[2]


def test_what_was_never_kept_cannot_come_back(folder: Path) -> None:
    write_policy(folder)
    assert run("--list") == "nothing is kept yet\n"
    in_force(folder)
    assert "is not kept" in run("0" * 12)
    assert "no earlier revision" in run()


def test_without_a_directory_nothing_is_kept(folder: Path) -> None:
    write(folder / "guardproxy.yaml", {"policy": "policy.yaml"})
    assert "policies.state" in run("--list")


def test_a_pin_that_cannot_be_removed_is_told(folder: Path) -> None:
    write_policy(folder)
    in_force(folder)
    (folder / "state" / "pinned").mkdir()
    assert "state/pinned: cannot be written: " in run("--undo")
