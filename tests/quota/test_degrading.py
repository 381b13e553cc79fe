"""The store goes away and comes back: what each quota does, and what the shared account knows afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from guardproxy.core.quota import Metric, OnStoreError, Period, Quota, Share
from guardproxy.errors import QuotaStoreUnavailable
from guardproxy.quota.breaker import IN_A_ROW
from guardproxy.quota.degrading import DegradingLedger
from guardproxy.quota.model import Account
from guardproxy.quota.redis_ledger import RedisLedger
from guardproxy.quota.store import Store
from tests.quota.ledgers import on_real_time
from tests.support.rest import until
from tests.support.stores import StoreServer, store_server

RATE = Quota(Metric.REQUESTS, 3600, 10)
BUDGET = Quota(Metric.COST, 0, 1000, period=Period.MONTH)
HARD = Quota(Metric.COST, 0, 1000, period=Period.MONTH, shares=(Share.TEAM,), on_store_error=OnStoreError.CLOSED)
FREE = Quota(Metric.TOKENS, 60, 5, on_store_error=OnStoreError.OPEN)
KEY = (Account("key", [RATE, BUDGET]),)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture(params=["redis", "valkey"])
def mortal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoreServer]:
    """A server of this test's own, which may be killed."""
    with store_server(request.param, tmp_path) as server:
        yield server


@pytest.fixture
async def told() -> list[tuple[bool, str]]:
    return []


@pytest.fixture
async def ledger(mortal: StoreServer, told: list[tuple[bool, str]]) -> AsyncIterator[DegradingLedger]:
    """One of two replicas."""
    made = degrading(mortal, told)
    yield made
    await made.drain()


def degrading(server: StoreServer, told: list[tuple[bool, str]], watch_every_s: float = 60.0) -> DegradingLedger:
    store, background = Store(server.async_client(0.3), 2), Store(server.async_client(0.3), 1)
    made = DegradingLedger(
        RedisLedger(store, background, now_ms), now_ms, 0.5, lambda lost, kind: told.append((lost, kind)), watch_every_s
    )
    made.open()
    return made


async def until_open(ledger: DegradingLedger) -> None:
    """Requests until the breaker has opened."""
    for number in range(IN_A_ROW):
        assert (await ledger.admit(f"opening{number}", (Account(f"o{number}", [RATE]),), {})).degraded
        ledger.cancel(f"opening{number}")
    assert ledger.degraded


async def test_while_the_store_answers_it_keeps_the_account(ledger: DegradingLedger) -> None:
    admission = await ledger.admit("a", KEY, {"requests": 1, "cost": 5})
    assert (admission.admitted, admission.degraded, ledger.degraded) == (True, False, False)
    ledger.settle("a", {"cost": 3})
    assert ledger.unsettled >= 1
    await until(lambda: ledger.unsettled == 0)
    assert [state.used for state in await ledger.look(KEY)] == [1, 3]


async def test_the_loss_of_a_store_that_nobody_asks_is_noticed_and_its_return_too(
    mortal: StoreServer, told: list[tuple[bool, str]]
) -> None:
    ledger = degrading(mortal, told, watch_every_s=0.05)
    try:
        assert (await ledger.admit("a", KEY, {"requests": 1})).admitted
        mortal.kill()
        await until(lambda: ledger.degraded)
        assert [lost for lost, _ in told] == [True]
        mortal.start()
        await until(lambda: not ledger.degraded)
        assert [lost for lost, _ in told] == [True, False]
    finally:
        await ledger.drain()


async def test_a_store_that_was_never_there_is_noticed_without_a_request(
    mortal: StoreServer, told: list[tuple[bool, str]]
) -> None:
    mortal.kill()
    ledger = degrading(mortal, told)
    try:
        await until(lambda: ledger.degraded)
        assert (ledger.store.errors, [lost for lost, _ in told]) == (IN_A_ROW, [True])
    finally:
        await ledger.drain()


async def test_replicas_on_their_own_admit_together_no_more_than_the_limit(
    mortal: StoreServer, ledger: DegradingLedger
) -> None:
    other = degrading(mortal, [])
    mortal.kill()
    admitted = [
        (await replica.admit(f"{name}{number}", KEY, {"requests": 1})).admitted
        for name, replica in (("a", ledger), ("b", other))
        for number in range(10)
    ]
    assert sum(admitted) == 10
    assert ledger.degraded
    mortal.start()
    for name, replica in (("a", ledger), ("b", other)):
        for number in range(10):
            replica.cancel(f"{name}{number}")
    await other.drain()


