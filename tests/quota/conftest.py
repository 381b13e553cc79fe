"""A ledger of each kind, on a clock the test sets. The servers are real and live as long as the tests do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from guardproxy.quota.ledger import MemoryLedger
from guardproxy.quota.model import Ledger
from tests.quota.ledgers import KINDS, LEASE_MS, on_server
from tests.support.stores import Clock, StoreServer, store_server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    with store_server("redis", tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    with store_server("valkey", tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(params=["redis", "valkey"])
def server(request: pytest.FixtureRequest) -> StoreServer:
    """An empty server of each kind."""
    server: StoreServer = request.getfixturevalue(f"{request.param}_server")
    with server.client() as client:
        client.flushall()
    return server


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest) -> StoreServer | None:
    """Where the account is kept: nowhere (in memory), or in an empty server."""
    if request.param == "memory":
        return None
    server: StoreServer = request.getfixturevalue(f"{request.param}_server")
    with server.client() as client:
        client.flushall()
    return server


@pytest.fixture
def clock(place: StoreServer | None) -> Iterator[Clock]:
    clock = Clock(server=place)
    yield clock
    clock.close()


@pytest.fixture
async def ledger(place: StoreServer | None, clock: Clock, tmp_path: Path) -> AsyncIterator[Ledger]:
    """A ledger of each kind."""
    if place is None:
        yield MemoryLedger(clock, LEASE_MS)
        return
    made = on_server(place, clock)
    yield made
    await made.drain()
