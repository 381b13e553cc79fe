from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from guardproxy.identity.key_scripts import KeyPlaces
from guardproxy.identity.keyring import Keyring
from guardproxy.identity.redis_store import RedisKeyStore
from guardproxy.identity.store import (
    KeyRevoked,
    KeyStoreError,
    KeyStoreUnavailable,
    NameTaken,
    NoSuchKey,
    UnreadableKey,
)
from guardproxy.identity.stored import KeyTerms
from guardproxy.quota.store import Store
from tests.identity.making import MOMENT, NOW, PEPPER
from tests.support.stores import StoreServer

PREFIX = "gp:q:{gp}:"
PLACES = KeyPlaces.below(PREFIX)


def on_server(server: StoreServer, pepper: bytes = PEPPER, now: datetime = MOMENT) -> RedisKeyStore:
    store = RedisKeyStore(Store(server.async_client(), lanes=1), PREFIX, pepper, lambda: now)
    store.open()
    return store


@pytest.fixture
async def store(server: StoreServer) -> AsyncIterator[RedisKeyStore]:
    made = on_server(server)
    yield made
    await made.close()


async def opens(store: RedisKeyStore, token: str, after_s: float = 0) -> bool:
    return Keyring(await store.list(), PEPPER).find(token, NOW + after_s) is not None


def dump(server: StoreServer) -> str:
    """Everything the server holds."""
    held: dict[str, Any] = {}
    with server.client() as client:
        for name in client.scan_iter():
            kind = client.type(name)
            held[repr(name)] = client.hgetall(name) if kind == b"hash" else client.get(name)
    return str(held)


async def test_a_made_key_is_listed_found_and_opens(store: RedisKeyStore) -> None:
    terms = KeyTerms(
        name="alice", team="red", models=("gpt-5*",), cidrs=("10.0.0.0/8",), expires=MOMENT.replace(year=2031)
    )
    token, key = await store.create(terms)
    assert await store.list() == [key]
    assert await store.find(key.id) == key
    assert await store.find("A" * 12) is None
    assert await opens(store, token)
    assert all(getattr(key, field) == value for field, value in terms)
    assert store.place == "the shared store"


async def test_the_store_holds_no_secret_and_everything_lies_under_its_prefix(
    store: RedisKeyStore, server: StoreServer
) -> None:
    first, _ = await store.create(KeyTerms(name="alice"))
    again, _ = await store.rotate("alice", timedelta(hours=1))
    held = dump(server)
    for secret in (first[17:60], again[17:60], PEPPER.hex(), str(PEPPER)):
        assert secret not in held
    with server.client() as client:
        assert all(name.startswith(PREFIX.encode()) for name in client.scan_iter())


async def test_a_name_is_free_again_when_its_key_is_revoked(store: RedisKeyStore) -> None:
    token, key = await store.create(KeyTerms(name="alice"))
    with pytest.raises(NameTaken):
        await store.create(KeyTerms(name="alice"))
    ended = await store.revoke("alice", "lost")
    assert (ended.id, ended.revoked, ended.revoked_reason) == (key.id, MOMENT, "lost")
    assert not await opens(store, token)
    _, second = await store.create(KeyTerms(name="alice"))
    assert (await store.revoke(key.id)).revoked_reason == "lost"
    assert (await store.rotate("alice", timedelta(0))).key.id == second.id


async def test_a_rotated_key_opens_with_both_secrets_until_the_overlap_ends(store: RedisKeyStore) -> None:
    old, key = await store.create(KeyTerms(name="alice"))
    new, again = await store.rotate(old, timedelta(hours=24))
    assert again.id == key.id
    assert [await opens(store, token, after) for token in (old, new) for after in (0, 86_399, 86_400)] == [
        True, True, False, True, True, True,
    ]  # fmt: skip


async def test_what_is_not_there_or_over_is_told(store: RedisKeyStore) -> None:
    with pytest.raises(NoSuchKey):
        await store.revoke("nobody")
    await store.create(KeyTerms(name="alice"))
    await store.revoke("alice")
    with pytest.raises(KeyRevoked):
        await store.rotate("alice", timedelta(0))


async def test_a_former_key_of_a_name_is_changed_without_taking_the_name_back(store: RedisKeyStore) -> None:
    _, first = await store.create(KeyTerms(name="alice", expires=MOMENT + timedelta(hours=1)))
    late = RedisKeyStore(store._store, PREFIX, PEPPER, lambda: MOMENT + timedelta(hours=2))
    _, second = await late.create(KeyTerms(name="alice"))
    await late.revoke(first.id)
    assert (await late.revoke("alice")).id == second.id


