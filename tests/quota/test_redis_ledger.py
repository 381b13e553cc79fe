"""The ledger on real servers: the same answers as in memory, and the bugs other limiters had."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardproxy.core.quota import Metric, Period, Quota
from guardproxy.quota.ledger import MemoryLedger
from guardproxy.quota.model import Account, Charge
from guardproxy.quota.redis_ledger import PREFIX, RedisLedger
from guardproxy.quota.store import Store, StoreUnreachable
from tests.quota.admitting import ACCOUNTS, LIMIT, make_ledger
from tests.quota.ledgers import on_real_time, on_server, one, used
from tests.support.stores import CLOCK_KEY, Clock, StoreServer

LEASE_MS = 4000
KEY = Account(
    "key",
    [
        Quota(Metric.REQUESTS, 1, 3),
        Quota(Metric.TOKENS, 7, 60),
        Quota(Metric.TOKENS, 7, 40, shadow=True),
        Quota(Metric.CONCURRENCY, 0, 4),
    ],
)
TEAM = Account(
    "team", [Quota(Metric.COST, 0, 500, period=Period.DAY, zone="Asia/Kathmandu"), Quota(Metric.TOKENS, 60, 200)]
)
MODEL = Account("model", [Quota(Metric.UNITS, 86_400, 9, unit="calls"), Quota(Metric.INPUT_TOKENS, 3600, 150)])
EVERYBODY = Account("all", [Quota(Metric.COST, 0, 900, period=Period.MONTH), Quota(Metric.REQUESTS, 2, 4)])
ALL = (KEY, TEAM, MODEL, EVERYBODY)
PLANS = st.sampled_from([(KEY,), (KEY, TEAM), ALL, (MODEL, EVERYBODY), (TEAM, KEY)])
MEASURES = ("requests", "tokens", "cost", "units.calls", "input_tokens")
AMOUNTS = st.fixed_dictionaries(
    {
        "requests": st.integers(0, 2),
        "tokens": st.integers(0, 70),
        "cost": st.integers(0, 300),
        "units.calls": st.integers(0, 3),
        "input_tokens": st.integers(0, 40),
    }
)
PART = st.dictionaries(st.sampled_from(MEASURES), st.integers(0, 120))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("admit"), PLANS, AMOUNTS, st.none() | PART),
        st.tuples(st.just("admit"), PLANS, AMOUNTS, st.none() | PART),
        st.tuples(st.just("settle"), st.integers(0, 99), st.none() | PART),
        st.tuples(st.just("cancel"), st.integers(0, 99)),
        st.tuples(st.just("wait"), st.one_of(st.integers(0, 900), st.sampled_from([1000, 4000, 7000, 86_400_000]))),
        st.tuples(st.just("renew")),
        st.tuples(st.just("flush")),
    ),
    max_size=40,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(STEPS)
def test_any_calls_at_any_times_get_the_same_answers_as_in_memory(server: StoreServer, steps: list[Any]) -> None:
    asyncio.run(_same_answers(server, steps))


async def _same_answers(server: StoreServer, steps: Sequence[Any]) -> None:
    """Both ledgers are told the same; after each step all accounts stand alike."""
    with server.client() as client:
        client.flushall()
    clock = Clock(server=server)
    memory, shared = MemoryLedger(clock, LEASE_MS), on_server(server, clock, LEASE_MS)
    running: list[str] = []
    try:
        for number, step in enumerate(steps):
            match step:
                case "admit", plan, amounts, orphan:
                    if len(running) >= 8:
                        continue  # as many as one sweep ends
                    expected = await memory.admit(f"r{number}", plan, amounts, orphan)
                    assert await shared.admit(f"r{number}", plan, amounts, orphan) == expected
                    running.append(f"r{number}")
                case ("settle", which, *_) | ("cancel", which):
                    request = running.pop(which % len(running)) if running else "nobody"
                    for ledger in (memory, shared):
                        if step[0] == "settle":
                            ledger.settle(request, step[2])
                        else:
                            ledger.cancel(request)
                case "wait", ms:
                    clock.ms += ms
                    # Leases that are over end when somebody comes to their scope.
                    assert await shared.admit("passer-by", ALL, {}) == await memory.admit("passer-by", ALL, {})
                    memory.cancel("passer-by")
                    shared.cancel("passer-by")
                case ("renew",):
                    memory.renew(running)
                    await shared.renew()
                case ("flush",):
                    with server.client() as client:
                        client.script_flush()
            await shared.settled()
            assert await shared.look(ALL) == await memory.look(ALL)
    finally:
        clock.close()
        await shared.drain()


def dump(server: StoreServer) -> dict[bytes, Any]:
    """Everything the server holds, without the test's clock."""
    with server.client() as client:
        return {key: client.dump(key) for key in client.scan_iter() if key != CLOCK_KEY.encode()}