async def test_what_was_used_meanwhile_is_charged_once_the_store_is_back(
    mortal: StoreServer, ledger: DegradingLedger, told: list[tuple[bool, str]]
) -> None:
    mortal.kill()
    for number in range(5):
        assert (await ledger.admit(f"r{number}", KEY, {"requests": 1, "cost": 100})).degraded
    assert not (await ledger.admit("too much", KEY, {"requests": 1, "cost": 100})).admitted
    ledger.settle("r0", {"requests": 1, "cost": 40})
    ledger.settle("r1", None)
    ledger.cancel("r2")
    mortal.start()
    await until(lambda: not ledger.degraded)
    ledger.settle("r3", {"cost": 7})  # it ran on while the store came back
    ledger.settle("r4", {"cost": 1})
    await until(lambda: ledger.unsettled == 0)
    assert [state.used for state in await ledger.look(KEY)] == [4, 148]
    assert [lost for lost, _ in told] == [True, False]
    assert ledger.lost == 0
    assert ledger.store.errors >= IN_A_ROW
    assert ledger.store.degraded_ms > 0


async def test_a_quota_that_must_not_be_guessed_refuses_and_is_not_told_as_used_up(
    mortal: StoreServer, ledger: DegradingLedger
) -> None:
    accounts = (Account("team", [HARD]), Account("key", [RATE]))
    mortal.kill()
    for _ in range(IN_A_ROW + 2):
        with pytest.raises(QuotaStoreUnavailable) as raised:
            await ledger.admit("a", accounts, {"requests": 1, "cost": 1})
        error = raised.value
        assert (error.status, error.code, error.type) == (503, "quota_store_unavailable", "server_error")
        assert error.retry.after_ms is not None
        assert 1000 <= error.retry.after_ms <= 5000
    with pytest.raises(QuotaStoreUnavailable):
        await ledger.look(accounts)
    mortal.start()
    await until(lambda: not ledger.degraded)
    assert (await ledger.admit("a", accounts, {"requests": 1, "cost": 1})).admitted
    ledger.cancel("a")


async def test_an_open_quota_admits_everything_and_says_so(mortal: StoreServer, ledger: DegradingLedger) -> None:
    mortal.kill()
    for number in range(20):
        admission = await ledger.admit(f"r{number}", (Account("key", [FREE]),), {"tokens": 100})
        assert (admission.admitted, admission.degraded, admission.states) == (True, True, ())
        ledger.cancel(f"r{number}")
    mortal.start()


async def test_once_open_requests_do_not_wait_for_the_store_any_more(
    mortal: StoreServer, ledger: DegradingLedger
) -> None:
    mortal.pause()
    await until_open(ledger)
    with mortal_asleep(mortal):
        admissions = await asyncio.wait_for(
            asyncio.gather(*(ledger.admit(f"r{n}", (Account(f"k{n}", [RATE]),), {"requests": 1}) for n in range(500))),
            30,
        )
    assert all(admission.degraded for admission in admissions)
    await until(lambda: not ledger.degraded)
    for number in range(500):
        ledger.cancel(f"r{number}")


class mortal_asleep:  # noqa: N801 - reads as a sentence
    """A server that is paused wakes up at the end."""

    def __init__(self, server: StoreServer) -> None:
        self._server = server

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self._server.resume()


async def test_a_server_that_comes_back_empty_admits_at_most_one_limit_more(
    mortal: StoreServer, ledger: DegradingLedger
) -> None:
    admitted = 0
    for number in range(15):
        admitted += (await ledger.admit(f"a{number}", KEY, {"requests": 1})).admitted
    mortal.kill()
    mortal.start()
    for number in range(15):
        admitted += (await ledger.admit(f"b{number}", KEY, {"requests": 1})).admitted
    assert admitted <= 20
    for number in range(15):
        ledger.cancel(f"a{number}")
        ledger.cancel(f"b{number}")


async def test_a_dead_replica_frees_its_places_when_its_leases_end(mortal: StoreServer) -> None:
    accounts = (Account("key", [Quota(Metric.CONCURRENCY, 0, 2), Quota(Metric.TOKENS, 3600, 1000)]),)
    dead, alive = on_real_time(mortal, now_ms, lease_ms=300), on_real_time(mortal, now_ms, lease_ms=60_000)
    for number in range(2):
        assert (await dead.admit(f"d{number}", accounts, {"tokens": 100}, {"tokens": 10})).admitted
    await dead.drain()  # nobody renews or settles any more
    while (await alive.look(accounts))[0].used:  # until both leases are over
        await asyncio.sleep(0.01)
    assert (await alive.admit("a", accounts, {"tokens": 1})).admitted
    states = await alive.look(accounts)
    assert [state.used for state in states] == [1, 21]
    await alive.drain()


async def test_accounts_are_forgotten_and_raised_in_the_store_or_not_at_all(
    mortal: StoreServer, ledger: DegradingLedger
) -> None:
    await ledger.admit("a", KEY, {"requests": 1, "cost": 5})
    ledger.settle("a", None)
    await until(lambda: ledger.unsettled == 0)
    assert list(await ledger.raise_to(Account("key", [BUDGET]), {"cost": 700})) == [695]
    await ledger.forget(KEY)
    assert [state.used for state in await ledger.look(KEY)] == [0, 0]
    mortal.kill()
    with pytest.raises(QuotaStoreUnavailable):
        await ledger.forget(KEY)
    with pytest.raises(QuotaStoreUnavailable):
        await ledger.raise_to(Account("key", [BUDGET]), {"cost": 1})
    mortal.start()
