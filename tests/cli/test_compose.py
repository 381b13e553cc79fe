"""From settings to an open proxy: which keys open it, and what is said when it cannot be built."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from guardproxy.audit.sinks import configure_logging
from guardproxy.cli.compose import RunningProxy, check_listeners, start, tell_address
from guardproxy.core.principal import Principal
from guardproxy.errors import ConfigurationError
from guardproxy.identity.keyring import SESSION
from guardproxy.oidc.schema import AuthSettings
from guardproxy.settings import Settings
from tests.e2e.test_guarding import make_key
from tests.support.proxy import Captured

OWN_KEY = "own-" + secrets.token_hex(16)
POLICY = "version: 1\nname: tiny\n"
UPSTREAM = {"OPENAI_API_KEY": "x" * 20}
NOW = 1_900_000_000.0


def made(folder: Path, **changes: Any) -> Settings:
    (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    values = {
        "listen": {"port": 0}, "admin": {"port": 0}, "policy": str(folder / "policy.yaml"),
        "log": {"incidents": str(folder / "incidents.jsonl")}, "drain_timeout": 1.0,
    }  # fmt: skip
    return Settings.model_validate({**values, **changes})


@asynccontextmanager
async def started(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[tuple[RunningProxy, Captured]]:
    captured = Captured()
    running = await start(settings, configure_logging("json", captured), environ)
    try:
        yield running, captured
    finally:
        await running.close()


async def refused(settings: Settings, environ: Mapping[str, str]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        await start(settings, configure_logging("json", Captured()), environ)
    return caught.value.message


async def test_without_any_key_one_is_made_for_this_run(tmp_path: Path) -> None:
    async with started(made(tmp_path), UPSTREAM) as (running, captured):
        assert running.new_key is not None
        assert running.new_key.startswith("gpk_")
        assert running.gateway.keyring.find(running.new_key, NOW) == SESSION
        names = [event["event"] for event in captured.events()]
        assert names == ["policy_loaded", "session_key_generated", "proxy_started"]
        assert running.new_key not in captured.getvalue()


async def test_a_key_from_the_environment_is_used_and_none_is_made(tmp_path: Path) -> None:
    async with started(made(tmp_path), {**UPSTREAM, "GUARDPROXY_KEY": OWN_KEY}) as (running, captured):
        assert running.new_key is None
        assert running.gateway.keyring.find(OWN_KEY, NOW) == SESSION
        assert "session_key_generated" not in captured.getvalue()


async def test_keys_of_a_file_and_of_the_environment_open_both(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    token = make_key(file, "user")
    settings = made(tmp_path, keys={"file": str(file)})
    async with started(settings, UPSTREAM) as (running, _):
        assert running.new_key is None
        found = running.gateway.keyring.find(token, NOW)
        assert isinstance(found, Principal)
        assert not found.operator
    async with started(settings, {**UPSTREAM, "GUARDPROXY_KEY": OWN_KEY}) as (running, _):
        assert running.gateway.keyring.find(token, NOW) == found
        assert running.gateway.keyring.find(OWN_KEY, NOW) == SESSION


async def test_a_weak_key_in_the_environment_is_refused_unseen(tmp_path: Path) -> None:
    told = await refused(made(tmp_path), {**UPSTREAM, "GUARDPROXY_KEY": "marzipan"})
    assert "at least 16" in told
    assert "marzipan" not in told


@pytest.mark.parametrize(
    ("data", "admin"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("localhost", "127.0.0.1"), ("10.0.0.1", "::")],
)
async def test_one_port_for_both_listeners_is_named_as_that(tmp_path: Path, data: str, admin: str) -> None:
    settings = made(tmp_path, listen={"host": data, "port": 9080}, admin={"host": admin, "port": 9080})
    told = await refused(settings, UPSTREAM)
    assert told.startswith("listen.port and admin.port are both 9080: ")
    assert "--admin-port" in told


def test_one_port_on_two_addresses_is_two_places() -> None:
    for hosts, port in ((("10.0.0.1", "127.0.0.1"), 9080), (("127.0.0.1", "127.0.0.1"), 0)):
        listen, admin = ({"host": host, "port": port} for host in hosts)
        check_listeners(Settings.model_validate({"listen": listen, "admin": admin}))


async def test_openai_without_a_key_is_refused_and_a_server_of_ones_own_is_not(tmp_path: Path) -> None:
    assert "set OPENAI_API_KEY" in await refused(made(tmp_path), {})
    settings = made(tmp_path, upstream={"base_url": "http://127.0.0.1:9/v1"})
    async with started(settings, {}) as (running, _):
        assert running.gateway.upstream_secret is None


async def test_a_policy_that_does_not_compile_is_refused_with_its_place(tmp_path: Path) -> None:
    settings = made(tmp_path)
    (tmp_path / "policy.yaml").write_text("version: 1\nname: tiny\nlimtis: {}\n", encoding="utf-8")
    told = await refused(settings, UPSTREAM)
    assert "policy.yaml:3:1: unknown key 'limtis', did you mean 'limits'?" in told


async def test_what_the_settings_bound_is_what_the_gateway_holds_to(tmp_path: Path) -> None:
    settings = made(tmp_path, body_timeout=3, exchange_timeout=4, upstream={"max_response_bytes": 5})
    async with started(settings, UPSTREAM) as (running, _):
        bounds = running.gateway.bounds
        assert (bounds.body_s, bounds.exchange_s, bounds.response_bytes) == (3, 4, 5)
        assert running.drain_timeout_s == 1


@pytest.mark.parametrize(
    ("host", "shown", "warned"),
    [("127.0.0.1", "127.0.0.1", False), ("::1", "[::1]", False), ("0.0.0.0", "127.0.0.1", True)],
)
async def test_what_to_put_into_the_application_is_told_once(
    host: str, shown: str, warned: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with started(made(tmp_path), UPSTREAM) as (running, _):
        settings = made(tmp_path, listen={"host": host, "port": 0})
        tell_address(settings, running)
        said = capsys.readouterr()
        assert f"http://{shown}:{running.listeners.port}/v1" in said.out
        assert said.out.count(str(running.new_key)) == 1
        assert ("other machines" in said.err) == warned


async def test_several_policies_are_loaded_and_a_mistyped_key_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    for name in ("default", "strict"):
        (tmp_path / "policies" / f"{name}.yaml").write_text(f"version: 1\nname: {name}\n", encoding="utf-8")
    several: dict[str, Any] = {"files": (str(tmp_path / "policies"),), "keys": {"session": "strict"}}
    environ = UPSTREAM | {"GUARDPROXY_KEY": OWN_KEY}
    async with started(made(tmp_path, policy=None, policies=several), environ) as (running, captured):
        policies = running.gateway.policies.current
        assert policies.assigned(SESSION).policy.name == "strict"
        loaded = [event["policy"] for event in captured.events() if event["event"] == "policy_loaded"]
        assert sorted(loaded) == ["default", "strict"]
    several["keys"] = {"sesion": "strict"}
    assert await refused(made(tmp_path, policy=None, policies=several), environ) == (
        "policies.keys.sesion: there is no key of this name, did you mean 'session'?"
    )


async def test_a_candidate_runs_beside_the_present_policy(tmp_path: Path) -> None:
    (tmp_path / "next.yaml").write_text("version: 1\nname: next\n", encoding="utf-8")
    policies = {"candidate": str(tmp_path / "next.yaml"), "candidate_log": str(tmp_path / "c.jsonl")}
    async with started(made(tmp_path, policies=policies), UPSTREAM) as (running, _):
        assert running.gateway.candidate is not None
        assert running.gateway.policies.current.default.policy.name == "tiny"
        running.look_at_policies()
        assert len(running.reloaders) == 2


ISSUER = {"name": "corp", "issuer": "https://127.0.0.1:1", "audience": ["x"], "timeout": 0.05}


def issuers(*written: dict[str, Any]) -> AuthSettings:
    return AuthSettings.model_validate_json(json.dumps({"oidc": written}))


async def test_with_an_identity_provider_no_key_has_to_be_made(tmp_path: Path) -> None:
    async with started(made(tmp_path, auth=issuers(ISSUER)), UPSTREAM) as (running, captured):
        assert running.new_key is None
        assert "session_key_generated" not in captured.getvalue()
        assert running.gateway.keyring.find("gpk_x", NOW) is None


async def test_a_policy_may_be_given_to_a_caller_with_a_token(tmp_path: Path) -> None:
    policies = {"files": (str(tmp_path / "policy.yaml"),), "keys": {"corp/ann": "tiny"}}
    settings = made(tmp_path, auth=issuers(ISSUER), policies=policies, policy=None)
    async with started(settings, UPSTREAM):
        pass
    assert "corp/ann" in await refused(settings.model_copy(update={"auth": issuers()}), UPSTREAM)


@pytest.mark.parametrize("name", ["api_key_env", "api_key_file", "auth"])
async def test_where_callers_bring_their_key_nothing_is_said_of_one(tmp_path: Path, name: str) -> None:
    upstream = {"credentials": "passthrough", name: "both"}
    assert f"upstream.{name}" in await refused(made(tmp_path, upstream=upstream), {})


async def test_where_callers_bring_their_key_none_is_needed(tmp_path: Path) -> None:
    async with started(made(tmp_path, upstream={"credentials": "passthrough"}), UPSTREAM) as (running, _):
        assert running.gateway.passthrough
        assert running.gateway.upstream_secret is None
