"""The memory ledger against a log that keeps every charge and adds it all up, each time."""

from __future__ import annotations

import random
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from guardproxy.core.quota import Metric, Quota
from guardproxy.quota.grid import PARTS as SLOTS
from guardproxy.quota.ledger import MOST_OVER, SWEEP, SWEEP_EVERY_MS, MemoryLedger
from guardproxy.quota.model import Account, Admission, Charge
from tests.quota.ledgers import one
from tests.support.stores import Clock

Answer = TypeVar("Answer")

QUOTAS = (
    Quota(Metric.REQUESTS, 1, 3),
    Quota(Metric.REQUESTS, 7, 8),
    Quota(Metric.TOKENS, 2, 50),
    Quota(Metric.TOKENS, 60, 0),
)
ROOMY = tuple(Quota(quota.metric, quota.window_s, 2**53) for quota in QUOTAS)
PLANS = st.sampled_from([QUOTAS[:1], QUOTAS[:3], QUOTAS[2:3], QUOTAS[1:3], QUOTAS])
SCOPES = st.sampled_from(["ada", "bob"])
METRICS = (Metric.REQUESTS, Metric.TOKENS)
CHARGES = st.fixed_dictionaries({Metric.REQUESTS: st.integers(0, 4), Metric.TOKENS: st.integers(0, 60)})
PARTIAL = st.dictionaries(st.sampled_from(METRICS), st.integers(0, 90))


def at_once(answer: Coroutine[Any, Any, Answer]) -> Answer:
    """The result of a coroutine that never waits: nothing can come between its check and its charge."""
    try:
        answer.send(None)
    except StopIteration as done:
        result: Answer = done.value
        return result
    raise AssertionError("the memory ledger waited")


@dataclass
class Entry:
    scope: str
    at: int
    metric: Metric
    window_s: int
    amount: int
    overrun: int = 0


