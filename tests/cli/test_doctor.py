"""What the doctor finds, on real servers in good and in bad health."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from guardproxy.cli.main import app
from guardproxy.errors import ConfigurationError
from guardproxy.identity.keyfile import rewrite_keys
from guardproxy.identity.keys import new_key
from guardproxy.identity.stored import StoredKey
from guardproxy.match import native
from tests.admin.scene import make_admins
from tests.cli.test_examine_state import ALLOWED
from tests.support.stores import StoreServer, store_server


@pytest.fixture(params=["redis", "valkey"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoreServer]:
    with store_server(request.param, tmp_path) as started:
        yield started


UPSTREAM = {"OPENAI_API_KEY": "x" * 20, "OPENAI_BASE_URL": "", "GUARDPROXY_KEY": "", "GUARDPROXY_KEYS": ""}


def examine(folder: Path, url: str | None, keys: str | None = None, **environ: str) -> Result:
    (folder / "policy.yaml").write_text("version: 1\nname: tiny\n", encoding="utf-8")
    redis = {"url": url, "command_timeout": 5.0, "connect_timeout": 5.0} if url else {}
    config = folder / "guardproxy.yaml"
    settings = {"policy": "policy.yaml", "quota": {"redis": redis}, "keys": {"file": keys} if keys else {}}
    config.write_text(json.dumps(settings), encoding="utf-8")
    return CliRunner().invoke(app, ["doctor", "--config", str(config)], env=UPSTREAM | environ)


def test_a_good_store_is_good(server: StoreServer, tmp_path: Path) -> None:
    result = examine(tmp_path, server.url)
    assert result.exit_code == 0, result.output
    assert "FAIL" not in result.stdout
    for said in ("answers", server.kind, "evicts no counters", "round trip", "may do all that is needed"):
        assert said in result.stdout
    assert "append-only" in result.stdout


def test_a_store_that_may_forget_counters_fails(server: StoreServer, tmp_path: Path) -> None:
    with server.client() as client:
        client.config_set("maxmemory", "100mb")
        client.config_set("maxmemory-policy", "allkeys-lru")
    result = examine(tmp_path, server.url)
    assert result.exit_code == 1
    assert "FAIL  it may evict counters" in result.stdout


def test_a_user_without_scripts_fails_and_one_without_info_is_only_doubted(server: StoreServer, tmp_path: Path) -> None:
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-eval", "-evalsha", "-info")
    result = examine(tmp_path, server.url)
    assert result.exit_code == 1
    assert "warn  version" in result.stdout
    assert "FAIL  its user may not run the scripts" in result.stdout


def test_a_user_who_may_what_the_readme_says_may_do_all_that_is_needed(server: StoreServer, tmp_path: Path) -> None:
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "enough", "on", ">enough", *ALLOWED.split())
    (tmp_path / "policy.yaml").write_text("version: 1\nname: tiny\n", encoding="utf-8")
    redis = {"url": server.url, "username": "enough", "command_timeout": 5.0, "connect_timeout": 5.0}
    config = tmp_path / "guardproxy.yaml"
    settings = {"policy": "policy.yaml", "quota": {"redis": redis}, "keys": {"store": "redis"}}
    config.write_text(json.dumps(settings), encoding="utf-8")
    environ = UPSTREAM | {"GUARDPROXY_PEPPER": secrets.token_hex(32), "GUARDPROXY_REDIS_PASSWORD": "enough"}
    made = CliRunner().invoke(app, ["keys", "create", "alice", "--config", str(config)], env=environ)
    assert made.exit_code == 0, made.output
    result = CliRunner().invoke(app, ["doctor", "--config", str(config)], env=environ)
    assert result.exit_code == 0, result.output
    for said in ("may do all that is needed", "holds 1 keys", "what one proxy made or answered is known to the others"):
        assert said in result.stdout
    assert "cannot" not in result.stdout


def test_a_store_that_is_away_fails(server: StoreServer, tmp_path: Path) -> None:
    server.kill()
    result = examine(tmp_path, server.url)
    assert result.exit_code == 1
    assert "does not answer" in result.stdout


def test_without_a_store_there_is_nothing_to_examine(tmp_path: Path) -> None:
    result = examine(tmp_path, None)
    assert result.exit_code == 0
    assert "counts by itself" in result.stdout
    assert "clean text is passed over with a native library" in result.stdout


def test_a_missing_native_library_is_told_with_what_brings_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "hyperscan", None)
    result = examine(tmp_path, None)
    assert result.exit_code == 0
    assert "pip install 'guardproxy[fast]'" in result.stdout


def test_what_would_stop_serve_for_its_keys_fails(tmp_path: Path) -> None:
    without = examine(tmp_path, None, OPENAI_API_KEY="")
    assert without.exit_code == 1
    assert "FAIL  no key for the upstream: set OPENAI_API_KEY" in without.stdout
    missing = examine(tmp_path, None, keys="keys.yaml")
    assert missing.exit_code == 1
    assert "FAIL" in missing.stdout and "keys.yaml" in missing.stdout


def test_where_callers_bring_the_providers_key_none_has_to_be_there(tmp_path: Path) -> None:
    (tmp_path / "guardproxy.yaml").write_text("upstream: {credentials: passthrough}\n", encoding="utf-8")
    result = CliRunner().invoke(
        app, ["doctor", "--config", str(tmp_path / "guardproxy.yaml")], env={"OPENAI_API_KEY": ""}
    )
    assert "ok    each caller brings its own provider key" in result.stdout


def test_an_identity_provider_whose_keys_cannot_be_fetched_fails(tmp_path: Path) -> None:
    issuer = "{name: corp, issuer: 'http://127.0.0.1:1', audience: [x]}"
    (tmp_path / "guardproxy.yaml").write_text(f"auth: {{oidc: [{issuer}]}}\n", encoding="utf-8")
    result = CliRunner().invoke(
        app, ["doctor", "--config", str(tmp_path / "guardproxy.yaml")], env={"OPENAI_API_KEY": "x" * 20}
    )
    assert result.exit_code == 1
    assert "FAIL  identity provider corp: its keys cannot be fetched" in result.stdout


def test_keys_that_are_there_are_good_and_nothing_of_them_is_told(tmp_path: Path) -> None:
    own, upstream = secrets.token_urlsafe(40), secrets.token_urlsafe(40)
    result = examine(tmp_path, None, GUARDPROXY_KEY=own, OPENAI_API_KEY=upstream)
    assert result.exit_code == 0, result.output
    assert "ok    the upstream's key is there" in result.stdout
    assert "ok    the keys of callers are there" in result.stdout
    assert own not in result.output and upstream not in result.output
    local = examine(tmp_path, None, OPENAI_BASE_URL="http://127.0.0.1:9/v1", OPENAI_API_KEY="")
    assert local.exit_code == 0, local.output
    assert "http://127.0.0.1:9/v1 is asked without a key" in local.stdout
    assert "warn  no keys of callers" in local.stdout
    assert "gpk_" not in local.output


def test_keys_of_the_shared_store_are_counted_and_a_wrong_pepper_or_a_lost_store_fails(
    server: StoreServer, tmp_path: Path
) -> None:
    right, wrong = secrets.token_hex(32), secrets.token_hex(32)
    examine(tmp_path, server.url)
    config = tmp_path / "guardproxy.yaml"
    settings = json.loads(config.read_text(encoding="utf-8")) | {"keys": {"store": "redis"}}
    config.write_text(json.dumps(settings), encoding="utf-8")

    def run(pepper: str, *command: str) -> Result:
        return CliRunner().invoke(
            app, [*command, "--config", str(config)], env=UPSTREAM | {"GUARDPROXY_PEPPER": pepper}
        )

    assert "holds 0 keys" in run(right, "doctor").stdout
    assert run(right, "keys", "create", "alice").exit_code == 0
    good = run(right, "doctor")
    assert "ok    the shared store holds 1 keys of callers" in good.stdout
    assert good.exit_code == 0
    bad = run(wrong, "doctor")
    assert "FAIL  the keys in the store were made under another pepper" in bad.stdout
    assert bad.exit_code == 1
    assert "at least 32" in run("short", "doctor").stdout
    server.kill()
    lost = run(right, "doctor").stdout
    assert "FAIL  the store of the keys does not answer" in lost
    assert "`guardproxy doctor`" not in lost


def test_keys_that_are_nowhere_are_not_said_to_be_there(tmp_path: Path) -> None:
    config = tmp_path / "guardproxy.yaml"
    config.write_text("keys: {store: redis}\n", encoding="utf-8")

    def run(**environ: str) -> Result:
        return CliRunner().invoke(app, ["doctor", "--config", str(config)], env=UPSTREAM | environ)

    nowhere = run(GUARDPROXY_PEPPER=secrets.token_hex(32))
    assert nowhere.exit_code == 1
    assert "keys of callers are there" not in nowhere.stdout
    assert "FAIL  keys in Redis need a server: set GUARDPROXY_REDIS_URL" in nowhere.stdout
    config.write_text("keys: {store: redis, pepper_file: none}\n", encoding="utf-8")
    assert run().stdout.count("the pepper of the keys cannot be read") == 1
    config.write_text("auth: {oidc: [{name: corp, issuer: 'http://127.0.0.1:1', audience: [x]}]}\n", encoding="utf-8")
    assert "ok    callers come with tokens of identity providers" in run().stdout


def test_roles_that_do_nothing_are_told_to_whoever_gave_them(tmp_path: Path) -> None:
    assert "roles have no effect" not in examine(tmp_path, None).stdout
    plain = StoredKey(
        id=new_key(secrets.token_bytes).key_id, name="app", digest=secrets.token_hex(32), created=datetime.now(UTC)
    )
    changed = {"name": "bot", "digest": secrets.token_hex(32), "roles": ("admin",)}
    given = plain.model_copy(update={"id": new_key(secrets.token_bytes).key_id, **changed})
    rewrite_keys(tmp_path / "keys.yaml", lambda _: (given, plain))
    result = examine(tmp_path, None, keys="keys.yaml", GUARDPROXY_PEPPER=secrets.token_hex(32))
    assert "warn  roles have no effect (the key bot): the admin API takes only tokens made with" in result.stdout
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("policies", "told"),
    [
        ({"candidate": "none.yaml"}, "none.yaml: cannot be read: No such file or directory"),
        ({"state": "policy.yaml"}, "policy.yaml: policies.state names a directory, and this is none"),
    ],
)
def test_what_would_stop_serve_for_its_other_policies_is_told(
    tmp_path: Path, policies: dict[str, str], told: str
) -> None:
    (tmp_path / "policy.yaml").write_text("version: 1\nname: tiny\n", encoding="utf-8")
    config = tmp_path / "settings.yaml"
    config.write_text(json.dumps({"policy": "policy.yaml", "policies": policies}), encoding="utf-8")
    result = CliRunner().invoke(app, ["doctor", "--config", str(config)], env=UPSTREAM)
    assert isinstance(result.exception, ConfigurationError)
    assert result.exception.message.endswith(told)


def test_one_port_for_both_listeners_is_told(tmp_path: Path) -> None:
    (tmp_path / "ports.yaml").write_text("listen: {port: 8081}\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["doctor", "--config", str(tmp_path / "ports.yaml")], env=UPSTREAM)
    assert isinstance(result.exception, ConfigurationError)
    assert result.exception.message.startswith("listen.port and admin.port are both 8081")


def test_a_file_of_incidents_that_cannot_be_written_fails(tmp_path: Path) -> None:
    assert "incidents" not in examine(tmp_path, None).stdout
    blocked = examine(tmp_path, None, GUARDPROXY_INCIDENTS=str(tmp_path))
    assert blocked.exit_code == 1
    assert "the file of incidents cannot be written" in blocked.stdout
    below = examine(tmp_path, None, GUARDPROXY_INCIDENTS=str(tmp_path / "policy.yaml" / "incidents.jsonl"))
    assert below.exit_code == 1


def test_admins_that_are_there_are_counted_and_a_record_that_cannot_be_written_fails(tmp_path: Path) -> None:
    assert "there is no admin API" in examine(tmp_path, None).stdout
    make_admins(tmp_path / "admins.yaml")
    places = {
        "GUARDPROXY_ADMINS": str(tmp_path / "admins.yaml"),
        "GUARDPROXY_ADMIN_LOG": str(tmp_path / "a" / "b.jsonl"),
    }
    good = examine(tmp_path, None, **places)
    assert good.exit_code == 0
    assert "knows 4 admins" in good.stdout
    assert not (tmp_path / "a").exists()
    blocked = examine(tmp_path, None, **places | {"GUARDPROXY_ADMIN_LOG": str(tmp_path)})
    assert blocked.exit_code == 1
    assert "FAIL" in blocked.stdout
    missing = examine(tmp_path, None, **places | {"GUARDPROXY_ADMINS": str(tmp_path / "none.yaml")})
    assert missing.exit_code == 1
    assert "admins create" in missing.stdout
