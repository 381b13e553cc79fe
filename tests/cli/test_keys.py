from __future__ import annotations

import json
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
    for command in ("create", "list", "show", "rotate", "revoke"):
        assert f"guardproxy keys {command}" in shell.run(command, "--help").output
    assert "system prompt" in CliRunner().invoke(keys_app, ["create", "--help"]).output


def test_a_key_is_made_with_its_terms(shell: Shell) -> None:
    shell.create(
        "batch", "--models", "gpt-5*, o3", "--routes", "chat_completions,embeddings", "--policies", "strict",
        "--cidr", "10.20.0.0/16", "--cidr", "2001:db8::/32", "--tag", "night", "--tag", "eu",
        "--not-before", "1h", "--expires", "2h",
    )  # fmt: skip
    key = read_keys(shell.file)[0]
    assert (key.models, key.routes, key.policies) == (("gpt-5*", "o3"), ("chat_completions", "embeddings"), ("strict",))
    assert (key.cidrs, key.tags) == (("10.20.0.0/16", "2001:db8::/32"), ("night", "eu"))
    assert key.not_before == key.created + timedelta(hours=1)
    assert [row[-1] for row in shell.listed()[1:]] == ["not yet valid"]


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("--models", ""), "--models"),
        (("--models", "a,,b"), "--models"),
        (("--routes", "chat"), "--routes"),
        (("--cidr", "10.0.0.1/8"), "--cidr"),
        (("--tag", ""), "--tag"),
        (("--not-before", "2d", "--expires", "1d"), "--not-before"),
        (("--not-before", "2020-01-01"), "--not-before"),
    ],
)
def test_terms_that_make_no_sense_make_no_key_and_name_their_option(
    shell: Shell, arguments: tuple[str, ...], option: str
) -> None:
    result = shell.run("create", "alice", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert option in result.stderr
    assert not shell.file.exists()


def test_a_rotated_key_opens_with_both_secrets_and_stays_who_it_is(shell: Shell) -> None:
    old = shell.create("alice", "--team", "red")
    result = shell.run("rotate", "alice", "--overlap", "30m")
    new = result.stdout.strip()
    keyring = Keyring.load(shell.file, {})
    former = read_keys(shell.file)[0].rotated_from
    assert former is not None
    soon, later = former.until.timestamp() - 1, former.until.timestamp()
    assert timedelta(minutes=29) < former.until - NOW < timedelta(hours=2)
    assert parse(new) == parse(old)
    assert [keyring.find(token, now) is not None for token in (old, new) for now in (soon, later)] == [
        True, False, True, True,
    ]  # fmt: skip
    assert "opens until" in result.stderr
    assert new[17:60] not in shell.file.read_text() + result.stderr


def test_a_leaked_secret_ends_at_once(shell: Shell) -> None:
    old = shell.create("alice")
    result = shell.run("rotate", "alice", "--overlap", "0")
    assert "opens nothing any more" in result.stderr
    assert Keyring.load(shell.file, {}).find(old, NOW.timestamp()) is None


@pytest.mark.parametrize("overlap", ["", "-1h", "24", "1y", "00"])
def test_an_overlap_that_makes_no_sense_changes_nothing(shell: Shell, overlap: str) -> None:
    shell.create("alice")
    before = shell.file.read_bytes()
    assert shell.run("rotate", "alice", "--overlap", overlap).exit_code == 2
    assert shell.file.read_bytes() == before


def test_a_revoked_key_is_not_rotated_and_an_expired_one_says_so(shell: Shell) -> None:
    shell.create("alice")
    shell.run("revoke", "alice", "--reason", "left")
    result = shell.run("rotate", "alice")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "for ever" in result.stderr
    shell.create("bob", "--expires", "1d")
    rewrite_keys(shell.file, lambda keys: (keys[0], keys[1].model_copy(update={"expires": NOW - timedelta(days=1)})))
    assert "is expired all the same" in shell.run("rotate", "bob").stderr


def test_a_reason_is_kept_with_the_key_and_shown(shell: Shell) -> None:
    shell.create("alice")
    assert shell.run("revoke", "alice", "--reason", "a\nb").exit_code == 2
    shell.run("revoke", "alice", "--reason", "found in a public repository")
    assert "revoked reason: found in a public repository" in shell.run("show", "alice").stdout


def test_show_tells_all_but_the_digests(shell: Shell) -> None:
    token = shell.create("alice", "--models", "gpt-5*,o3", "--expires", "1d")
    shell.run("rotate", "alice")
    key = read_keys(shell.file)[0]
    said = shell.run("show", "alice").stdout
    assert "models: gpt-5*, o3" in said
    assert "former secret valid until: " in said
    assert "status: active" in said
    assert key.rotated_from is not None
    assert not any(secret in said for secret in (key.digest, key.rotated_from.digest, token[17:]))
    assert shell.run("show", "nobody").exit_code == 1


def test_other_programs_get_json(shell: Shell) -> None:
    made = json.loads(shell.run("create", "alice", "--models", "m", "--json").stdout)
    assert parse(made["token"]) == made["key"]["id"]
    assert (made["key"]["models"], made["key"]["status"]) == (["m"], "active")
    assert [key["id"] for key in json.loads(shell.run("list", "--json").stdout)] == [made["key"]["id"]]
    assert json.loads(shell.run("show", "alice", "--json").stdout)["name"] == "alice"
    rotated = json.loads(shell.run("rotate", "alice", "--json").stdout)
    assert rotated["token"] != made["token"]
    assert set(rotated["key"]["rotated_from"]) == {"until"}
    assert json.loads(shell.run("revoke", "alice", "--json").stdout)["status"] == "revoked"
    assert "digest" not in shell.run("list", "--json").stdout
