"""A store that comes back older than it was: everybody tells it again what is his, once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardproxy.core.quota import Metric, Period, Quota
from guardproxy.quota import recovery
from guardproxy.quota.ledger import MemoryLedger
from guardproxy.quota.model import Account
from guardproxy.quota.recovery import still_counting
from guardproxy.quota.redis_ledger import RedisLedger
from tests.quota.ledgers import on_server
from tests.support.rest import until
from tests.support.stores import CLOCK_KEY, Clock, StoreServer

KEY = Account("key", [Quota(Metric.REQUESTS, 60, 10**6), Quota(Metric.CONCURRENCY, 0, 10**6)])
TEAM = Account("team", [Quota(Metric.COST, 0, 10**9, period=Period.MONTH), Quota(Metric.TOKENS, 3600, 10**9)])
PLANS = ((KEY,), (KEY, TEAM), (TEAM,))
ALL = (KEY, TEAM)
AMOUNTS = st.fixed_dictionaries({"requests": st.just(1), "tokens": st.integers(0, 90), "cost": st.integers(0, 300)})
ACTUAL = st.none() | st.dictionaries(st.sampled_from(["tokens", "cost"]), st.integers(0, 200))
WHO = st.integers(0, 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("admit"), WHO, st.sampled_from(PLANS), AMOUNTS),
        st.tuples(st.just("admit"), WHO, st.sampled_from(PLANS), AMOUNTS),
        st.tuples(st.just("settle"), st.integers(0, 99), ACTUAL),
        st.tuples(st.just("cancel"), st.integers(0, 99)),
        st.tuples(st.just("save")),
        st.tuples(st.just("load"), WHO),
        st.tuples(st.just("empty"), WHO),
    ),
    max_size=30,
)

Copy = dict[bytes, bytes]


def save(server: StoreServer) -> Copy:
    """A dump of everything the server holds, without the test's clock."""
    with server.client() as client:
        return {key: client.dump(key) for key in client.scan_iter() if key != CLOCK_KEY.encode()}


def load(server: StoreServer, copy: Copy) -> None:
    """The server is what it was when the copy was made."""
    with server.client() as client:
        client.delete(*[key for key in client.scan_iter() if key != CLOCK_KEY.encode()], "nothing")
        for key, value in copy.items():
            client.restore(key, 0, value)


async def put_right(*ledgers: RedisLedger) -> None:
    """Everybody has met the store, as he does a few times in each lease, and has told it what it lost."""
    for _ in range(2):
        for ledger in ledgers:
            await ledger.renew()
        for ledger in ledgers:
            await until(lambda ledger=ledger: ledger.recovered)  # type: ignore[misc]
            await ledger.settled()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(STEPS)
def test_whatever_copy_comes_back_and_when_the_accounts_are_what_they_would_be(
    server: StoreServer, steps: list[Any]
) -> None:
    asyncio.run(_compare(server, steps))


async def _compare(server: StoreServer, steps: Sequence[Any]) -> None:
    with server.client() as client:
        client.flushall()
    clock = Clock(server=server)
    truth = MemoryLedger(clock)
    two = [on_server(server, clock), on_server(server, clock)]
    running: list[tuple[str, RedisLedger]] = []
    copy: Copy = {}
    try:
        for number, step in enumerate(steps):
            match step:
                case "admit", who, plan, amounts:
                    assert (await truth.admit(f"r{number}", plan, amounts)).admitted
                    assert (await two[who].admit(f"r{number}", plan, amounts)).admitted
                    running.append((f"r{number}", two[who]))
                case ("settle", which, *_) | ("cancel", which) if running:
                    request, owner = running.pop(which % len(running))
                    for ledger in (truth, owner):
                        if step[0] == "settle":
                            ledger.settle(request, step[2])
                        else:
                            ledger.cancel(request)
                case ("save",):
                    copy = save(server)
                case (("load" | "empty"), who):
                    await put_right(*two)
                    load(server, copy if step[0] == "load" else {})
                    clock.ms += 1
                    # It is found out by whoever comes first; requests go on all the while.
                    await two[who].renew()
        await put_right(*two)
        assert [state.used for state in await two[0].look(ALL)] == [state.used for state in await truth.look(ALL)]
        for request, owner in running:
            truth.cancel(request)
            owner.cancel(request)
        await put_right(*two)
        assert [state.used for state in await two[1].look(ALL)] == [state.used for state in await truth.look(ALL)]
    finally:
        clock.close()
        for ledger in two:
            await ledger.drain()


