"""`guardproxy keys` on the store that proxies share, as it is run."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from guardproxy.cli.keys import keys_app
from guardproxy.errors import ConfigurationError
from guardproxy.identity.keyfile import read_keys, rewrite_keys
from guardproxy.identity.keys import parse
from tests.support.stores import StoreServer, store_server


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    with store_server("redis", tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def folder(redis_server: StoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings that name the store, and an empty store."""
    with redis_server.client() as client:
        client.flushall()
    redis = {"url": redis_server.url, "command_timeout": 5.0, "connect_timeout": 5.0}
    (tmp_path / "guardproxy.yaml").write_text(
        json.dumps({"keys": {"store": "redis"}, "quota": {"redis": redis}}), encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(keys_app, arguments, env=environment)


def test_keys_of_the_store_are_made_listed_rotated_and_revoked(folder: Path) -> None:
    token = run("create", "alice", "--models", "m").stdout.strip()
    assert parse(token)
    assert not (folder / "keys.yaml").exists()
    assert (folder / "keys.pepper").exists()
    assert [key["models"] for key in json.loads(run("list", "--json").stdout)] == [["m"]]
    again = run("rotate", "alice").stdout.strip()
    assert parse(again) == parse(token)
    assert "is revoked" in run("revoke", "alice", "--reason", "gone").stdout
    assert "revoked reason: gone" in run("show", "alice").stdout
    assert run("rotate", "alice").exit_code == 1
    assert run("revoke", "nobody").exit_code == 1


def test_a_name_that_is_taken_in_the_store_makes_no_key(folder: Path) -> None:
    run("create", "alice")
    again = run("create", "alice")
    assert (again.exit_code, again.stdout) == (2, "")
    assert "active key has this name" in again.stderr


def test_a_file_that_is_named_and_the_word_file_mean_the_file(folder: Path) -> None:
    run("create", "alice", "--file", "own.yaml")
    run("create", "bob", "--store", "file")
    assert [key.name for key in read_keys(folder / "own.yaml")] == ["alice"]
    assert [key.name for key in read_keys(folder / "keys.yaml")] == ["bob"]
    assert run("list").stdout == ""
    assert "No key in the shared store yet" in run("list").stderr


def test_no_second_pepper_is_made_for_a_store_whose_keys_have_one(folder: Path) -> None:
    run("create", "alice")
    (folder / "keys.pepper").unlink()
    result = run("create", "bob")
    assert isinstance(result.exception, ConfigurationError)
    assert "put the file back or set GUARDPROXY_PEPPER" in result.exception.message
    assert not (folder / "keys.pepper").exists()
    assert "alice" in run("list").stdout
    other = run("create", "bob", GUARDPROXY_PEPPER=secrets.token_hex(32))
    assert other.exit_code == 1
    assert "another pepper" in other.stderr
    assert len(json.loads(run("list", "--json").stdout)) == 1


def test_a_store_that_is_away_or_not_named_is_told(folder: Path) -> None:
    (folder / "guardproxy.yaml").write_text("quota: {redis: {url: 'redis://127.0.0.1:1/0'}}\n", encoding="utf-8")
    away = run("list", "--store", "redis")
    assert isinstance(away.exception, ConfigurationError)
    assert "does not answer" in away.exception.message
    (folder / "guardproxy.yaml").unlink()
    unnamed = run("create", "alice", "--store", "redis")
    assert isinstance(unnamed.exception, ConfigurationError)
    assert "GUARDPROXY_REDIS_URL" in unnamed.exception.message
    assert not (folder / "keys.pepper").exists()


def test_commands_about_one_key_find_it_in_the_store_and_the_file_wins(folder: Path) -> None:
    from guardproxy.cli.explain_caller import caller_of
    from guardproxy.cli.keys_place import known_keys
    from guardproxy.cli.main import app
    from guardproxy.settings import load_settings

    token = run("create", "alice", "--team", "red").stdout.strip()
    settings = load_settings(folder / "guardproxy.yaml", {})
    assert [key.id for key in known_keys(settings)] == [parse(token)]
    assert caller_of("alice", None, settings, datetime.now(UTC)).team == "red"
    secret = CliRunner().invoke(app, ["keys", "signing-secret", "alice"]).stdout.strip()
    assert secret == CliRunner().invoke(app, ["keys", "signing-secret", parse(token) or ""]).stdout.strip()
    assert len(secret) == 64
    key = known_keys(settings)[0]
    rewrite_keys(folder / "keys.yaml", lambda _: (key.model_copy(update={"team": "blue"}),))
    both = settings.model_copy(update={"keys": settings.keys.model_copy(update={"file": str(folder / "keys.yaml")})})
    assert [key.team for key in known_keys(both)] == ["blue"]
    assert caller_of("alice", None, both, datetime.now(UTC)).team == "blue"
    assert caller_of("", None, both, datetime.now(UTC)).team == ""


def test_a_store_that_is_away_is_told_to_who_asks_about_a_key(folder: Path) -> None:
    from guardproxy.cli.keys_place import known_keys
    from guardproxy.settings import Settings

    away = Settings.model_validate({"keys": {"store": "redis"}, "quota": {"redis": {"url": "redis://127.0.0.1:1/0"}}})
    with pytest.raises(ConfigurationError, match="does not answer"):
        known_keys(away)
