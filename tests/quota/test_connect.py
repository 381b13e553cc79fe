"""Addresses: what is understood, and that no password is ever repeated."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis, RedisCluster

from guardproxy.core.quota import Metric, Quota
from guardproxy.errors import ConfigurationError
from guardproxy.quota.connect import StoreAddress, make_client, subscription_to
from guardproxy.quota.model import Account
from guardproxy.quota.redis_ledger import RedisLedger
from guardproxy.quota.store import Store, StoreUnreachable
from tests.support.stores import StoreServer, free_port, store_server


def told(client: Any) -> dict[str, Any]:
    options: dict[str, Any] = client.connection_pool.connection_kwargs
    return options


async def test_a_single_server_with_all_that_a_url_can_say() -> None:
    password = secrets.token_hex(8)
    client = make_client(StoreAddress(f"redis://ada:{password}%21@store.example:7000/3"))
    assert isinstance(client, Redis)
    options = told(client)
    assert (options["host"], options["port"], options["db"]) == ("store.example", 7000, 3)
    assert (options["username"], options["password"]) == ("ada", f"{password}!")
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (0.1, 0.25)
    assert options["retry"]._retries == 1


async def test_tls_and_credentials_beside_the_url(tmp_path: Path) -> None:
    password, certificates = secrets.token_hex(8), tmp_path / "ca.pem"
    certificates.touch()
    address = StoreAddress("rediss://store.example", "ada", password, str(certificates))
    client: Any = make_client(address, patience=10)
    assert client.connection_pool.connection_class.__name__ == "SSLConnection"
    options = told(client)
    assert (options["port"], options["username"], options["password"]) == (6379, "ada", password)
    assert (options["ssl_ca_certs"], options["socket_timeout"]) == (str(certificates), 1.0)
    assert password not in repr(address)


async def test_sentinels_and_the_name_of_their_master() -> None:
    client: Any = make_client(StoreAddress("redis+sentinel://:pw@one:26380,two/mymaster/2"))
    pool = client.connection_pool
    assert pool.service_name == "mymaster"
    assert [told(sentinel)["port"] for sentinel in pool.sentinel_manager.sentinels] == [26380, 26379]
    assert told(client)["db"] == 2


async def test_the_nodes_of_a_cluster() -> None:
    client = make_client(StoreAddress("redis+cluster://one:7000,two:7001"))
    assert isinstance(client, RedisCluster)


@pytest.mark.parametrize(
    "url",
    [
        "http://host", "host:6379", "redis://", "redis://:hunter2@/0", "redis://host/zero", "redis://host:port/0",
        "redis://one,two/0", "redis+sentinel://one:26379", "redis://host:99999999/0", "redis://host/0/1",
    ],
)  # fmt: skip
async def test_what_is_no_address_is_told_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        make_client(StoreAddress(url))
    assert "hunter2" not in raised.value.message
    assert "quota store" in raised.value.message


async def test_certificates_that_cannot_be_read_are_not_taken_for_a_server_that_is_away(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none.pem"):
        with pytest.raises(ConfigurationError, match=f"{place}: quota.redis.ca_file cannot be read: "):
            make_client(StoreAddress("rediss://127.0.0.1:1/0", ca_file=str(place)))


async def test_one_place_can_be_listened_to_and_a_cluster_has_none() -> None:
    for url, can in (("redis://one", True), ("redis+sentinel://one/main", True), ("redis+cluster://one", False)):
        client = make_client(StoreAddress(url))
        assert (subscription_to(client) is not None) is can
        await client.aclose()


async def test_it_reaches_a_real_server(server: StoreServer) -> None:
    client = make_client(StoreAddress(server.url), patience=50)
    assert await client.execute_command("PING")
    await client.aclose()


MINUTE = (Account("key", [Quota(Metric.REQUESTS, 3600, 3)]), Account("team", [Quota(Metric.TOKENS, 3600, 100)]))


def ledger_at(url: str) -> RedisLedger:
    address = StoreAddress(url, connect_timeout_s=5.0, command_timeout_s=5.0)
    made = RedisLedger(Store(make_client(address)), Store(make_client(address), 1), lambda: time.time_ns() // 1_000_000)
    made.open()
    return made


async def test_a_cluster_keeps_all_accounts_of_a_request_on_one_shard(tmp_path: Path) -> None:
    with store_server("valkey", tmp_path, "--cluster-enabled", "yes", "--cluster-port", str(free_port())) as server:
        with server.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
            while "cluster_state:ok" not in str(client.execute_command("CLUSTER", "INFO")):
                await asyncio.sleep(0.05)
        ledger = ledger_at(f"redis+cluster://127.0.0.1:{server.port}")
        answers = await asyncio.gather(*(ledger.admit(f"r{n}", MINUTE, {"requests": 1}) for n in range(10)))
        assert sum(answer.admitted for answer in answers) == 3
        with server.client() as client:
            client.script_flush()
        for number in range(10):
            ledger.settle(f"r{number}", {"tokens": 5})
        await ledger.settled()
        assert [state.used for state in await ledger.look(MINUTE)] == [3, 15]
        await ledger.drain()


async def test_when_sentinels_name_another_master_the_account_goes_on_there(tmp_path: Path) -> None:
    with ExitStack() as stack:
        for name in ("master", "replica", "sentinel"):
            (tmp_path / name).mkdir()
        master = stack.enter_context(store_server("valkey", tmp_path / "master"))
        replica = stack.enter_context(
            store_server("valkey", tmp_path / "replica", "--replicaof", f"127.0.0.1 {master.port}")
        )
        config = tmp_path / "sentinel.conf"
        config.write_text(
            f"sentinel monitor main 127.0.0.1 {master.port} 1\nsentinel down-after-milliseconds main 300\n"
            "sentinel failover-timeout main 2000\n",
            encoding="utf-8",
        )
        sentinel = stack.enter_context(store_server("valkey", tmp_path / "sentinel", config=config))
        ledger = ledger_at(f"redis+sentinel://127.0.0.1:{sentinel.port}/main")
        assert (await ledger.admit("before", MINUTE, {"requests": 1, "tokens": 9})).admitted
        with replica.client() as client, sentinel.client() as watching:
            while not client.keys("gp:*") or not watching.execute_command("SENTINEL", "REPLICAS", "main"):
                await asyncio.sleep(0.05)
        master.kill()
        states = None
        for attempt in range(600):  # as long as a failover takes, it is unreachable and nothing else
            try:
                states = (await ledger.admit(f"after{attempt}", MINUTE, {"requests": 1, "tokens": 9})).states
                break
            except StoreUnreachable:
                await asyncio.sleep(0.05)
        assert states is not None
        assert [state.used for state in states] == [2, 18]
        ledger.settle("before", {"tokens": 1})
        ledger.settle(f"after{attempt}", {"tokens": 1})
        await ledger.settled()
        assert [state.used for state in await ledger.look(MINUTE)] == [2, 2]
        await ledger.drain()
