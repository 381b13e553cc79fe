from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from guardproxy.audit.sinks import configure_logging
from guardproxy.errors import ConfigurationError, KeyStoreLost
from guardproxy.identity.following import USED_EVERY_S, KeyFollower
from guardproxy.identity.keyring import Keyring
from guardproxy.identity.live import LiveKeys
from guardproxy.identity.redis_store import RedisKeyStore
from guardproxy.identity.stored import KeyTerms
from guardproxy.quota.connect import StoreAddress, make_client, subscription_to
from guardproxy.quota.store import Store
from tests.identity.making import NOW, PEPPER
from tests.identity.test_redis_store import PREFIX, on_server
from tests.support.proxy import Captured
from tests.support.stores import StoreServer, free_port, store_server

# Long enough that nothing is noticed by it within a test.
NEVER_S = 3600.0


class Following:
    """A proxy's keys, all of them in the store."""

    def __init__(self, server: StoreServer, poll_s: float, *, listens: bool = True, stale_s: float = 300.0) -> None:
        self.captured = Captured()
        client = server.async_client(1.0)
        store = RedisKeyStore(Store(server.async_client(1.0), lanes=1), PREFIX, PEPPER)
        log = configure_logging("json", self.captured)
        self.follower = KeyFollower(store, log, poll_s, stale_s, client.pubsub if listens else None, client.aclose)
        self.keys = LiveKeys(Keyring([], PEPPER), self.follower.asked)
        self.follower.used = self.keys.used

    async def opens(self, token: str, now: float = NOW) -> bool:
        found = self.keys.find(token, now)
        return (await found if isinstance(found, Awaitable) else found) is not None

    @property
    def told(self) -> list[str]:
        return [event["event"] for event in self.captured.events()]


@asynccontextmanager
async def following(server: StoreServer, poll_s: float = NEVER_S, **more: bool | float) -> AsyncIterator[Following]:
    on = Following(server, poll_s, **more)  # type: ignore[arg-type]
    await on.follower.start()
    try:
        yield on
    finally:
        await on.follower.stop()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await holds():
            await asyncio.sleep(0.01)


async def listening(server: StoreServer, channel: str) -> None:
    """Returns when the server has a subscriber."""
    with server.client() as client:
        async with asyncio.timeout(30):
            while not client.pubsub_numsub(channel)[0][1]:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("listens", [True, False])
async def test_a_revoked_key_stops_opening_by_announcement_or_by_version(server: StoreServer, listens: bool) -> None:
    store = on_server(server)
    token, _ = await store.create(KeyTerms(name="alice"))
    async with following(server, NEVER_S if listens else 0.01, listens=listens) as on:
        assert await on.opens(token)
        if listens:
            await listening(server, store.channel)
        await store.revoke("alice")

        async def closed() -> bool:
            return not await on.opens(token)

        await until(closed)
        assert on.told == []
    await store.close()


async def test_a_new_key_opens_though_it_was_presented_before_it_was_there(server: StoreServer) -> None:
    store = on_server(server)
    token, key = await store.create(KeyTerms(name="alice"))
    with server.client() as client:
        client.flushall()
    async with following(server) as on:
        assert not await on.opens(token)
        with server.client() as client:
            client.hset(f"{PREFIX}keys", key.id, json.dumps(key.plain()))
        on.follower.announced(f"1:{key.id}")
        assert await on.opens(token)
    await store.close()


async def test_it_stops_however_far_its_listening_has_come(redis_server: StoreServer) -> None:
    for turns in range(90):  # a command that was just sent may take a cancellation for its own end
        async with following(redis_server):
            for _ in range(turns % 30):
                await asyncio.sleep(0)


async def test_announcements_in_order_forget_one_key_and_a_gap_forgets_all(server: StoreServer) -> None:
    store = on_server(server)
    alice, bob = await store.create(KeyTerms(name="alice")), await store.create(KeyTerms(name="bob"))
    async with following(server, listens=False) as on:
        assert await on.opens(alice.token)
        assert await on.opens(bob.token)

        async def at_once(token: str) -> bool:
            found = on.keys.find(token, NOW)
            if isinstance(found, Awaitable):
                await found
                return False
            return found is not None

        on.follower.announced(f"3:{alice.key.id}")
        assert [await at_once(alice.token), await at_once(bob.token)] == [False, True]
        await on.opens(alice.token)
        on.follower.announced(f"3:{alice.key.id}")
        assert await at_once(alice.token)
        on.follower.announced(f"9:{alice.key.id}")
        assert [await at_once(alice.token), await at_once(bob.token)] == [False, False]
    await store.close()


