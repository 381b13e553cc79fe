"""What proxies remember together, and when they do."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guardproxy.audit.sinks import configure_logging
from guardproxy.cli.compose_state import Remembered, make_remembered, places, session_name, shared_keyring
from guardproxy.errors import ConfigurationError
from guardproxy.gateway.ownership import MemoryOwnership
from guardproxy.gateway.seen import OwnAnswers
from guardproxy.gateway.shared_ownership import SharedOwnership
from guardproxy.identity.keyring import Keyring
from guardproxy.settings import Settings
from tests.support.proxy import Captured
from tests.support.rest import until
from tests.support.stores import StoreServer, store_server

PEPPER = {"GUARDPROXY_PEPPER": secrets.token_hex(32)}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StoreServer]:
    with store_server("valkey", tmp_path) as started:
        yield started


def settings(url: str | None, **keys: Any) -> Settings:
    redis = {"url": url, "command_timeout": 5.0, "connect_timeout": 5.0} if url else {}
    return Settings.model_validate({"quota": {"redis": redis}, "keys": keys})


def remembered(written: Settings, environ: dict[str, str], *more: str) -> tuple[Remembered, Captured]:
    captured = Captured()
    return make_remembered(written, configure_logging("json", captured), environ, *more), captured


async def test_without_a_store_or_without_a_pepper_each_process_remembers_by_itself(server: StoreServer) -> None:
    for written, environ in ((settings(None), PEPPER), (settings(server.url), {})):
        alone, _ = remembered(written, environ)
        assert isinstance(alone.ownership, MemoryOwnership)
        assert isinstance(alone.seen, OwnAnswers)
        assert alone.state is None


async def test_with_both_they_remember_together_under_their_pepper_and_with_another_one_not(
    server: StoreServer,
) -> None:
    written, other = settings(server.url), {"GUARDPROXY_PEPPER": secrets.token_hex(32)}
    three = [remembered(written, environ)[0] for environ in (PEPPER, PEPPER, other)]
    tried = three[0].ownership.record(["resp_1"], "k1")
    assert tried is not None
    await tried
    owned = [await one.ownership.owned("k1", ["resp_1"]) for one in three]
    assert owned == [{"resp_1"}, {"resp_1"}, frozenset()]
    for one in three:
        assert one.state is not None
        await one.state.close()


async def test_a_key_of_a_run_owns_only_what_was_made_with_it(server: StoreServer) -> None:
    written, run, another = settings(server.url), secrets.token_hex(16), secrets.token_hex(16)
    three = [remembered(written, PEPPER, token)[0] for token in (run, run, another)]
    tried = three[0].ownership.record(["resp_1"], "session")
    assert tried is not None
    await tried
    owned = [await one.ownership.owned("session", ["resp_1"]) for one in three]
    assert owned == [{"resp_1"}, {"resp_1"}, frozenset()]
    with server.client() as client:
        held = repr([client.hgetall(key) for key in client.keys("*")])
    assert run not in held and "session" in held
    for one in three:
        assert one.state is not None
        await one.state.close()


def test_the_name_of_a_run_tells_nothing_of_its_key() -> None:
    keyring, token = Keyring((), secrets.token_bytes(32)), secrets.token_hex(16)
    assert session_name(keyring, token) == session_name(keyring, token) != session_name(keyring, token + "x")
    assert keyring.digest(token)[:24] not in session_name(keyring, token)


async def test_a_store_that_is_lost_and_found_again_is_told_in_the_log(server: StoreServer) -> None:
    shared, captured = remembered(settings(server.url), PEPPER)
    assert isinstance(shared.ownership, SharedOwnership)
    assert shared.state is not None
    server.kill()
    shared.ownership.record(["resp_1"], "k1")
    state = shared.state
    await until(lambda: state.health.degraded)
    server.start()
    await until(lambda: not state.health.degraded)
    await state.close()
    log = [(event["event"], event.get("error"), event["lost"]) for event in captured.events()]
    assert log == [("shared_state_lost", "ConnectionError", 0), ("shared_state_restored", None, 0)]


def test_the_pepper_is_the_one_of_the_keys_wherever_it_lies(tmp_path: Path) -> None:
    assert shared_keyring(settings(None), {}) is None
    pepper = tmp_path / "pepper"
    pepper.write_text(PEPPER["GUARDPROXY_PEPPER"], encoding="utf-8")
    for found in (shared_keyring(settings(None, pepper_file=str(pepper)), {}), shared_keyring(settings(None), PEPPER)):
        assert found is not None
        assert found.derived("x") == Keyring((), PEPPER["GUARDPROXY_PEPPER"].encode()).derived("x")
    with pytest.raises(ConfigurationError, match="pepper"):
        shared_keyring(settings(None, file=str(tmp_path / "keys.yaml")), {})


def test_all_of_it_lies_below_the_prefix_of_the_deployment() -> None:
    made, answered = places(Settings())
    assert all(key.startswith("gp:q:{gp}:") for place in (made, answered) for key in place.keys)
    assert not {*made.keys} & {*answered.keys}