@dataclass
class Log:
    """Every charge ever made. `running` are the entries that a settlement may still change."""

    entries: list[Entry] = field(default_factory=list)
    running: dict[str, list[Entry]] = field(default_factory=dict)

    def of(self, scope: str, quota: Quota) -> list[Entry]:
        return [
            entry
            for entry in self.entries
            if (entry.scope, entry.metric, entry.window_s) == (scope, quota.metric, quota.window_s)
        ]

    def used(self, scope: str, quota: Quota, now: int) -> int:
        length = quota.window_s * 1000
        oldest = now * SLOTS // length - SLOTS
        return sum(entry.amount for entry in self.of(scope, quota) if entry.at * SLOTS // length >= oldest)

    def really_used(self, scope: str, quota: Quota, now: int) -> int:
        """What a sliding log counts: everything in the last `window_s` seconds, to the millisecond."""
        return sum(e.amount for e in self.of(scope, quota) if now - quota.window_s * 1000 < e.at <= now)

    def charge(self, request: str, scope: str, quotas: Sequence[Quota], amounts: Charge, now: int) -> None:
        made = [Entry(scope, now, q.metric, q.window_s, amounts.get(q.metric, 0)) for q in quotas]
        self.entries += made
        self.running[request] = made

    def settle(self, request: str, actual: Charge | None) -> None:
        for entry in self.running.pop(request, []):
            reserved = entry.amount
            entry.amount = reserved if actual is None else actual.get(entry.metric, reserved)
            entry.overrun = max(0, entry.amount - reserved)


class LedgerAgainstLog(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.ledger = MemoryLedger(self.clock)
        self.log = Log()
        self.count = 0
        self.checks: list[tuple[str, Quota, int]] = []
        self.plans: dict[tuple[str, tuple[Quota, ...]], tuple[Account, ...]] = {}

    def admit(self, scope: str, quotas: Sequence[Quota], amounts: Charge) -> tuple[str, Admission]:
        self.count += 1
        request = f"r{self.count}"
        plan = self.plans.setdefault((scope, tuple(quotas)), one(*quotas, scope=scope))
        if type(quotas) is list:  # an account that was made anew, as after a change of the policy
            plan = one(*quotas, scope=scope)
        admission = at_once(self.ledger.admit(request, plan, amounts))
        if admission.admitted:
            for quota in quotas:  # what the strict sum admits, an exact sliding log admits, too
                amount = amounts[quota.measure]
                assert self.log.really_used(scope, quota, self.clock.ms) + amount <= quota.limit
            self.log.charge(request, scope, quotas, amounts, self.clock.ms)
            self.checks += [(scope, quota, self.clock.ms) for quota in quotas]
        return request, admission

    @rule(ms=st.one_of(st.integers(0, 400), st.sampled_from([167, 334, 1000, 2000, 7000])))
    def time_passes(self, ms: int) -> None:
        self.clock.ms += ms

    @rule(scope=SCOPES, quotas=PLANS, amounts=CHARGES, as_list=st.booleans())
    def a_request_comes(self, scope: str, quotas: tuple[Quota, ...], amounts: Charge, as_list: bool) -> None:
        now = self.clock.ms
        used = [self.log.used(scope, quota, now) for quota in quotas]
        short = [u + (amounts[q.measure] or 1) > q.limit for u, q in zip(used, quotas, strict=True)]
        _, admission = self.admit(scope, list(quotas) if as_list else quotas, amounts)
        assert admission.admitted is not any(short)
        charged = [amounts[quota.measure] if admission.admitted else 0 for quota in quotas]
        for state, quota, before, added in zip(admission.states, quotas, used, charged, strict=True):
            assert state[:3] == (quota, before + added, max(0, quota.limit - before - added))
            if state.used:
                assert self.log.used(scope, quota, now + state.reset_ms) == 0
                assert self.log.used(scope, quota, now + state.reset_ms - 1) > 0
            else:
                assert state.reset_ms == 0
        if not admission.admitted:
            self.the_hint_is_exact(scope, quotas, amounts, admission)

    def the_hint_is_exact(self, scope: str, quotas: Sequence[Quota], amounts: Charge, denial: Admission) -> None:
        assert denial.denied in denial.states
        if denial.wait_ms is None:
            assert any((amounts[quota.measure] or 1) > quota.limit for quota in quotas)
            return
        self.clock.ms += denial.wait_ms - 1
        assert not self.admit(scope, quotas, amounts)[1].admitted
        self.clock.ms += 1
        request, admission = self.admit(scope, quotas, amounts)
        assert admission.admitted
        self.ledger.cancel(request)
        self.log.settle(request, dict.fromkeys(METRICS, 0))

    def some_request(self, which: int) -> str:
        """Mostly one that runs, sometimes any: over, denied, or never heard of."""
        running = list(self.log.running)
        return running[which % len(running)] if running and which % 4 else f"r{which % (self.count + 1)}"

    @rule(scope=SCOPES)
    def somebody_looks(self, scope: str) -> None:
        states = at_once(self.ledger.admit("look", one(*ROOMY, scope=scope), {})).states
        self.ledger.cancel("look")
        assert [state.used for state in states] == [self.log.used(scope, quota, self.clock.ms) for quota in QUOTAS]

    @rule(which=st.integers(0, 10**6), actual=st.one_of(st.none(), PARTIAL), times=st.integers(1, 2))
    def a_request_ends(self, which: int, actual: Charge | None, times: int) -> None:
        request = self.some_request(which)
        for _ in range(times):
            self.ledger.settle(request, actual)
            self.log.settle(request, actual)

    @rule(which=st.integers(0, 10**6))
    def a_request_is_cancelled(self, which: int) -> None:
        request = self.some_request(which)
        self.ledger.cancel(request)
        self.log.settle(request, dict.fromkeys(METRICS, 0))

    @invariant()
    def what_runs_is_what_is_unsettled(self) -> None:
        assert self.ledger.unsettled == len(self.log.running)

    def teardown(self) -> None:
        for scope, quota, now in self.checks:
            since = now - quota.window_s * 1000
            overruns = sum(entry.overrun for entry in self.log.of(scope, quota) if since < entry.at <= now)
            assert self.log.really_used(scope, quota, now) <= quota.limit + overruns


TestLedgerAgainstLog = LedgerAgainstLog.TestCase
TestLedgerAgainstLog.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)

STEPS = st.lists(st.tuples(st.integers(0, 900), CHARGES, st.one_of(st.none(), CHARGES)), max_size=12)
LIMITS = st.lists(
    st.builds(Quota, st.sampled_from(METRICS), st.sampled_from([1, 2, 7]), st.integers(0, 60)),
    max_size=4,
    unique_by=lambda quota: quota.id,
).map(tuple)


def after(steps: list[tuple[int, Charge, Charge | None]]) -> tuple[MemoryLedger, Clock]:
    """A ledger with a history of charges on every window that `LIMITS` may name."""
    clock = Clock()
    ledger = MemoryLedger(clock)
    roomy = tuple(Quota(metric, window_s, 10**9) for metric in METRICS for window_s in (1, 2, 7))
    for number, (pause, amounts, actual) in enumerate(steps):
        clock.ms += pause
        at_once(ledger.admit(f"h{number}", one(*roomy), amounts))
        if actual is not None:
            ledger.settle(f"h{number}", actual)
    return ledger, clock


@given(STEPS, LIMITS, CHARGES, st.integers(0, 60), st.integers(0, 3))
def test_raising_or_removing_a_limit_never_denies_what_was_admitted(
    steps: list[tuple[int, Charge, Charge | None]], quotas: tuple[Quota, ...], amounts: Charge, more: int, which: int
) -> None:
    strict = at_once(after(steps)[0].admit("r", one(*quotas), amounts))
    raised = tuple(Quota(quota.metric, quota.window_s, quota.limit + more) for quota in quotas)
    fewer = quotas[:which] + quotas[which + 1 :]
    for looser in (raised, fewer):
        assert at_once(after(steps)[0].admit("r", one(*looser), amounts)).admitted >= strict.admitted


@given(STEPS, st.randoms(use_true_random=False))
def test_settlements_commute_and_repeat_without_effect(
    steps: list[tuple[int, Charge, Charge | None]], order: random.Random
) -> None:
    running: list[tuple[int, Charge, Charge | None]] = [(pause, amounts, None) for pause, amounts, _ in steps]
    endings = [(f"h{number}", actual) for number, (_, _, actual) in enumerate(steps)]
    results = []
    for shuffled in (endings, order.sample(endings, len(endings))):
        ledger, _ = after(running)
        for request, actual in shuffled:
            ledger.settle(request, actual)
            ledger.cancel(request)
        results.append(at_once(ledger.admit("probe", one(*QUOTAS[1:3]), {})).states)
    assert results[0] == results[1]


def test_an_orphan_keeps_its_charge_until_its_late_settlement_tells_what_it_used() -> None:
    clock = Clock()
    ledger = MemoryLedger(clock, lease_ms=5000)
    hourly = (Quota(Metric.TOKENS, 3600, 100),)
    at_once(ledger.admit("lost", one(*hourly), {Metric.TOKENS: 60}))
    clock.ms += 5000
    assert at_once(ledger.admit("next", one(*hourly), {Metric.TOKENS: 1})).states[0].used == 61
    assert ledger.unsettled == 1
    for _ in range(2):
        ledger.settle("lost", {Metric.TOKENS: 70})
        assert at_once(ledger.admit("last", one(*hourly), {})).states[0].used == 71


def test_only_so_many_orphans_may_still_be_settled() -> None:
    clock = Clock()
    ledger = MemoryLedger(clock, lease_ms=5000)
    daily = (Quota(Metric.TOKENS, 86_400, 10_000_000),)
    for number in range(MOST_OVER + 1):
        at_once(ledger.admit(f"lost{number}", one(*daily), {Metric.TOKENS: 2}))
    clock.ms += 5000
    while ledger.unsettled:
        clock.ms += 1
        at_once(ledger.admit("passer-by", one(*daily), {}))
        ledger.cancel("passer-by")
    for number in range(MOST_OVER + 1):
        ledger.settle(f"lost{number}", {Metric.TOKENS: 1})
    assert at_once(ledger.look(one(*daily)))[0].used == MOST_OVER + 2


def test_many_orphans_are_forgotten_a_few_per_request() -> None:
    clock = Clock()
    ledger = MemoryLedger(clock, lease_ms=5000)
    for number in range(100):
        at_once(ledger.admit(f"lost{number}", one(*QUOTAS[:1]), {}))
    clock.ms += 6000
    for number in range(100 // SWEEP + 1):
        at_once(ledger.admit(f"r{number}", one(*QUOTAS[:1]), {}))
        ledger.settle(f"r{number}", None)
    assert ledger.unsettled == 0


def test_idle_scopes_are_forgotten_so_memory_follows_what_is_in_use() -> None:
    clock = Clock()
    ledger = MemoryLedger(clock)
    hourly = (Quota(Metric.REQUESTS, 3600, 1000),)
    for number in range(2 * SWEEP):
        at_once(ledger.admit(f"s{number}", one(*hourly, scope=f"slow{number}"), {}))
    most = 0
    for number in range(5000):
        clock.ms += 10  # a one-second window stays for seven sixths of a second: some 117 scopes are in use
        at_once(ledger.admit(f"r{number}", one(*QUOTAS[:1], scope=f"key{number}"), {Metric.REQUESTS: 1}))
        ledger.settle(f"r{number}", None)
        most = max(most, ledger.scopes)
    assert most <= 2 * (117 + 2 * SWEEP)
    clock.ms += 4_200_000
    for _ in range(100):
        clock.ms += SWEEP_EVERY_MS
        at_once(ledger.admit("r", (), {}))
    assert ledger.scopes <= 1


def test_a_scope_in_use_survives_every_sweep() -> None:
    clock = Clock()
    ledger = MemoryLedger(clock)
    hourly = (Quota(Metric.REQUESTS, 3600, 1000),)
    for number in range(100):
        clock.ms += 2 * SWEEP_EVERY_MS
        at_once(ledger.admit(f"passing{number}", one(*QUOTAS[:1], scope=f"key{number}"), {}))
        states = at_once(ledger.admit(f"r{number}", one(*hourly, scope="busy"), {Metric.REQUESTS: 1})).states
        assert states[0].used == number + 1


def test_a_clock_that_steps_back_admits_no_more() -> None:
    clock = Clock()
    ledger = MemoryLedger(clock)
    assert at_once(ledger.admit("a", one(*QUOTAS[:1]), {Metric.REQUESTS: 3})).admitted
    clock.ms -= 30_000
    denied = at_once(ledger.admit("b", one(*QUOTAS[:1]), {Metric.REQUESTS: 1}))
    assert not denied.admitted
    assert denied.wait_ms is not None
    assert denied.wait_ms <= 1167
    clock.ms += 30_000 + denied.wait_ms
    assert at_once(ledger.admit("c", one(*QUOTAS[:1]), {Metric.REQUESTS: 1})).admitted


def test_a_settlement_goes_to_the_slot_of_its_reservation() -> None:
    clock = Clock()
    clock.ms = 6_000_000
    ledger = MemoryLedger(clock)
    quotas = (Quota(Metric.TOKENS, 6, 100),)  # slots of a second
    at_once(ledger.admit("early", one(*quotas), {Metric.TOKENS: 60}))
    clock.ms += 3000
    at_once(ledger.admit("late", one(*quotas), {Metric.TOKENS: 30}))
    ledger.settle("early", {Metric.TOKENS: 10})
    assert at_once(ledger.admit("look", one(*quotas), {})).states[0].used == 40
    clock.ms += 4000
    assert at_once(ledger.admit("look again", one(*quotas), {})).states[0].used == 30


def test_a_negative_charge_is_an_error_and_a_negative_settlement_counts_as_zero() -> None:
    ledger = MemoryLedger(Clock())
    with pytest.raises(ValueError, match="never negative"):
        at_once(ledger.admit("r", one(*QUOTAS[:1]), {Metric.REQUESTS: -1}))
    at_once(ledger.admit("s", one(*QUOTAS[:1]), {Metric.REQUESTS: 2}))
    ledger.settle("s", {Metric.REQUESTS: -5})
    assert at_once(ledger.admit("t", one(*QUOTAS[:1]), {})).states[0].used == 0


def test_what_is_forgotten_is_not_used_any_more_but_what_runs_keeps_its_place() -> None:
    ledger = MemoryLedger(Clock())
    quotas = (Quota(Metric.TOKENS, 60, 100), Quota(Metric.CONCURRENCY, 0, 2))
    account = Account("ada", quotas)
    at_once(ledger.admit("runs", [account], {Metric.TOKENS: 60}))
    at_once(ledger.forget([account, Account("nobody", quotas)]))
    assert [state.used for state in at_once(ledger.look([account]))] == [0, 1]
    ledger.settle("runs", {Metric.TOKENS: 90})  # it was charged before
    assert [state.used for state in at_once(ledger.look([account]))] == [0, 0]
    assert ledger.unsettled == 0


def test_an_account_is_raised_to_what_was_spent_and_never_lowered() -> None:
    ledger = MemoryLedger(Clock())
    account = Account("ada", (Quota(Metric.TOKENS, 3600, 1000),))
    at_once(ledger.admit("r", [account], {Metric.TOKENS: 60}))
    ledger.settle("r", None)
    assert at_once(ledger.raise_to(account, {Metric.TOKENS: 900})) == [840]
    for amount in (900, 10, 0):
        assert at_once(ledger.raise_to(account, {Metric.TOKENS: amount})) == [0]
    assert at_once(ledger.look([account]))[0].used == 900