async def test_a_denial_leaves_the_store_as_it_was_to_the_byte(server: StoreServer) -> None:
    ledger = on_real_time(server, lambda: time.time_ns() // 1_000_000)
    await ledger.admit("a", ALL, {"requests": 1, "tokens": 30, "cost": 5})
    before = dump(server)
    denied = await ledger.admit("b", ALL, {"requests": 1, "tokens": 31, "cost": 5})
    assert not denied.admitted
    assert before == dump(server)
    assert len(before) == 13  # three for each of the accounts, and the generation
    await ledger.drain()


async def test_a_user_who_may_not_manage_scripts_and_sees_only_our_keys_is_enough(server: StoreServer) -> None:
    password = secrets.token_hex(16)
    may = "+eval +evalsha +time +hget +hset +hdel +hmget +zadd +zrem +zscore +zcount +zrangebyscore +pexpire +pttl"
    may += " +set +exists"
    with server.client() as client:
        words = ["ACL", "SETUSER", "proxy", "reset", "on", f">{password}", f"~{PREFIX}*", "-@all", *may.split()]
        client.execute_command(*words)
    stores = [Store(server.async_client(username="proxy", password=password), 1) for _ in range(2)]
    ledger = RedisLedger(stores[0], stores[1], lambda: time.time_ns() // 1_000_000, lease_ms=1)
    ledger.open()
    for number in range(3):
        assert (await ledger.admit(f"r{number}", (TEAM, MODEL), {"cost": 1})).admitted
        await asyncio.sleep(0.01)
    await ledger.renew()
    ledger.settle("r2", {"cost": 2})
    await ledger.drain()
    assert ledger.settling.lost == 0


async def test_settlements_commute_and_repeat_without_effect(server: StoreServer) -> None:
    clock = Clock(server=server)
    results = []
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        with server.client() as client:
            client.flushall()
        clock.ms = clock.ms
        ledger = on_server(server, clock)
        for number in range(3):
            await ledger.admit(f"r{number}", ALL, {"requests": 1, "tokens": 10 * number})
        for number in [*order, *order]:
            ledger.settle(f"r{number}", {"tokens": 7 * number})
        results.append([state.used for state in await looked(ledger)])
        await ledger.drain()
    clock.close()
    assert results[0] == results[1] == results[2]


async def looked(ledger: Any) -> Any:
    await ledger.settled()
    return await ledger.look(ALL)


async def test_a_clock_that_steps_back_admits_no_more_than_the_limit(server: StoreServer) -> None:
    clock = Clock(server=server)
    ledger = on_server(server, clock)
    accounts = one(Quota(Metric.REQUESTS, 60, 5))
    start = clock.ms
    admitted: list[int] = []
    for number, step in enumerate([0, 20_000, -15_000, 20_000, -25_000, 10_000, -10_000, 30_000, 20_000]):
        clock.ms += step
        answers = [await ledger.admit(f"r{number}.{attempt}", accounts, {"requests": 1}) for attempt in range(5)]
        admitted += [clock.ms - start for answer in answers if answer.admitted]
    assert len(admitted) == 5 + sum(1 for at in admitted if at >= 60_000)
    clock.close()
    await ledger.drain()


async def test_a_proxy_with_a_wrong_calendar_is_put_right_by_the_servers_clock(server: StoreServer) -> None:
    budget = one(Quota(Metric.COST, 0, 100, period=Period.DAY))
    right = on_real_time(server, lambda: time.time_ns() // 1_000_000)
    wrong = on_real_time(server, lambda: 1_000_000_000_000)
    skewed = on_real_time(server, lambda: time.time_ns() // 1_000_000 + 3_600_000)
    for number, ledger in enumerate((right, wrong, skewed)):
        assert (await ledger.admit(f"r{number}", budget, {"cost": 10})).states[0].used == 10 * (number + 1)
    for ledger in (right, wrong, skewed):
        await ledger.drain()


async def test_keys_live_as_long_as_what_they_hold_can_count(server: StoreServer) -> None:
    ledger = on_real_time(server, lambda: time.time_ns() // 1_000_000, lease_ms=10_000)
    await ledger.admit("a", (MODEL,), {"units.calls": 1})
    with server.client() as client:
        times = {key.decode().removeprefix(PREFIX)[0]: client.pttl(key) for key in client.scan_iter(f"{PREFIX}*")}
    day = 86_400_000
    assert day < times["c"] <= day + day / 8 + 3_600_000
    assert 20_000 < times["l"] <= 40_000
    assert 20_000 < times["r"] <= 40_000
    await ledger.drain()


async def test_a_caller_who_gives_up_waiting_gets_everything_back(server: StoreServer) -> None:
    ledger = on_real_time(server, lambda: time.time_ns() // 1_000_000)
    accounts = one(Quota(Metric.TOKENS, 3600, 1000), Quota(Metric.CONCURRENCY, 0, 5))
    server.pause()
    try:
        left = [asyncio.create_task(ledger.admit(f"r{n}", accounts, {"tokens": 10})) for n in range(5)]
        await asyncio.sleep(0.05)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
    finally:
        server.resume()
    await ledger.settled()
    for number in range(100):  # no reply of theirs is left for anybody else
        answers = await asyncio.gather(*(ledger.admit(f"s{number}.{n}", accounts, {"tokens": n}) for n in range(3)))
        assert all(answer.states[0].quota is accounts[0].quotas[0] for answer in answers)
        for n in range(3):
            ledger.cancel(f"s{number}.{n}")
        await ledger.settled()
    ghosts = await used(ledger, accounts)
    assert ghosts[1] <= 5  # a charge that came after its cancellation ends with its lease
    await ledger.drain()


async def test_a_full_store_admits_nothing_halfway_and_still_settles(server: StoreServer) -> None:
    ledger = on_real_time(server, lambda: time.time_ns() // 1_000_000)
    await ledger.admit("a", (TEAM, KEY), {"requests": 1, "tokens": 9, "cost": 9})
    with server.client() as client:
        client.config_set("maxmemory", 1)
        try:
            before = dump(server)
            with pytest.raises(StoreUnreachable):
                await ledger.admit("b", (TEAM, KEY), {"requests": 1, "tokens": 9, "cost": 9})
            assert before == dump(server)
            ledger.settle("a", {"requests": 1, "tokens": 5, "cost": 4})
            await ledger.settled()
        finally:
            client.config_set("maxmemory", 0)
    assert [state.used for state in await ledger.look((TEAM,))] == [4, 5]
    await ledger.drain()


async def test_a_request_renewed_in_time_keeps_its_place_and_one_forgotten_loses_it(server: StoreServer) -> None:
    clock = Clock(server=server)
    alive, dead = on_server(server, clock, 5000), on_server(server, clock, 5000)
    accounts = one(Quota(Metric.CONCURRENCY, 0, 2))
    assert (await alive.admit("a", accounts, {})).admitted
    assert (await dead.admit("b", accounts, {})).admitted
    for _ in range(3):
        clock.ms += 2000
        await alive.renew()
    assert await used(alive, accounts) == [1]
    assert (await alive.admit("c", accounts, {})).admitted
    assert not (await alive.admit("d", accounts, {})).admitted
    clock.close()
    await alive.drain()
    await dead.drain()


async def test_what_the_store_lost_is_raised_to_what_was_spent_once_however_often_it_is_told(
    server: StoreServer,
) -> None:
    ledger = on_real_time(server, lambda: time.time_ns() // 1_000_000)
    budget = Account("team", [Quota(Metric.COST, 0, 1000, period=Period.MONTH)])
    await ledger.admit("a", (budget,), {"cost": 900})
    ledger.settle("a", None)
    await ledger.settled()
    with server.client() as client:
        client.flushall()
    spent: Charge = {"cost": 900}
    read_at = time.time_ns() // 1_000_000
    assert await asyncio.gather(*(ledger.raise_to(budget, spent, read_at) for _ in range(4))) == [[900], [0], [0], [0]]
    assert not (await ledger.admit("b", (budget,), {"cost": 101})).admitted
    assert (await ledger.admit("c", (budget,), {"cost": 100})).admitted
    await ledger.forget((budget,))
    assert await used(ledger, (budget,)) == [0]
    await ledger.drain()


async def test_a_server_that_is_gone_is_told_as_such(server: StoreServer) -> None:
    ledger = on_real_time(server, lambda: time.time_ns() // 1_000_000)
    accounts = one(Quota(Metric.REQUESTS, 60, 5))
    server.kill()
    try:
        with pytest.raises(StoreUnreachable):
            await ledger.admit("a", accounts, {"requests": 1})
        with pytest.raises(StoreUnreachable):
            await ledger.look(accounts)
    finally:
        server.start()
    await ledger.settled()
    assert (await ledger.admit("b", accounts, {"requests": 1})).admitted
    await ledger.drain()


async def admitting(server: StoreServer, name: str, count: int, lease_ms: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.quota.admitting", server.url, name, str(count), str(lease_ms),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def admitted_by(process: asyncio.subprocess.Process) -> int:
    assert process.stdout is not None
    return int(json.loads(await process.stdout.readline())["admitted"])


async def test_four_processes_with_two_thousand_requests_at_once_admit_exactly_the_limit(server: StoreServer) -> None:
    processes = [await admitting(server, f"p{number}", 500, 60_000) for number in range(4)]
    waiting = asyncio.gather(*map(admitted_by, processes))
    while not waiting.done():
        with server.client() as client:  # meanwhile the scripts are forgotten again and again
            client.script_flush()
        await asyncio.sleep(0.01)
    admitted = await waiting
    assert sum(admitted) == LIMIT
    for process in processes:
        await process.communicate(b"go on\n")
    ledger = make_ledger(server.url, 60_000)
    settled_ones = sum(count // 2 for count in admitted)
    # Half of each process's were cancelled, the others settled with one token; denials left no trace anywhere.
    assert [state.used for state in await ledger.look(ACCOUNTS)] == [settled_ones, 0, settled_ones, 0]
    await ledger.drain()


async def test_a_killed_process_loses_its_places_and_is_charged_as_said_once(server: StoreServer) -> None:
    process = await admitting(server, "dying", 100, 500)
    assert await admitted_by(process) == 100
    process.kill()
    await process.communicate()
    ledger = make_ledger(server.url, 60_000)
    number = 0
    while (await ledger.look(ACCOUNTS))[3].used:  # renewed by nobody any more
        await asyncio.sleep(0.02)
    for number in range(2 * 100 // 8):  # each passer-by charges a few of the orphans
        await ledger.admit(f"passer-by{number}", ACCOUNTS, {})
        ledger.cancel(f"passer-by{number}")
    await ledger.settled()
    assert [state.used for state in await ledger.look(ACCOUNTS)] == [200, 0, 100, 0]
    await ledger.drain()