async def test_each_change_raises_the_version_and_what_changes_nothing_does_not(store: RedisKeyStore) -> None:
    assert await store.state() == (0, True)
    await store.create(KeyTerms(name="alice"))
    await store.revoke("alice")
    assert await store.state() == (2, True)
    await store.revoke("alice")
    with pytest.raises(KeyRevoked):
        await store.rotate("alice", timedelta(0))
    assert await store.state() == (2, True)


async def test_keys_of_another_pepper_are_noticed_and_none_is_added(store: RedisKeyStore, server: StoreServer) -> None:
    await store.create(KeyTerms(name="alice"))
    other = on_server(server, secrets.token_bytes(32))
    before = dump(server)
    assert await other.state() == (1, False)
    with pytest.raises(KeyStoreError, match="made under another pepper"):
        await other.create(KeyTerms(name="bob"))
    assert dump(server) == before
    await other.close()


async def test_of_many_who_take_one_name_at_once_one_gets_it(server: StoreServer) -> None:
    stores = [on_server(server) for _ in range(6)]
    results = await asyncio.gather(*(one.create(KeyTerms(name="alice")) for one in stores), return_exceptions=True)
    kept = await stores[0].list()
    for one in stores:
        await one.close()
    assert len(kept) == 1
    assert sorted(type(result).__name__ for result in results) == ["Issued", *["NameTaken"] * 5]


async def test_changes_at_once_do_not_undo_each_other(server: StoreServer) -> None:
    stores = [on_server(server) for _ in range(4)]
    _, key = await stores[0].create(KeyTerms(name="alice"))
    issued = await asyncio.gather(*(one.rotate("alice", timedelta(hours=1)) for one in stores))
    ring = Keyring(await stores[0].list(), PEPPER)
    version, _ = await stores[0].state()
    for one in stores:
        await one.close()
    assert version == 5
    assert sum(ring.find(one.token, NOW) is not None for one in issued) == 2
    assert {one.key.id for one in issued} == {key.id}


async def test_a_long_list_comes_in_pages_and_whole(store: RedisKeyStore, server: StoreServer) -> None:
    _, key = await store.create(KeyTerms(name="alice"))
    with server.client() as client:
        for number in range(1200):
            key_id = f"{number:012d}"
            client.hset(PLACES.keys, key_id, json.dumps({**key.plain(), "id": key_id}))
    assert len({one.id for one in await store.list()}) == 1201


async def test_when_keys_were_used_only_moves_on(store: RedisKeyStore) -> None:
    assert await store.last_used() == {}
    await store.note_used({})
    await store.note_used({"a": 100, "b": 50})
    await store.note_used({"a": 90, "b": 60})
    assert await store.last_used() == {"a": 100, "b": 60}


async def test_an_entry_that_cannot_be_read_is_told_without_what_it_holds(
    store: RedisKeyStore, server: StoreServer
) -> None:
    with server.client() as client:
        client.hset(PLACES.keys, "A" * 12, json.dumps({"id": "A" * 12, "secret": "hush"}))
    with pytest.raises(UnreadableKey, match="cannot be read") as caught:
        await store.find("A" * 12)
    assert "hush" not in str(caught.value) + str(caught.value.__cause__)


async def test_a_change_is_announced_with_its_version_and_id(store: RedisKeyStore, server: StoreServer) -> None:
    client = server.async_client()
    subscription: Any = client.pubsub()
    await subscription.subscribe(store.channel)
    _, key = await store.create(KeyTerms(name="alice"))
    async with asyncio.timeout(10):
        while (message := await subscription.get_message(ignore_subscribe_messages=True, timeout=1)) is None:
            pass
    assert message["data"] == f"1:{key.id}".encode()
    await subscription.aclose()
    await client.aclose()


async def test_who_may_not_announce_still_changes(server: StoreServer) -> None:
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "quiet", "on", ">quiet", "~*", "+@all", "resetchannels")
    quiet = RedisKeyStore(
        Store(server.async_client(username="quiet", password="quiet"), lanes=1), PREFIX, PEPPER, lambda: MOMENT
    )
    quiet.open()
    await quiet.create(KeyTerms(name="alice"))
    assert await quiet.state() == (1, True)
    await quiet.close()


async def test_a_store_that_is_away_is_an_outage(server: StoreServer) -> None:
    away = RedisKeyStore(Store(server.async_client(), lanes=1), "gp:{x}:", PEPPER, lambda: MOMENT)
    away.open()
    with server.client() as client:
        client.set("gp:{x}:keys", "no hash")
    for attempt in (away.list(), away.create(KeyTerms(name="alice")), away.revoke("alice")):
        with pytest.raises(KeyStoreUnavailable, match="does not answer"):
            await attempt
    await away.close()
