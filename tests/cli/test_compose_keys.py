from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from guardproxy.audit.events import Event
from guardproxy.audit.sinks import configure_logging
from guardproxy.cli.compose_keys import load_keyring, make_entrance, open_live_keys, shared_pepper
from guardproxy.errors import ConfigurationError
from guardproxy.identity.file_store import FileKeyStore
from guardproxy.identity.keyfile import pepper_path, rewrite_keys
from guardproxy.identity.keys import digest
from guardproxy.identity.stored import KeyTerms
from guardproxy.settings import Settings
from tests.support.proxy import Captured
from tests.support.stores import store_server

NOW = 1_900_000_000
ALICE = KeyTerms(name="alice")


def settings(**keys: Any) -> Settings:
    return Settings.model_validate({"keys": keys})


async def test_the_pepper_of_the_settings_counts_wherever_it_lies(tmp_path: Path) -> None:
    file, pepper = tmp_path / "keys.yaml", tmp_path / "elsewhere" / "pepper"
    pepper.parent.mkdir()
    token, _ = await FileKeyStore(file, {}, pepper_file=pepper).create(ALICE)
    keyring, made = load_keyring(settings(file=str(file), pepper_file=str(pepper)), {})
    assert keyring.find(token, NOW) is not None
    assert made is None
    assert not pepper_path(file).exists()


def test_without_any_key_one_is_made_unless_the_shared_store_has_some(tmp_path: Path) -> None:
    keyring, made = load_keyring(settings(), {})
    assert made is not None
    assert keyring.find(made, NOW) is not None
    environment = {"GUARDPROXY_PEPPER": secrets.token_hex(32)}
    keyring, made = load_keyring(settings(store="redis"), environment)
    assert (len(keyring), made) == (0, None)
    assert shared_pepper(settings(store="redis"), environment) == environment["GUARDPROXY_PEPPER"].encode()


def test_keys_of_the_store_without_a_pepper_are_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="pepper"):
        load_keyring(settings(store="redis"), {})


def test_names_of_keys_in_the_store_are_not_held_against_the_file(tmp_path: Path) -> None:
    given = Settings.model_validate({"keys": {"store": "redis"}, "policies": {"keys": {"alice": "strict"}}})
    assert load_keyring(given, {"GUARDPROXY_PEPPER": secrets.token_hex(32)})[1] is None


def test_the_entrance_is_as_the_settings_say() -> None:
    captured = Captured()
    log = configure_logging("json", captured)
    given = Settings.model_validate(
        {"keys": {"failures": 1, "failure_window": 10}, "listen": {"trusted_proxies": ("10.0.0.0/8",)}}
    )
    entrance = make_entrance(given, log)
    assert [ip_address(text) in entrance.trusted[0] for text in ("10.1.1.1", "11.1.1.1")] == [True, False]
    assert [entrance.failures.failed(None, 0.0).wait_s for _ in range(2)] == [None, 10.0]
    entrance.tell(Event.KEY_REFUSED, address=None)
    assert captured.events()[0]["event"] == "key_refused"


async def test_a_watched_file_may_be_emptied_while_the_key_of_the_environment_stays(tmp_path: Path) -> None:
    file, session = tmp_path / "keys.yaml", secrets.token_hex(16)
    token, _ = await FileKeyStore(file, {}).create(ALICE)
    log = configure_logging("json", Captured())
    opened = open_live_keys(settings(file=str(file), poll=0.01), {"GUARDPROXY_KEY": session}, log)
    assert opened.keys.find(token, NOW) is not None
    rewrite_keys(file, lambda _: ())
    assert opened.watcher is not None
    assert await opened.watcher.check()
    assert opened.keys.find(token, NOW) is None
    assert opened.keys.find(session, NOW) is not None
    assert [store.place for store in opened.stores] == [str(file)]
    assert not opened.away


async def test_file_and_shared_store_open_side_by_side_and_the_file_wins(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    with store_server("redis", tmp_path) as server:
        redis = {"url": server.url, "command_timeout": 5.0, "connect_timeout": 5.0}
        given = Settings.model_validate({"keys": {"file": str(file), "store": "redis"}, "quota": {"redis": redis}})
        of_file = await FileKeyStore(file, {}).create(ALICE)
        opened = open_live_keys(given, {}, configure_logging("json", Captured()))
        await opened.start()
        try:
            shared, of_path = opened.stores
            assert of_path.place == str(file)
            of_store = await shared.create(KeyTerms(name="bob"))
            asked = opened.keys.find(of_store.token, NOW)
            assert isinstance(asked, Awaitable)
            assert await asked == of_store.key.principal
            assert opened.keys.find(of_file.token, NOW) == of_file.key.principal
            forbidden = of_store.key.model_copy(update={"digest": digest("other", shared_pepper(given, {}))})
            rewrite_keys(file, lambda keys: (*keys, forbidden))
            assert opened.watcher is not None
            opened.watcher.ask()
            async with asyncio.timeout(30):
                while opened.keys.find(of_store.token, NOW) is not None:
                    await asyncio.sleep(0.01)
            assert (await shared.rotate("bob", timedelta(0))).key.id == of_store.key.id
            assert not opened.away
            server.kill()
            assert opened.follower is not None
            assert await opened.follower.check() is None
            assert opened.away
        finally:
            await opened.stop()
