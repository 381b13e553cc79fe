from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from guardproxy.cli.keys import keys_app
from guardproxy.errors import ConfigurationError
from guardproxy.identity.keyfile import read_keys, rewrite_keys
from guardproxy.identity.keyring import Keyring
from guardproxy.identity.keys import new_key, parse

NOW = datetime.now(UTC)


class Shell:
    """Runs commands in a folder of their own, and remembers everything they ever said."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.said = ""

    def run(self, *arguments: str) -> Result:
        result = CliRunner().invoke(keys_app, arguments, env={"GUARDPROXY_KEYS": str(self.file)})
        self.said += result.stderr + str(result.exception or "")
        if arguments[0] != "create":
            self.said += result.stdout
        return result

    def create(self, *arguments: str) -> str:
        result = self.run("create", *arguments)
        assert result.exit_code == 0, result.output
        return result.stdout.removesuffix("\n")

    def listed(self) -> list[list[str]]:
        return [re.split(r" {2,}", line) for line in self.run("list").stdout.splitlines()]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "keys.yaml")


def test_create_prints_the_key_alone_on_standard_output_and_it_works(shell: Shell) -> None:
    token = shell.create("alice")
    found = Keyring.load(shell.file, {}).find(token, NOW.timestamp())
    assert found is not None
    assert (found.key_id, found.name, found.operator) == (parse(token), "alice", False)


def test_a_key_may_belong_to_a_team(shell: Shell) -> None:
    shell.create("alice", "--team", "research")
    assert [key.team for key in read_keys(shell.file)] == ["research"]
    assert shell.run("create", "bob", "--team", " padded ").exit_code == 2


def test_a_key_speaks_as_user_unless_operator_is_asked_for(shell: Shell) -> None:
    user = shell.run("create", "alice")
    operator = shell.run("create", "bob", "--speaks-as", "operator")
    assert [key.speaks_as for key in read_keys(shell.file)] == ["user", "operator"]
    assert "refuses its system messages" in user.stderr
    assert "may also send system and developer messages" in operator.stderr


def test_create_explains_the_next_step(shell: Shell) -> None:
    said = shell.run("create", "alice").stderr
    assert f"GUARDPROXY_KEYS={shell.file} guardproxy serve" in said
    assert "api_key" in said
    assert "base_url" in said


def test_no_secret_ever_stands_in_a_file_a_list_or_an_error(shell: Shell) -> None:
    tokens = [shell.create("alice"), shell.create("bob", "--speaks-as", "operator", "--expires", "90d")]
    shell.run("create", "alice")
    shell.run("create", tokens[0])
    shell.run("list")
    shell.run("revoke", tokens[1])
    shell.run("revoke", tokens[1] + "x")
    shell.run("revoke", new_key(secrets.token_bytes).token)
    shell.file.write_text(shell.file.read_text() + "- digest: oops\n")
    assert isinstance(shell.run("list").exception, ConfigurationError)
    everything = shell.said + "".join(file.read_text() for file in shell.file.parent.iterdir())
    for token in tokens:
        assert token[17:60] not in everything
        assert (parse(token) or "?") in everything


@pytest.mark.parametrize(
    ("written", "lasts"), [("12h", timedelta(hours=12)), ("90d", timedelta(days=90)), ("4w", timedelta(weeks=4))]
)
def test_expires_takes_a_duration(shell: Shell, written: str, lasts: timedelta) -> None:
    shell.create("alice", "--expires", written)
    key = read_keys(shell.file)[0]
    assert key.expires == key.created + lasts


def test_expires_takes_a_date(shell: Shell) -> None:
    shell.create("alice", "--expires", "2999-01-31")
    assert read_keys(shell.file)[0].expires == datetime(2999, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize("written", ["", "90", "d", "90 d", "-3d", "0d", "99999w", "2020-01-01", "31.1.2030", "9d9"])
def test_an_expiry_that_makes_no_sense_makes_no_key(shell: Shell, written: str) -> None:
    assert shell.run("create", "alice", "--expires", written).exit_code == 2
    assert not shell.file.exists()


@pytest.mark.parametrize("name", ["", " alice", "a\x1b[2Jb", "x" * 101])
def test_a_name_that_cannot_stand_in_a_log_makes_no_key(shell: Shell, name: str) -> None:
    assert shell.run("create", name).exit_code == 2
    assert not shell.file.exists()


def test_a_name_can_be_taken_again_only_after_its_key_is_revoked(shell: Shell) -> None:
    shell.create("alice")
    again = shell.run("create", "alice")
    assert again.exit_code == 2
    assert again.stdout == ""
    shell.run("revoke", "alice")
    shell.create("alice")
    assert [row[-1] for row in shell.listed()[1:]] == ["revoked", "active"]


def test_list_shows_every_key_with_its_status(shell: Shell) -> None:
    shell.create("alice")
    shell.create("bob", "--speaks-as", "operator", "--expires", "1d")
    rewrite_keys(shell.file, lambda keys: (keys[0], keys[1].model_copy(update={"expires": NOW - timedelta(minutes=1)})))
    header, alice, bob = shell.listed()
    assert header == ["id", "name", "speaks as", "created (UTC)", "expires (UTC)", "status"]
    assert (alice[1], alice[2], alice[4], alice[5]) == ("alice", "user", "never", "active")
    assert (bob[1], bob[2], bob[5]) == ("bob", "operator", "expired")


def test_an_empty_list_says_how_to_begin(shell: Shell) -> None:
    rewrite_keys(shell.file, lambda _: ())
    assert "guardproxy keys create NAME" in shell.run("list").stderr
    shell.file.unlink()
    assert "guardproxy keys create NAME" in str(shell.run("list").exception)


@pytest.mark.parametrize("way", ["name", "id", "token"])
def test_a_key_is_revoked_by_name_by_id_or_by_the_key_itself(shell: Shell, way: str) -> None:
    token, other = shell.create("alice"), shell.create("bob")
    result = shell.run("revoke", {"name": "alice", "id": parse(token) or "", "token": token}[way])
    assert "is revoked" in result.stdout
    keyring = Keyring.load(shell.file, {})
    assert keyring.find(token, NOW.timestamp()) is None
    assert keyring.find(other, NOW.timestamp()) is not None


def test_revoking_again_keeps_the_first_date(shell: Shell) -> None:
    shell.create("alice")
    shell.run("revoke", "alice")
    earlier = NOW - timedelta(days=3)
    rewrite_keys(shell.file, lambda keys: (keys[0].model_copy(update={"revoked": earlier}),))
    assert "was revoked before" in shell.run("revoke", "alice").stdout
    assert read_keys(shell.file)[0].revoked == earlier


def test_revoking_what_is_not_there_fails_and_repeats_nothing(shell: Shell) -> None:
    assert shell.run("revoke", "nobody").exit_code == 1
    shell.create("alice")
    result = shell.run("revoke", "nobody")
    assert result.exit_code == 1
    assert "guardproxy keys list" in result.stderr
    assert "nobody" not in result.output


def test_of_two_keys_with_one_name_neither_is_revoked_by_it(shell: Shell) -> None:
    shell.create("alice")
    shell.create("bob")
    rewrite_keys(shell.file, lambda keys: tuple(key.model_copy(update={"name": "twin"}) for key in keys))
    result = shell.run("revoke", "twin")
    assert result.exit_code == 1
    assert all(key.id in result.stderr and key.revoked is None for key in read_keys(shell.file))


def test_help_teaches_by_example(shell: Shell) -> None:
    for command in ("create", "list", "revoke"):
        assert f"guardproxy keys {command}" in shell.run(command, "--help").output
    assert "system prompt" in CliRunner().invoke(keys_app, ["create", "--help"]).output
