"""Ledgers for tests: in memory, or on a real server that takes its time from the test's clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from guardproxy.core.quota import Quota
from guardproxy.quota.model import Account, Charge, Ledger
from guardproxy.quota.recovery import Told
from guardproxy.quota.redis_ledger import RedisLedger
from guardproxy.quota.scripts import load_scripts
from guardproxy.quota.store import Store
from tests.support.stores import TEST_CLOCK, StoreServer

KINDS: Final = ("memory", "redis", "valkey")
LEASE_MS: Final = 3_600_000
ON_TEST_CLOCK: Final = load_scripts(TEST_CLOCK)


def on_server(
    server: StoreServer, clock: Callable[[], int], lease_ms: int = LEASE_MS, told: Told | None = None
) -> RedisLedger:
    """A ledger on the server, on the test's clock."""
    store, background = Store(server.async_client(), 2), Store(server.async_client(), 1)
    ledger = RedisLedger(store, background, clock, lease_ms=lease_ms, scripts=ON_TEST_CLOCK, told=told)
    ledger.open()
    return ledger


def on_real_time(server: StoreServer, clock: Callable[[], int], lease_ms: int = 60_000) -> RedisLedger:
    """The same on the server's own clock."""
    ledger = RedisLedger(Store(server.async_client(), 2), Store(server.async_client(), 1), clock, lease_ms=lease_ms)
    ledger.open()
    return ledger


async def settled(ledger: Ledger) -> None:
    """All settlements so far have arrived."""
    if isinstance(ledger, RedisLedger):
        await ledger.settled()


def one(*quotas: Quota, scope: str = "key") -> tuple[Account, ...]:
    """The plan of a request with one account."""
    return (Account(scope, quotas),)


async def used(ledger: Ledger, accounts: Sequence[Account]) -> list[int]:
    """What every quota of the accounts holds."""
    await settled(ledger)
    return [state.used for state in await ledger.look(accounts)]


async def admits(ledger: Ledger, request_id: str, accounts: Sequence[Account], amounts: Charge) -> bool:
    return (await ledger.admit(request_id, accounts, amounts)).admitted
