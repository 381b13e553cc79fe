"""Fifteen properties that hold for every ledger, whatever is asked of it and when.

`INVARIANTS` says each in a sentence; the property that bears its number is checked in memory, on a Redis and on a
Valkey.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from guardproxy.core.quota import Metric, Period, Quota
from guardproxy.quota import degrading
from guardproxy.quota.connect import StoreAddress, make_client
from guardproxy.quota.degrading import DegradingLedger
from guardproxy.quota.headers import rate_limit_headers
from guardproxy.quota.ledger import MemoryLedger
from guardproxy.quota.model import Account, Charge, Ledger
from guardproxy.quota.redis_ledger import RedisLedger
from guardproxy.quota.settling import Settling
from guardproxy.quota.store import Store
from tests.quota.ledgers import admits, on_server, one, settled, used
from tests.quota.test_recovery import load, put_right
from tests.quota.test_redis_ledger import dump
from tests.support.stores import Clock, StoreServer, free_port

INVARIANTS: Final = {
    1: "What is admitted within any window never exceeds its limit, but for what settlements wrote above it.",
    2: "A refusal changes no account.",
    3: "An account holds what was settled, what runs, and what orphans are charged; nothing else.",
    4: "Every reservation ends: settled, cancelled, or as an orphan with the first call after its lease.",
    5: "Doing anything again with the same request changes nothing.",
    6: "Settlements may arrive in any order.",
    7: "No account and no header is ever negative.",
    8: "A looser limit never refuses what a tighter one admits; without settlements what remains never grows.",
    9: "Never do more run than may, and the places of the dead are free after one lease.",
    10: "A proxy's clock changes nothing; a store's clock that steps back admits no more.",
    11: "Who comes back when told is admitted; a millisecond earlier he is not.",
    12: "A request changes only the accounts it belongs to.",
    13: "Changing a limit, or taking it away and putting it back, keeps what was used.",
    14: "A store that lost everything admits at most one limit more, and nothing more once it is put right.",
    15: "Processes on their own admit together no more than the limit, but for rounding.",
}

LEASE_MS: Final = 20_000
LIMITS: Final = (Quota(Metric.REQUESTS, 2, 4), Quota(Metric.TOKENS, 7, 60), Quota(Metric.TOKENS, 60, 300))
ROOMY: Final = (Quota(Metric.REQUESTS, 86_400, 10**6), Quota(Metric.TOKENS, 86_400, 10**9))
AMOUNT = st.fixed_dictionaries({"requests": st.integers(0, 2), "tokens": st.integers(0, 60)})
ACTUAL = st.none() | st.fixed_dictionaries({"tokens": st.integers(0, 120)})
WAIT = st.integers(0, 900) | st.sampled_from([1000, 1167, 2000, 3500, 7000])
STEPS = st.lists(st.tuples(WAIT, AMOUNT, st.none() | st.tuples(st.integers(0, 9), ACTUAL)), max_size=14)
Steps = list[tuple[int, dict[str, int], tuple[int, dict[str, int] | None] | None]]
Story = Callable[[Any, Clock], Awaitable[None]]

few = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def told(place: StoreServer | None, story: Story) -> None:
    """A story with a ledger in this place, empty at first, on a clock that only the story moves."""

    async def tell() -> None:
        if place is not None:
            with place.client() as client:
                client.flushall()
        clock = Clock(server=place)
        ledger = MemoryLedger(clock, LEASE_MS) if place is None else on_server(place, clock, LEASE_MS)
        try:
            await story(ledger, clock)
        finally:
            clock.close()
            await ledger.drain()

    asyncio.run(tell())


def state_of(place: StoreServer | None) -> dict[bytes, Any]:
    return {} if place is None else dump(place)


def history(place: StoreServer | None, steps: Steps, quotas: tuple[Quota, ...], then: Story) -> None:
    """Requests and their ends on one account, and what comes then."""

    async def story(ledger: Ledger, clock: Clock) -> None:
        for number, (wait, amounts, end) in enumerate(steps):
            clock.ms += wait
            await ledger.admit(f"h{number}", one(*quotas), amounts)
            if end is not None:
                ledger.settle(f"h{end[0]}", end[1])
                await settled(ledger)
        await then(ledger, clock)

    told(place, story)


@few
@given(steps=STEPS)
def test_invariant_01_no_window_is_ever_exceeded(place: StoreServer | None, steps: Steps) -> None:
    charges: list[tuple[int, dict[str, int]]] = []
    overruns: list[tuple[int, int]] = []

    async def story(ledger: Ledger, clock: Clock) -> None:
        running: dict[str, tuple[int, dict[str, int]]] = {}
        for number, (wait, amounts, end) in enumerate(steps):
            clock.ms += wait
            if (await ledger.admit(f"r{number}", one(*LIMITS), amounts)).admitted:
                charges.append((clock.ms, amounts))
                running[f"r{number}"] = charges[-1]
                for quota in LIMITS:
                    since = clock.ms - quota.window_s * 1000
                    within = sum(amount.get(quota.measure, 0) for at, amount in charges if at > since)
                    above = sum(more for at, more in overruns if at > since) if quota.metric is Metric.TOKENS else 0
                    assert within <= quota.limit + above
            if end is not None and f"r{end[0]}" in running:
                at, reserved = running.pop(f"r{end[0]}")
                ledger.settle(f"r{end[0]}", end[1])
                await settled(ledger)
                if end[1] is not None:
                    overruns.append((at, max(0, end[1]["tokens"] - reserved["tokens"])))
                    reserved["tokens"] = end[1]["tokens"]

    told(place, story)


@few
@given(steps=STEPS, amounts=AMOUNT)
def test_invariant_02_a_refusal_changes_nothing(place: StoreServer | None, steps: Steps, amounts: Charge) -> None:
    async def then(ledger: Ledger, clock: Clock) -> None:
        accounts = (Account("key", LIMITS), Account("team", [Quota(Metric.TOKENS, 60, 10)]))
        before = await used(ledger, accounts), state_of(place)
        if not await admits(ledger, "r", accounts, {**amounts, "tokens": amounts["tokens"] + 11}):
            assert (await used(ledger, accounts), state_of(place)) == before

    history(place, steps, LIMITS, then)


@few
@given(steps=STEPS, orphans=st.integers(0, 5))
def test_invariant_03_an_account_is_the_sum_of_its_parts(place: StoreServer | None, steps: Steps, orphans: int) -> None:
    assume(sum(wait for wait, _, _ in steps) < LEASE_MS)  # nobody's lease ends on the way
    running = {f"h{number}": amounts["tokens"] for number, (_, amounts, _) in enumerate(steps)}
    ended: dict[str, int] = {}
    for number, (_, _, end) in enumerate(steps):
        if end is not None and end[0] <= number and f"h{end[0]}" in running:
            reserved = running.pop(f"h{end[0]}")
            ended[f"h{end[0]}"] = reserved if end[1] is None else end[1]["tokens"]

    async def then(ledger: Ledger, clock: Clock) -> None:
        assert (await used(ledger, one(*ROOMY)))[1] == sum(running.values()) + sum(ended.values())
        for number in range(orphans):
            await ledger.admit(f"lost{number}", one(*ROOMY), {"tokens": 50}, {"tokens": 7})
        clock.ms += LEASE_MS
        for number in range(4):
            await ledger.admit(f"next{number}", one(*ROOMY), {})
            ledger.cancel(f"next{number}")
        assert (await used(ledger, one(*ROOMY)))[1] == sum(running.values()) + sum(ended.values()) + 7 * orphans

    history(place, steps, ROOMY, then)


@few
@given(steps=STEPS)
def test_invariant_04_every_reservation_ends(place: StoreServer | None, steps: Steps) -> None:
    async def then(ledger: Ledger, clock: Clock) -> None:
        clock.ms += LEASE_MS
        for number in range(4):
            await ledger.admit(f"next{number}", one(*ROOMY), {})
            ledger.cancel(f"next{number}")
        await settled(ledger)
        if place is None:
            assert ledger.unsettled == 0
        else:
            with place.client() as client:
                assert [key for key in client.scan_iter() if b":l:" in key] == []
                for key in client.scan_iter("*:r:*"):  # only what may still be settled: it was cut off, not dead
                    records = client.hgetall(key)
                    over = records.pop(b"~").split(b";")
                    assert set(records) <= set(over)
                    assert {record[:1] for record in records.values()} <= {b"0"}

    history(place, steps, ROOMY, then)


@few
@given(steps=STEPS, times=st.lists(st.integers(0, 3), min_size=3, max_size=3), actual=ACTUAL)
def test_invariant_05_again_is_never_more(
    place: StoreServer | None, steps: Steps, times: list[int], actual: Charge | None
) -> None:
    async def then(ledger: Ledger, clock: Clock) -> None:
        amounts = {"requests": 1, "tokens": 9}
        for _ in range(1 + times[0]):
            await ledger.admit("r", one(*ROOMY), amounts)
        ledger.settle("r", actual)
        once = await used(ledger, one(*ROOMY))
        for _ in range(times[1]):
            ledger.settle("r", {"tokens": 5})
        for _ in range(times[2]):
            ledger.cancel("r")
        if isinstance(ledger, RedisLedger):
            await ledger.renew()
        assert await used(ledger, one(*ROOMY)) == once

    history(place, steps, ROOMY, then)


@few
@given(ends=st.lists(st.tuples(AMOUNT, ACTUAL), max_size=8), order=st.randoms(use_true_random=False))
def test_invariant_06_settlements_commute(place: StoreServer | None, ends: list[Any], order: Any) -> None:
    results: list[Any] = []

    async def story(ledger: Ledger, clock: Clock) -> None:
        for number, (amounts, _) in enumerate(ends):
            clock.ms += 400
            await ledger.admit(f"r{number}", one(*ROOMY), amounts)
        for number in orders.pop():
            ledger.settle(f"r{number}", ends[number][1])
        results.append([state[1:] for state in await states(ledger)])

    async def states(ledger: Ledger) -> Any:
        await settled(ledger)
        return await ledger.look(one(*ROOMY))

    orders = [list(range(len(ends))), order.sample(range(len(ends)), len(ends))]
    told(place, story)
    told(place, story)
    assert results[0] == results[1]


@few
@given(steps=STEPS, settlement=st.integers(-100, 10_000))
def test_invariant_07_nothing_is_negative(place: StoreServer | None, steps: Steps, settlement: int) -> None:
    async def then(ledger: Ledger, clock: Clock) -> None:
        admission = await ledger.admit("r", one(*LIMITS), {"requests": 1, "tokens": 1})
        ledger.settle("r", {"tokens": settlement})
        await settled(ledger)
        for states in (admission.states, await ledger.look(one(*LIMITS))):
            assert all(min(state.used, state.remaining, state.reset_ms) >= 0 for state in states)
            assert not [value for value in rate_limit_headers(states).values() if value.startswith("-")]

    history(place, steps, LIMITS, then)


@few
@given(steps=STEPS, amounts=AMOUNT, more=st.integers(0, 60), which=st.integers(0, 2))
def test_invariant_08_looser_limits_admit_no_less(
    place: StoreServer | None, steps: Steps, amounts: Charge, more: int, which: int
) -> None:
    raised = tuple(Quota(quota.metric, quota.window_s, quota.limit + more) for quota in LIMITS)
    fewer = LIMITS[:which] + LIMITS[which + 1 :]
    found: list[bool] = []
    for quotas in (LIMITS, raised, fewer):

        async def then(ledger: Ledger, clock: Clock, quotas: tuple[Quota, ...] = quotas) -> None:
            left = [state.remaining for state in await ledger.look(one(*LIMITS))]
            found.append(await admits(ledger, "r", one(*quotas), amounts))
            after = [state.remaining for state in await ledger.look(one(*LIMITS))]
            assert all(now <= before for now, before in zip(after, left, strict=True))

        history(place, steps, LIMITS, then)
    assert found[0] <= found[1]
    assert found[0] <= found[2]


@few
@given(limit=st.integers(1, 5), ends=st.lists(st.booleans(), max_size=16))
def test_invariant_09_no_more_run_than_may(place: StoreServer | None, limit: int, ends: list[bool]) -> None:
    async def story(ledger: Ledger, clock: Clock) -> None:
        accounts = one(Quota(Metric.CONCURRENCY, 0, limit))
        running: list[str] = []
        for number, one_ends in enumerate(ends):
            if one_ends and running:
                ledger.settle(running.pop(), None)
                await settled(ledger)
            assert await admits(ledger, f"r{number}", accounts, {}) is (len(running) < limit)
            if len(running) < limit:
                running.append(f"r{number}")
            assert await used(ledger, accounts) == [len(running)]
        clock.ms += LEASE_MS
        assert await admits(ledger, "after the dead", accounts, {})
        assert await used(ledger, accounts) == [1]

    told(place, story)


@few
@given(jumps=st.lists(st.integers(-9_000, 12_000), max_size=10), skew=st.integers(-3_600_000, 3_600_000))
def test_invariant_10_clocks_that_step_back_or_are_wrong_admit_no_more(
    place: StoreServer | None, jumps: list[int], skew: int
) -> None:
    window = Quota(Metric.TOKENS, 60, 5)
    assume(-sum(jump for jump in jumps if jump < 0) < 60_000)

    async def story(ledger: Ledger, clock: Clock) -> None:
        asked = ledger if place is None else on_server(place, lambda: clock.ms + skew, LEASE_MS)
        start, passed, at = clock.ms, 0, []
        for number, jump in enumerate([0, *jumps]):
            clock.ms += jump
            passed = max(passed, clock.ms - start)
            answers = [await admits(asked, f"r{number}.{attempt}", one(window), {"tokens": 1}) for attempt in range(7)]
            at += [passed] * sum(answers)
        assert all(sum(now - 60_000 < each <= now for each in at) <= 5 for now in at)
        assert len(at) >= 5
        await asked.drain() if asked is not ledger else None

    told(place, story)


@few
@given(steps=STEPS, amounts=AMOUNT)
def test_invariant_11_the_time_to_wait_is_exact(place: StoreServer | None, steps: Steps, amounts: Charge) -> None:
    async def then(ledger: Ledger, clock: Clock) -> None:
        admission = await ledger.admit("r", one(*LIMITS), amounts)
        if admission.admitted or not admission.wait_ms or admission.wait_ms >= LEASE_MS:
            return  # it ran, will never fit, or some of what it waits for may have become an orphan by then
        clock.ms += admission.wait_ms - 1
        assert not await admits(ledger, "early", one(*LIMITS), amounts)
        clock.ms += 1
        assert await admits(ledger, "in time", one(*LIMITS), amounts)

    history(place, steps, LIMITS, then)


@few
@given(steps=STEPS)
def test_invariant_12_others_are_not_touched(place: StoreServer | None, steps: Steps) -> None:
    async def story(ledger: Ledger, clock: Clock) -> None:
        bob, team = Account("bob", ROOMY), Account("team", ROOMY)
        await ledger.admit("before", (bob,), {"requests": 1, "tokens": 5})
        ledger.settle("before", None)
        kept = await used(ledger, (bob,))
        of_bob = {key: value for key, value in state_of(place).items() if b":c:" in key}
        for number, (_, amounts, end) in enumerate(steps):
            await ledger.admit(f"r{number}", (Account("ada", LIMITS), team), amounts)
            if end is not None:
                ledger.settle(f"r{end[0]}", end[1])
        assert await used(ledger, (bob,)) == kept
        now = state_of(place)
        assert all(now[key] == value for key, value in of_bob.items())

    told(place, story)


@few
@given(steps=STEPS, limits=st.lists(st.integers(0, 500), min_size=3, max_size=3))
def test_invariant_13_limits_change_and_usage_stays(place: StoreServer | None, steps: Steps, limits: list[int]) -> None:
    async def then(ledger: Ledger, clock: Clock) -> None:
        kept = await used(ledger, one(*LIMITS))
        changed = [Quota(q.metric, q.window_s, limit) for q, limit in zip(LIMITS, limits, strict=True)]
        assert await used(ledger, one(*changed)) == kept
        await ledger.admit("without", one(LIMITS[0]), {"requests": 0, "tokens": 3})
        assert await used(ledger, one(*LIMITS)) == kept

    history(place, steps, LIMITS, then)


@few
@given(before=st.integers(0, 12), after=st.integers(0, 12))
def test_invariant_14_a_store_that_lost_everything_admits_one_limit_more(
    place: StoreServer | None, before: int, after: int
) -> None:
    budget = Account("team", [Quota(Metric.COST, 0, 100, period=Period.MONTH)])

    async def story(ledger: Ledger, clock: Clock) -> None:
        admitted = 0
        for number in range(before):
            admitted += await admits(ledger, f"b{number}", (budget,), {"cost": 10})
        for number in range(before):
            ledger.settle(f"b{number}", None)
        await settled(ledger)
        known = min(before, 10)
        asked: Ledger = ledger
        if place is None:
            assert isinstance(ledger, MemoryLedger)
            await ledger.forget((budget,))
        else:
            load(place, {})
            asked = on_server(place, clock, LEASE_MS)  # nobody who remembers comes
        again = [await admits(asked, f"a{number}", (budget,), {"cost": 10}) for number in range(after)]
        assert sum(again) <= 10
        if isinstance(asked, RedisLedger) and isinstance(ledger, RedisLedger):
            await asked.raise_to(budget, {"cost": 10 * known}, clock.ms)
            assert (await used(asked, (budget,)))[0] >= 10 * known
            await put_right(ledger, asked)
            most = 10 * (known + sum(again))
            assert 10 * known <= (await used(asked, (budget,)))[0] <= most
            await asked.drain()

    told(place, story)


@few
@given(limit=st.integers(1, 40), replicas=st.integers(1, 5), factor=st.sampled_from([0.5, 1.0, 1.5]))
def test_invariant_15_on_their_own_they_admit_together_no_more_than_the_limit(
    monkeypatch: pytest.MonkeyPatch, limit: int, replicas: int, factor: float
) -> None:
    monkeypatch.setattr(degrading, "DRAIN_S", 0.01)  # the store will not come back

    async def story() -> None:
        nowhere = StoreAddress(f"redis://127.0.0.1:{free_port()}", connect_timeout_s=5.0, command_timeout_s=5.0)
        quotas = one(Quota(Metric.REQUESTS, 3600, limit))
        admitted = 0
        for _ in range(replicas):
            background = Store(make_client(nowhere), 1)
            given_up_at_once = Settling(background, give_up_s=0.0)
            shared = RedisLedger(Store(make_client(nowhere)), background, lambda: 10**12, settling=given_up_at_once)
            ledger = DegradingLedger(shared, lambda: 10**12, factor / replicas, lambda lost, kind: None)
            ledger.open()
            names = [f"r{number}" for number in range(2 * limit + 2)]
            answers = [await ledger.admit(name, quotas, {"requests": 1}) for name in names]
            assert all(answer.degraded for answer in answers)
            admitted += sum(answer.admitted for answer in answers)
            for name in names:
                ledger.cancel(name)
            await ledger.drain()
        assert factor * limit <= admitted + replicas
        assert admitted <= factor * limit + replicas

    asyncio.run(story())


def test_every_invariant_has_its_property_and_every_property_its_invariant() -> None:
    numbers = [int(name[15:17]) for name in globals() if re.match(r"test_invariant_\d\d_", name)]
    assert sorted(numbers) == sorted(INVARIANTS) == list(range(1, 16))