async def test_a_store_under_another_pepper_is_told_at_the_start_and_never_opens_anything(server: StoreServer) -> None:
    other = on_server(server, secrets.token_bytes(32))
    await other.create(KeyTerms(name="alice"))
    on = Following(server, NEVER_S)
    with pytest.raises(ConfigurationError, match="another pepper"):
        await on.follower.start()
    with pytest.raises(KeyStoreLost):
        on.keys.find((await other.create(KeyTerms(name="bob"))).token, NOW)
    await on.follower.stop()
    await other.close()


async def test_when_a_key_was_used_is_left_in_the_store_once_a_minute(server: StoreServer) -> None:
    store = on_server(server)
    token, key = await store.create(KeyTerms(name="alice"))
    async with following(server, listens=False) as on:
        now = int(NOW)
        for seconds, noted in ((0, 0), (USED_EVERY_S - 1, 0), (USED_EVERY_S, USED_EVERY_S)):
            await on.opens(token, now + seconds)
            await on.follower.note_used()
            assert await store.last_used() == {key.id: now + noted}
    await store.close()


async def test_a_killed_store_is_told_once_known_keys_go_on_and_it_is_noticed_when_it_is_back(tmp_path: Path) -> None:
    with store_server("redis", tmp_path) as server:
        store = on_server(server)
        alice, bob = await store.create(KeyTerms(name="alice")), await store.create(KeyTerms(name="bob"))
        async with following(server, 0.05) as on:
            assert await on.opens(alice.token)
            server.kill()

            async def lost() -> bool:
                return "key_store_lost" in on.told

            await until(lost)
            assert await on.opens(alice.token)
            with pytest.raises(KeyStoreLost):
                await on.opens(bob.token)
            server.start()

            async def restored() -> bool:
                return "key_store_restored" in on.told

            await until(restored)
            # It came back empty: what it does not hold any more opens nothing.
            assert not await on.opens(alice.token)
            assert on.told == ["key_store_lost", "key_store_restored"]
        await store.close()


async def test_without_patience_for_a_lost_store_known_keys_close_with_it(tmp_path: Path) -> None:
    with store_server("redis", tmp_path) as server:
        store = on_server(server)
        alice = await store.create(KeyTerms(name="alice"))
        async with following(server, 0.05, stale_s=0.0) as on:
            assert await on.opens(alice.token)
            server.kill()

            async def closed() -> bool:
                try:
                    await on.opens(alice.token)
                except KeyStoreLost:
                    return True
                return False

            await until(closed)
            await on.follower.note_used()
        await store.close()


async def test_a_proxy_that_starts_while_the_store_is_away_takes_its_keys_when_it_comes(tmp_path: Path) -> None:
    with store_server("redis", tmp_path) as server:
        server.kill()
        async with following(server, 0.05) as on:
            assert on.told == ["key_store_lost"]
            server.start()
            store = on_server(server)
            alice = await store.create(KeyTerms(name="alice"))

            async def restored() -> bool:
                return on.follower.asked.reachable

            await until(restored)
            assert await on.opens(alice.token)
            await store.rotate("alice", timedelta(hours=1))
            await store.close()


async def test_a_store_that_hangs_is_a_store_that_is_away(tmp_path: Path) -> None:
    with store_server("redis", tmp_path) as server:
        store = on_server(server)
        alice = await store.create(KeyTerms(name="alice"))
        async with following(server, 0.05) as on:
            assert await on.opens(alice.token)
            server.pause()

            async def lost() -> bool:
                return "key_store_lost" in on.told

            await until(lost)
            assert await on.opens(alice.token)
            server.resume()

            async def restored() -> bool:
                return "key_store_restored" in on.told

            await until(restored)
            await store.revoke("alice")

            async def closed() -> bool:
                return not await on.opens(alice.token)

            await until(closed)
        await store.close()


