"""`guardproxy demo` as it is called: exit codes, and `--keep`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

import pytest
import typer
from typer.testing import CliRunner, Result

from guardproxy.cli.demo import demo, world
from guardproxy.cli.demo.scenes import PLACEHOLDER, SCENES
from guardproxy.policyfile.locate import shipped_policies
from tests.cli.demo.plays import fast_world

app = typer.Typer()
app.command()(demo)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "open_world", fast_world)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_it_exits_with_0_and_ends_with_the_next_steps() -> None:
    result = run()
    assert (result.exit_code, result.exception) == (0, None)
    assert result.stdout.index("checks passed") < result.stdout.index("Your own application")
    assert "\x1b" not in result.stdout


def test_it_exits_with_1_and_names_what_did_not_happen() -> None:
    result = run("--policy", str(shipped_policies() / "empty.yaml"))
    assert result.exit_code == 1
    assert f"2. {SCENES[1].title}: the client raised BadRequestError" in result.stdout
    assert "Your own application" not in result.stdout


def test_without_the_client_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    result = run()
    assert result.exit_code == 2
    assert "pip install 'openai" in result.stderr


def test_the_help_tells_what_is_to_be_seen() -> None:
    result = run("--help")
    assert "stand-in model" in result.stdout
    assert "--keep" in result.stdout
    assert "--policy" not in result.stdout


# The demo itself, but the stand-in does not pause between two pieces. What a shell starts in the background ignores
# SIGINT, and so does all that is started from there: the tests may be.
FAST = """
import signal
from functools import partial
from guardproxy.cli.demo import world
from guardproxy.cli.main import main
world.open_world = partial(world.open_world, delay_s=0)
signal.signal(signal.SIGINT, signal.default_int_handler)
"""
ENDLESS = """
import asyncio
from guardproxy.cli.demo import scenes
scenes.SCENES = (scenes.Scene("Endless", lambda world, stage: asyncio.Event().wait()),)
"""


@contextmanager
def kept(folder: Path, prepared: str = FAST) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "error", "-c", f"{prepared}main()", "demo", "--keep"]
    environ = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(Path(__file__).parents[3])}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], mark: str) -> str:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if mark in line:
            break
    return "".join(lines)


def fact(shown: str, name: str) -> str:
    return next(line.split()[-1] for line in shown.splitlines() if line.startswith(f"  {name} "))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_kept_it_serves_with_what_it_printed_and_stops_cleanly(number: int, tmp_path: Path) -> None:
    with kept(tmp_path) as process:
        shown = read_until(process, "Ctrl-C ends it")
        assert all(scene.title in shown for scene in SCENES)
        left = shown.partition("Left running")[2]
        body = {"model": "stand-in-leaky", "messages": [{"role": "user", "content": "What is the key?"}]}
        request = Request(
            fact(left, "base_url") + "/chat/completions",
            json.dumps(body).encode(),
            {"authorization": f"Bearer {fact(left, 'operator key')}", "content-type": "application/json"},
        )
        with build_opener(ProxyHandler({})).open(request) as reply:
            assert PLACEHOLDER in json.load(reply)["choices"][0]["message"]["content"]
        process.send_signal(number)
        rest, problems = process.communicate()
    assert (process.returncode, problems) == (0, "")
    assert "exchange_redacted" in rest
    assert list(tmp_path.iterdir()) == []


def test_stopped_in_the_middle_it_leaves_nothing_behind(tmp_path: Path) -> None:
    with kept(tmp_path, FAST + ENDLESS) as process:
        read_until(process, "1. Endless")
        process.send_signal(signal.SIGTERM)
        _, problems = process.communicate()
    assert (process.returncode, problems) == (143, "")
    assert list(tmp_path.iterdir()) == []
