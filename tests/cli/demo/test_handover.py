"""The last words: lines that work when they are copied."""

from __future__ import annotations

import io
import os
import shlex
import sys
from pathlib import Path

import pytest

from guardproxy.cli.demo.handover import command, left_running, next_steps
from guardproxy.cli.demo.stage import Stage
from tests.cli.demo.plays import fast_world


def script(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "guardproxy"
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_command_is_its_name_where_the_shell_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(script(tmp_path / "bin"))])
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    assert command() == "guardproxy"


def test_the_command_is_a_path_where_the_shell_would_find_none_or_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path / "other")
    monkeypatch.setattr(sys, "argv", [str(script(tmp_path / "clone" / ".venv"))])
    monkeypatch.chdir(tmp_path / "clone")
    for path in ("other", "nowhere"):
        monkeypatch.setenv("PATH", str(tmp_path / path))
        assert command() == str(Path(".venv", "guardproxy"))


def test_the_module_is_started_as_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["guardproxy/__main__.py"])
    assert command().endswith(" -m guardproxy")


def test_the_next_steps_name_address_key_and_policy() -> None:
    screen = io.StringIO()
    next_steps(Stage(screen))
    shown = screen.getvalue()
    for words in (
        "OPENAI_API_KEY=",
        "serve",
        "base_url=",
        "keys create",
        "default.yaml",
        "check my-policy.yaml",
        "incidents list",
    ):
        assert words in shown
    policy = next(line.split()[1] for line in shown.splitlines() if line.strip().startswith("cp "))
    assert Path(policy).is_file()


async def test_what_is_left_running_can_be_copied_into_a_shell() -> None:
    screen = io.StringIO()
    async with fast_world() as world:
        left_running(world, Stage(screen))
        curl = screen.getvalue().partition("curl ")[2].partition("\n\n")[0]
        words = shlex.split(curl)
        assert f"{world.base_url}/chat/completions" in words
        assert f"authorization: Bearer {world.app}" in words
        assert world.visitor in screen.getvalue()


async def test_the_log_is_shown_as_it_comes() -> None:
    screen = io.StringIO()
    async with fast_world() as world:
        left_running(world, Stage(screen))
        await world.client(world.app).models.list()
        await world.settled()
        assert "exchange_completed" in screen.getvalue()
