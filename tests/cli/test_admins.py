"""`guardproxy admins`: tokens made, listed and revoked, and what was done with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from guardproxy.admin.admins import read_admins
from guardproxy.admin.roles import Role
from guardproxy.cli.admins import admins_app
from guardproxy.identity.keys import ADMIN_PREFIX, parse
from tests.admin.scene import admin_scene


def run(*arguments: str) -> Result:
    return CliRunner().invoke(admins_app, arguments)


def at(tmp_path: Path) -> tuple[str, str]:
    return "--file", str(tmp_path / "admins.yaml")


def test_a_token_alone_goes_to_standard_output(tmp_path: Path) -> None:
    made = run("create", "ada", "--role", "operator", "--expires", "90d", *at(tmp_path))
    token = made.stdout.strip()
    assert parse(token, ADMIN_PREFIX)
    assert token not in made.stderr
    assert "role operator" in made.stderr
    (admin,) = read_admins(tmp_path / "admins.yaml")
    assert (admin.name, admin.role) == ("ada", "operator")
    assert admin.expires is not None
    assert (admin.expires - admin.created).days == 90


@pytest.mark.parametrize(
    "wrong",
    [
        ("ada", "--role", "king"), ("ada",), ("a\nb", "--role", "viewer"), ("gpa_x", "--role", "viewer"),
        ("ada", "--role", "viewer", "--expires", "soon"), ("ada", "--role", "viewer", "--expires", "2001-01-01"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_and_nothing_is_made(tmp_path: Path, wrong: tuple[str, ...]) -> None:
    assert run("create", *wrong, *at(tmp_path)).exit_code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("--role", "god"), "'god' is no role; use viewer (sees"), ((), "say what the token may do: viewer (sees")],
)
def test_a_role_that_is_none_or_missing_is_told_with_what_each_may_do(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    told = " ".join(run("create", "ada", *arguments, *at(tmp_path)).stderr.replace("│", " ").split())
    assert f"Invalid value for --role: {said} how keys, quotas and policies stand), analyst (" in told
    assert all(f"{role.value} (" in told for role in Role)


def test_admins_are_listed_and_revoked_and_a_name_is_taken_once(tmp_path: Path) -> None:
    assert run("create", "ada", "--role", "admin", *at(tmp_path)).exit_code == 0
    assert "has this name" in run("create", "ada", "--role", "viewer", *at(tmp_path)).stderr
    assert run("create", "bob", "--role", "viewer", *at(tmp_path)).exit_code == 0
    assert "is revoked" in run("revoke", "ada", *at(tmp_path)).stdout
    assert run("revoke", "nobody", *at(tmp_path)).exit_code == 1
    _, ada, bob = run("list", *at(tmp_path)).stdout.splitlines()
    assert "ada" in ada
    assert ada.endswith("revoked")
    assert bob.endswith("active")


async def test_the_log_tells_who_did_what(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        await on.post("/keys", {"name": "new", "reason": "launch"})
        await on.post("/keys", {"name": "other"}, Role.VIEWER)
    log = str(tmp_path / "admin.jsonl")
    header, *rows = run("log", "--file", log).stdout.splitlines()
    assert header.startswith("time (UTC)")
    assert ["begun" in rows[0], "done" in rows[1], "denied (role_not_allowed)" in rows[2]] == [True] * 3
    assert rows[1].endswith("launch")
    (newest,) = run("log", "--file", log, "--json", "--limit", "1").stdout.splitlines()
    assert json.loads(newest)["name"] == "viewer"


def test_a_log_that_is_not_there_or_torn_is_told(tmp_path: Path) -> None:
    assert "Nothing was recorded yet" in run("log", "--file", str(tmp_path / "none.jsonl")).stderr
    assert run("log", "--file", str(tmp_path)).exit_code == 2
    (tmp_path / "torn.jsonl").write_text("{torn", encoding="utf-8")
    assert "1 unusable lines" in run("log", "--file", str(tmp_path / "torn.jsonl")).stderr