async def test_what_is_put_back_is_told_and_whether_that_was_all(server: StoreServer) -> None:
    heard: list[tuple[int, bool]] = []
    clock = Clock(server=server)
    ledger = on_server(server, clock, told=lambda again, complete: heard.append((again, complete)))
    await ledger.admit("kept", (TEAM,), {"cost": 5})
    copy = save(server)
    await ledger.admit("runs", (TEAM,), {"cost": 10})
    await ledger.admit("ends", (TEAM,), {"cost": 20})
    ledger.settle("ends", {"cost": 25})
    await ledger.settled()
    load(server, copy)
    await put_right(ledger)
    assert heard == [(2, True)]
    load(server, {})
    await put_right(ledger)
    assert heard == [(2, True), (3, False)]
    assert (await ledger.look((TEAM,)))[0].used == 40
    clock.close()
    await ledger.drain()


async def test_what_was_forgotten_meanwhile_is_said_to_be_missing(
    server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "MOST_REMEMBERED", 3)
    heard: list[tuple[int, bool]] = []
    clock = Clock(server=server)
    ledger = on_server(server, clock, told=lambda again, complete: heard.append((again, complete)))
    await ledger.admit("first", (TEAM,), {"cost": 1})
    copy = save(server)
    for number in range(5):
        await ledger.admit(f"r{number}", (TEAM,), {"cost": 10})
        ledger.settle(f"r{number}", None)
    await ledger.settled()
    load(server, copy)
    await put_right(ledger)
    assert heard == [(3, False)]
    assert (await ledger.look((TEAM,)))[0].used == 31
    clock.close()
    await ledger.drain()


async def test_what_the_logs_were_charged_for_is_not_charged_again(server: StoreServer) -> None:
    clock = Clock(server=server)
    busy, operator = on_server(server, clock), on_server(server, clock)
    await busy.admit("a", ALL, {"requests": 1, "tokens": 7, "cost": 900})
    busy.settle("a", None)
    await busy.settled()
    with server.client() as client:
        client.delete(*[key for key in client.scan_iter() if key != CLOCK_KEY.encode()])
    clock.ms += 1000
    budget = Account("team", TEAM.quotas[:1])
    assert await operator.raise_to(budget, {"cost": 900}, clock.ms) == [900]
    await put_right(busy)  # it finds out only now
    assert [state.used for state in await busy.look(ALL)] == [1, 0, 900, 7]
    clock.close()
    for ledger in (busy, operator):
        await ledger.drain()


async def test_an_admission_that_comes_after_it_was_given_up_is_not_charged(server: StoreServer) -> None:
    clock = Clock(server=server)
    ledger = on_server(server, clock)
    server.pause()
    try:
        waiting = [asyncio.create_task(ledger.admit(f"r{n}", ALL, {"requests": 1, "cost": 9})) for n in range(20)]
        await asyncio.sleep(0.02)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await asyncio.sleep(0.02)  # both the admissions and their ends are on their way now, in either order
    finally:
        server.resume()
    await ledger.settled()
    await ledger.drain()  # nothing is on its way any more
    reader = on_server(server, clock)
    assert [state.used for state in await reader.look(ALL)] == [0, 0, 0, 0]
    clock.close()
    await reader.drain()


def test_only_windows_that_reach_back_are_charged_again() -> None:
    hour = 3_600_000
    month = 1_772_366_400_250  # the first of March 2026, noon
    found = [[account.quotas for account in still_counting(ALL, month, month + later)] for later in (1, 2 * hour)]
    assert found == [[KEY.quotas[:1], TEAM.quotas], [TEAM.quotas[:1]]]
    assert still_counting(ALL, month - 24 * hour, month) == []
    assert still_counting((KEY,), month - 24 * hour, month, running=True)[0].quotas == KEY.quotas[1:]
