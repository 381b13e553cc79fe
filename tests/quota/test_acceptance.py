"""Nineteen faults that limiters are known to have, each with the test that would show it here.

`FAULTS` says each in a sentence; the test that bears its number holds it against every ledger: in memory, on a Redis
and on a Valkey, or, where there is only one process's memory to begin with, on both servers. What takes running
proxies is shown again under load by `tests.chaos`.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from typing import Final

import pytest
from redis.crc import key_slot

from guardproxy.core.exchange import Provenance, RequestReading, Segment
from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.core.quota import Metric, Period, Quota
from guardproxy.errors import QuotaExceeded
from guardproxy.gateway.reservation import Reservation
from guardproxy.quota.ledger import MemoryLedger
from guardproxy.quota.model import Account, Ledger
from guardproxy.quota.plan import Planner
from guardproxy.quota.redis_ledger import PREFIX, RedisLedger
from guardproxy.quota.scripts import load_scripts
from guardproxy.quota.store import Store
from tests.gateway.test_streaming import END, said
from tests.quota.ledgers import LEASE_MS, admits, on_real_time, on_server, one, settled, used
from tests.quota.test_recovery import load, put_right, save
from tests.quota.test_redis_ledger import dump
from tests.support.caller import calling, request
from tests.support.gateway import KEY, Reply, data_plane, streamed
from tests.support.policies import small
from tests.support.rest import until
from tests.support.stores import Clock, StoreServer

FAULTS: Final = {
    1: "Requests that come at once all pass a limit that has room for some of them.",
    2: "A request that was refused is counted all the same.",
    3: "A request refused because too many run uses up one of the requests a minute.",
    4: "A small limit refuses every first request, since what is supposed of its answer exceeds it.",
    5: "A request that is abandoned keeps its place among those that run for ever.",
    6: "Cleaning up after a refused request frees the place of another.",
    7: "A place that leaked lives on as long as there is other traffic.",
    8: "Limits multiply with the number of processes.",
    9: "What a process had reserved when it died is held against the key for ever, or charged again and again.",
    10: "An account that is put right by several at once is raised by each of them.",
    11: "A store that comes back from an old dump lets a used-up budget begin anew.",
    12: "A settlement that failed is taken for done, and the real cost is never written.",
    13: "A stream that reports no usage is charged nothing.",
    14: "A caller who leaves in the middle of a stream is not charged.",
    15: "A refusal of a later account drains an earlier one, since they are asked one after the other.",
    16: "Scripts that the server forgot, may not load, or that touch undeclared keys, fail.",
    17: "A request that asks for an amount of zero passes a full window.",
    18: "The reply of a call that was cancelled is read by the next caller.",
    19: "Of several windows of one account only the first begins anew.",
}

TOKENS: Final = Quota(Metric.TOKENS, 3600, 1000)
ONE_AT_ONCE: Final = Quota(Metric.CONCURRENCY, 0, 1)
BUDGET: Final = Account("team", [Quota(Metric.COST, 0, 1000, period=Period.MONTH)])


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def test_fault_01_of_fifty_at_once_exactly_ten_pass(ledger: Ledger) -> None:
    answers = await asyncio.gather(*(ledger.admit(f"r{n}", one(TOKENS), {"tokens": 100}) for n in range(50)))
    assert sum(answer.admitted for answer in answers) == 10
    assert await used(ledger, one(TOKENS)) == [1000]


async def test_fault_02_a_refusal_changes_nothing_to_the_byte(ledger: Ledger, place: StoreServer | None) -> None:
    accounts = (Account("key", [TOKENS]), Account("team", [Quota(Metric.REQUESTS, 60, 9), TOKENS]))
    await ledger.admit("first", accounts, {"requests": 1, "tokens": 901})
    before = await used(ledger, accounts), dump(place) if place else None
    for number in range(5):
        assert not await admits(ledger, f"r{number}", accounts, {"requests": 1, "tokens": 100})
    assert (await used(ledger, accounts), dump(place) if place else None) == before


async def test_fault_03_a_refusal_for_concurrency_uses_up_no_request(ledger: Ledger) -> None:
    accounts = one(Quota(Metric.REQUESTS, 60, 2), ONE_AT_ONCE)
    assert await admits(ledger, "a", accounts, {"requests": 1})
    assert not await admits(ledger, "b", accounts, {"requests": 1})
    ledger.settle("a", None)
    await settled(ledger)
    assert await admits(ledger, "c", accounts, {"requests": 1})
    ledger.settle("c", None)
    assert await used(ledger, accounts) == [2, 0]


@pytest.mark.parametrize("limit", [20, 100, 1000])
async def test_fault_04_a_small_limit_admits_a_first_request_without_a_cap(ledger: Ledger, limit: int) -> None:
    policy = Policy("p", "r", quotas=(Quota(Metric.TOKENS, 3600, limit),))
    plan = Planner().plan(policy, Principal("k", "k"), "m", True)
    asked = RequestReading("m", False, (Segment("good morning", Provenance.USER, ("text",)),))
    reservation = Reservation(ledger, "req", now_ms)
    await reservation.admit(plan, asked)
    assert 0 < (await used(ledger, plan.accounts))[0] <= limit
    too_much = RequestReading("m", False, asked.segments, output_tokens=limit)  # what is asked for is no guess
    with pytest.raises(QuotaExceeded):
        await Reservation(ledger, "other", now_ms).admit(plan, too_much)


async def test_fault_05_whoever_is_cut_off_anywhere_leaves_no_place_taken(ledger: Ledger) -> None:
    accounts = one(TOKENS, Quota(Metric.CONCURRENCY, 0, 5))
    for steps in range(40):
        task = asyncio.create_task(ledger.admit(f"r{steps}", accounts, {"tokens": 1}))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            ledger.cancel(f"r{steps}")  # it was admitted already: its handler ends it
    await settled(ledger)
    assert (await used(ledger, accounts))[1] <= 0
    assert await used(ledger, accounts) == [0, 0]


async def test_fault_06_ending_what_does_not_run_frees_nothing(ledger: Ledger) -> None:
    accounts = one(TOKENS, ONE_AT_ONCE)
    assert await admits(ledger, "runs", accounts, {"tokens": 10})
    assert not await admits(ledger, "refused", accounts, {"tokens": 10})
    for name in ("refused", "never heard of"):
        ledger.cancel(name)
        ledger.settle(name, {"tokens": 0})
    assert await used(ledger, accounts) == [10, 1]


async def test_fault_07_a_leaked_place_ends_with_its_own_lease_whatever_else_runs(
    place: StoreServer | None, clock: Clock
) -> None:
    leaking: Ledger
    busy: Ledger
    if place is None:
        leaking = busy = MemoryLedger(clock, LEASE_MS)
    else:
        leaking, busy = on_server(place, clock), on_server(place, clock)
    accounts = one(Quota(Metric.CONCURRENCY, 0, 3))
    assert await admits(leaking, "leaked", accounts, {})
    assert await admits(busy, "long", accounts, {})
    for number in range(8):
        clock.ms += LEASE_MS // 4
        if isinstance(busy, RedisLedger):
            await busy.renew()
        else:
            assert isinstance(busy, MemoryLedger)
            busy.renew(["long"])
        assert await admits(busy, f"r{number}", accounts, {})
        busy.cancel(f"r{number}")
        assert (await used(busy, accounts))[0] == (2 if number < 3 else 1)
    for each in {leaking, busy}:
        await each.drain()


async def test_fault_08_processes_that_share_a_store_share_a_limit(server: StoreServer) -> None:
    several = [on_real_time(server, now_ms) for _ in range(4)]
    names = [(ledger, f"{at}.{number}") for at, ledger in enumerate(several) for number in range(40)]
    answers = await asyncio.gather(*(ledger.admit(name, one(TOKENS), {"tokens": 10}) for ledger, name in names))
    assert sum(answer.admitted for answer in answers) == 100
    for ledger in several:
        await ledger.drain()


async def test_fault_09_what_a_dead_process_had_reserved_is_charged_once_as_said(ledger: Ledger, clock: Clock) -> None:
    accounts = one(Quota(Metric.TOKENS, 86_400, 1000), ONE_AT_ONCE)
    assert await admits(ledger, "first", accounts, {"tokens": 1})
    ledger.settle("first", None)
    await settled(ledger)
    await ledger.admit("lost", accounts, {"tokens": 600}, {"tokens": 40})
    clock.ms += LEASE_MS
    for number in range(5):
        assert await admits(ledger, f"r{number}", accounts, {"tokens": 1})
        ledger.settle(f"r{number}", None)
        await settled(ledger)
    assert await used(ledger, accounts) == [46, 0]


async def test_fault_10_several_who_put_an_account_right_raise_it_once(server: StoreServer) -> None:
    several = [on_real_time(server, now_ms) for _ in range(4)]
    read_at = now_ms()
    raised = await asyncio.gather(*(ledger.raise_to(BUDGET, {"cost": 900}, read_at) for ledger in several * 3))
    assert sorted(raised) == [[0]] * 11 + [[900]]
    assert await used(several[0], (BUDGET,)) == [900]
    for ledger in several:
        await ledger.drain()


async def test_fault_11_after_an_old_dump_a_used_up_budget_stays_used_up(server: StoreServer) -> None:
    ledger = on_real_time(server, now_ms)
    assert await admits(ledger, "old", (BUDGET,), {"cost": 100})
    old = save(server)
    assert await admits(ledger, "new", (BUDGET,), {"cost": 900})
    for name in ("old", "new"):
        ledger.settle(name, None)
    await ledger.settled()
    load(server, old)
    await put_right(ledger)
    assert not await admits(ledger, "more", (BUDGET,), {"cost": 1})
    load(server, {})  # nobody who remembers is left: the logs do
    operator = on_real_time(server, now_ms)
    assert await operator.raise_to(BUDGET, {"cost": 1000}, now_ms()) == [1000]
    assert not await admits(operator, "more", (BUDGET,), {"cost": 1})
    await put_right(ledger)
    assert await used(operator, (BUDGET,)) == [1000]
    for each in (ledger, operator):
        await each.drain()


async def test_fault_12_a_settlement_that_fails_is_kept_shown_and_tried_again(server: StoreServer) -> None:
    ledger = on_real_time(server, now_ms)
    await ledger.admit("a", (BUDGET,), {"cost": 900})
    with server.client() as client:
        client.replicaof("127.0.0.1", 1)  # as after a failover: every write is refused
        ledger.settle("a", {"cost": 100})
        await asyncio.sleep(0.1)
        assert ledger.unsettled == 1
        client.replicaof("NO", "ONE")
    await ledger.settled()
    assert (ledger.unsettled, ledger.settling.lost, await used(ledger, (BUDGET,))) == (0, 0, [100])
    await ledger.drain()


async def test_fault_13_a_stream_without_usage_is_charged_by_its_text(ledger: Ledger) -> None:
    policy = small(quotas=(Quota(Metric.TOKENS, 86_400, 10**6),))
    async with data_plane(lambda: streamed(*said(*["ordinary words "] * 30), END), policy, ledger=ledger) as on:
        await on.chat(stream=True)
        plan = on.gateway.planner.plan(policy, Principal(on.record["key_id"], on.record["key_name"]), "m", True)
        await settled(ledger)
        assert 40 < (await used(ledger, plan.accounts))[0] < 90


async def test_fault_14_a_caller_who_leaves_a_stream_is_charged_what_was_said(ledger: Ledger) -> None:
    class Endless(Reply):
        async def read(self) -> bytes:
            part = await super().read()
            if not part:
                await asyncio.Event().wait()
            return part

    def endless() -> Reply:
        return Endless(*said(*["ordinary words "] * 30, "the end codeword-"), content_type="text/event-stream")

    policy = small(quotas=(Quota(Metric.TOKENS, 86_400, 10**6), ONE_AT_ONCE))
    async with data_plane(endless, policy, ledger=ledger) as on:
        async with calling(on.listeners.port) as caller:
            body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
            await caller.send(request("POST", "/v1/chat/completions", json.dumps(body).encode(), KEY))
            await caller.head()
            said_so_far = b""
            while b"the end" not in said_so_far:
                said_so_far += await caller.chunk()
            caller.vanish()
            await until(lambda: bool(on.events("client_disconnected")))
        plan = on.gateway.planner.plan(policy, Principal(on.record["key_id"], on.record["key_name"]), "m", True)
        await settled(ledger)
        tokens, running = await used(ledger, plan.accounts)
        assert (40 < tokens < 90, running) == (True, 0)


async def test_fault_15_all_accounts_are_asked_at_once_and_all_or_none_is_charged(ledger: Ledger) -> None:
    accounts = tuple(Account(f"a{n}", [Quota(Metric.TOKENS, 86_400, 1000 - 100 * n)]) for n in range(5))
    assert await admits(ledger, "a", accounts, {"tokens": 500})
    for number in range(3):
        assert not await admits(ledger, f"r{number}", accounts, {"tokens": 200})
    assert await used(ledger, accounts) == [500] * 5


async def test_fault_15_one_call_to_one_slot_of_a_cluster(server: StoreServer) -> None:
    ledger = on_real_time(server, now_ms)
    accounts = tuple(Account(f"a{n}", [TOKENS, ONE_AT_ONCE]) for n in range(5))
    await ledger.admit("first", accounts, {"tokens": 1})
    ledger.settle("first", None)
    await ledger.settled()
    with server.client() as client:
        client.config_resetstat()
        await ledger.admit("a", accounts, {"tokens": 1})
        calls = client.info("commandstats")
        assert calls["cmdstat_evalsha"]["calls"] == 1
        assert len({key_slot(key) for key in client.scan_iter()}) == 1
    ledger.cancel("a")
    await ledger.drain()


async def test_fault_16_scripts_are_brought_again_by_a_user_who_may_load_none(server: StoreServer) -> None:
    password = secrets.token_hex(16)
    may = "+eval +evalsha +time +hget +hset +hdel +hmget +zadd +zrem +zscore +zcount +zrangebyscore +pexpire +pttl"
    with server.client() as client:
        words = ["ACL", "SETUSER", "proxy", "reset", "on", f">{password}", f"~{PREFIX}*", "-@all"]
        client.execute_command(*words, *may.split(), "+set", "+exists")
    stores = [Store(server.async_client(username="proxy", password=password), 1) for _ in range(2)]
    ledger = RedisLedger(stores[0], stores[1], now_ms)
    ledger.open()
    for number in range(30):
        if number % 3 == 0:
            with server.client() as client:
                client.script_flush()
        assert await admits(ledger, f"r{number}", one(TOKENS), {"tokens": 50}) is (number < 20)
    await ledger.drain()
    for script in load_scripts():
        touched = set(re.findall(r"redis\.call\('(?!TIME)[A-Z]+', ([^,)]+)", script.source))
        assert not {name for name in touched if name.startswith(("'", '"'))}


@pytest.mark.parametrize("amounts", [{}, {"tokens": 0}])
async def test_fault_17_an_amount_of_zero_is_refused_by_a_full_window(ledger: Ledger, amounts: dict[str, int]) -> None:
    assert await admits(ledger, "a", one(TOKENS), {"tokens": 999})
    assert await admits(ledger, "b", one(TOKENS), amounts)
    assert await admits(ledger, "c", one(TOKENS), {"tokens": 1})
    assert not await admits(ledger, "d", one(TOKENS), amounts)


async def test_fault_18_nobody_reads_the_reply_of_a_call_that_was_given_up(server: StoreServer) -> None:
    ledger = on_real_time(server, now_ms)
    accounts = [(Account(f"key{n}", [Quota(Metric.TOKENS, 3600, 1000 + n)]),) for n in range(8)]
    for turn in range(25):
        waiting = [asyncio.create_task(ledger.admit(f"{turn}.{n}", accounts[n], {"tokens": n})) for n in range(8)]
        for _ in range(turn % 5):
            await asyncio.sleep(0)
        waiting[turn % 8].cancel()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        for n, answer in enumerate(answers):
            if n != turn % 8:
                assert not isinstance(answer, BaseException)
                assert answer.states[0].quota.limit == 1000 + n
            ledger.cancel(f"{turn}.{n}")
    assert [(await used(ledger, each))[0] for each in accounts] == [0] * 8
    await ledger.drain()


async def test_fault_19_windows_of_one_account_begin_anew_each_by_itself(ledger: Ledger, clock: Clock) -> None:
    accounts = one(Quota(Metric.TOKENS, 60, 1000), Quota(Metric.REQUESTS, 1, 3), Quota(Metric.COST, 3600, 10**6))
    await ledger.admit("a", accounts, {"requests": 3, "tokens": 900, "cost": 7})
    seen = [await used(ledger, accounts)]
    for wait in (2_000, 80_000, 4_200_000):
        clock.ms += wait
        seen.append(await used(ledger, accounts))
    assert seen == [[900, 3, 7], [900, 0, 7], [0, 0, 7], [0, 0, 0]]


def test_every_fault_has_a_test_and_every_test_a_fault() -> None:
    numbers = {int(name[11:13]) for name in globals() if re.match(r"test_fault_\d\d_", name)}
    assert numbers == set(FAULTS) == set(range(1, 20))
