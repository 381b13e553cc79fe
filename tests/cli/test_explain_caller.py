"""Of whom an explanation is asked, whether there is such a key, and what its caller is refused beforehand."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from guardproxy.cli.explain_caller import Caller, caller_of, known_surface, refusals
from guardproxy.cli.keys_place import known_keys
from guardproxy.core.conditions import Facts
from guardproxy.core.policy import Policy, RequestLimits, SurfaceRules
from guardproxy.core.scope import ANYTHING, Scope
from guardproxy.errors import ConfigurationError
from guardproxy.identity.keyfile import rewrite_keys
from guardproxy.identity.keys import new_key
from guardproxy.identity.stored import StoredKey
from guardproxy.settings import Settings, load_settings
from tests.support.policies import SMALL

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "keys.yaml"
    rewrite_keys(file, lambda _: (stored("widget", team="sales", models=("gpt-4*",)), stored("old", revoked=NOW)))
    return load_settings(None, {"GUARDPROXY_KEYS": str(file)})


def stored(name: str, **terms: Any) -> StoredKey:
    new = new_key(secrets.token_bytes)
    return StoredKey(id=new.key_id, name=name, digest=secrets.token_hex(32), created=NOW - timedelta(days=1), **terms)


def test_a_key_is_known_by_name_and_by_id(settings: Settings) -> None:
    caller = caller_of("widget", None, settings, NOW)
    assert caller == Caller("widget", "sales", Scope(models=("gpt-4*",)))
    assert caller_of(known_keys(settings)[0].id, None, settings, NOW) == caller
    assert caller_of("", None, settings, NOW) == Caller()


@pytest.mark.parametrize(
    ("which", "team", "told"),
    [
        ("wigdet", None, "there is no key 'wigdet', did you mean 'widget'?; what is told is"),
        ("something-else", None, "there is no key 'something-else'; what is told is"),
        ("widget", "research", "the key 'widget' has the team 'sales'; what is told is"),
        ("old", None, "is revoked and opens nothing (invalid_api_key)"),
        ("old", "x", "is revoked and opens nothing (invalid_api_key)"),
        ("widget", "sales", ""),
        ("session", None, ""),
    ],
)
def test_what_may_be_a_mistake_is_noted(settings: Settings, which: str, team: str | None, told: str) -> None:
    note = caller_of(which, team, settings, NOW).note
    assert told in note
    assert bool(told) == bool(note)


def test_without_a_file_of_keys_nobody_can_tell(tmp_path: Path) -> None:
    assert "nobody can tell" in caller_of("widget", None, load_settings(None, {}), NOW).note


def test_a_surface_has_to_be_one() -> None:
    assert (known_surface("responses"), known_surface("files")) == ("responses", "files")
    with pytest.raises(ConfigurationError, match="unknown surface 'response', did you mean 'responses'"):
        known_surface("response")


def codes(policy: Policy = SMALL, scope: Scope = ANYTHING, **facts: str) -> list[str]:
    asked = Facts(surface=facts.pop("surface", "chat_completions"), **facts)  # type: ignore[arg-type]
    return [said.partition(":")[0] for said in refusals(policy, scope, asked)]


def test_what_is_refused_beforehand_has_the_code_its_caller_sees() -> None:
    limited = replace(SMALL, limits=RequestLimits(models=("gpt-*",)))
    closed = replace(SMALL, surfaces={"embeddings": SurfaceRules(open=False), "files": SurfaceRules(uninspected=True)})
    assert codes() == codes(limited) == codes(limited, model="gpt-5") == codes(closed, surface="files") == []
    assert codes(limited, model="claude") == codes(scope=Scope(models=("x",)), model="y") == ["model_not_allowed"]
    assert codes(replace(limited, shadow=True), model="claude") == []
    assert codes(closed, surface="embeddings") == codes(surface="files") == ["unknown_url"]
    assert codes(scope=Scope(routes=("responses",))) == ["route_not_allowed"]
    assert codes(closed, Scope(models=("x",)), surface="files", model="y") == ["route_not_allowed"]
    assert codes(closed, Scope(models=("x",), routes=("files",)), surface="files", model="y") == []