async def follows_at(url: str, server: StoreServer, poll_s: float) -> None:
    """A proxy that is given `url` takes what is made and revoked there."""
    address = StoreAddress(url, connect_timeout_s=5.0, command_timeout_s=5.0)
    client: Any = make_client(address)
    store = RedisKeyStore(Store(make_client(address), lanes=1), PREFIX, PEPPER)
    log = configure_logging("json", Captured())
    subscribe = subscription_to(client)
    follower = KeyFollower(store, log, poll_s, 300.0, subscribe, client.aclose)
    keys = LiveKeys(Keyring([], PEPPER), follower.asked)
    await follower.start()
    try:
        alice = await store.create(KeyTerms(name="alice"))
        if subscribe is not None:
            await listening(server, store.channel)

        async def opens() -> bool:
            found = keys.find(alice.token, NOW)
            return (await found if isinstance(found, Awaitable) else found) is not None

        async def closed() -> bool:
            return not await opens()

        await until(opens)
        await store.revoke("alice")
        await until(closed)
        assert len(await store.list()) == 1
    finally:
        await follower.stop()


async def test_in_a_cluster_changes_are_found_by_their_version(tmp_path: Path) -> None:
    with store_server("valkey", tmp_path, "--cluster-enabled", "yes", "--cluster-port", str(free_port())) as server:
        with server.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
            while "cluster_state:ok" not in str(client.execute_command("CLUSTER", "INFO")):
                await asyncio.sleep(0.05)
        await follows_at(f"redis+cluster://127.0.0.1:{server.port}", server, 0.05)


async def test_the_master_that_sentinels_name_announces_changes_too(tmp_path: Path) -> None:
    (tmp_path / "sentinel").mkdir()
    config = tmp_path / "sentinel.conf"
    with store_server("valkey", tmp_path) as master:
        config.write_text(f"sentinel monitor main 127.0.0.1 {master.port} 1\n", encoding="utf-8")
        with store_server("valkey", tmp_path / "sentinel", config=config) as sentinel:
            await follows_at(f"redis+sentinel://127.0.0.1:{sentinel.port}/main", master, NEVER_S)


async def test_a_mistake_of_ours_while_looking_is_told_and_the_looking_goes_on(server: StoreServer) -> None:
    async with following(server, 0.01, listens=False) as on:
        state = on.follower.store.state

        async def breaks() -> tuple[int, bool]:
            raise LookupError("a bug")

        on.follower.store.state = breaks  # type: ignore[method-assign]

        async def lost() -> bool:
            return not on.follower.asked.reachable

        await until(lost)
        on.follower.store.state = state  # type: ignore[method-assign]

        async def restored() -> bool:
            return on.follower.asked.reachable

        await until(restored)
        assert on.captured.events()[0]["error"] == "the version could not be read: LookupError"
        assert on.told == ["key_store_lost", "key_store_restored"]


class Deaf:
    """A subscription that is none."""

    async def aclose(self) -> None:
        """There is nothing to close."""


async def test_a_mistake_of_ours_while_listening_is_told_and_the_version_goes_on(server: StoreServer) -> None:
    on = Following(server, 0.05)
    on.follower._subscribe = Deaf
    await on.follower.start()

    async def told() -> bool:
        return on.told == ["key_store_lost", "key_store_restored"]

    await until(told)
    assert on.captured.events()[0]["error"] == "announcements cannot be heard: AttributeError"
    await on.follower.stop()


async def test_who_may_only_read_keys_opens_with_them_and_says_once_that_their_use_is_not_noted(
    server: StoreServer,
) -> None:
    store = on_server(server)
    token, _ = await store.create(KeyTerms(name="alice"))
    with server.client() as client:
        reads = ("+eval", "+evalsha", "+get", "+hget", "+hscan", "+subscribe", "+unsubscribe", "+ping", "+client")
        client.execute_command("ACL", "SETUSER", "default", "-@all", *reads, "+flushall", "+acl")
    try:
        async with following(server, listens=False) as on:
            assert await on.opens(token)
            for _ in range(2):
                await on.follower.note_used()
            assert on.told == ["key_use_not_noted"]
            assert await on.opens(token, NOW + 1)
            assert on.follower.asked.reachable
    finally:
        with server.client() as client:
            client.execute_command("ACL", "SETUSER", "default", "+@all")
    await store.close()
