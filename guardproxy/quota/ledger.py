"""A ledger in memory: one ring of slots per account and quota.

A request is admitted if every window has room for its amount, and charged in all of them or in none. Its settlement
goes to the slot of its reservation, whatever the time is: that gives back exactly what was taken, and a slot that has
left the window has nothing to correct.

Windows are found by what they count, not by limit: a changed limit keeps what was used. A scope without charges is
forgotten. A reservation whose settlement did not come is charged as an orphan when its lease is over; should it come
after all, it counts. The sweep looks at no more than `SWEEP` of each per call, so no request pays for many, and goes on
with the next call while there is more.

This is also what the scripts for Redis are held against: the same calls at the same times give the same answers.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final, NamedTuple

from guardproxy.core.quota import Metric
from guardproxy.quota.model import UNKNOWN_MS, Account, Admission, Charge, QuotaState, denial, needed, shadowed
from guardproxy.quota.scope import Limit, Scope
from guardproxy.quota.window import Window

SWEEP: Final = 8
SWEEP_EVERY_MS: Final = 1000
DEFAULT_LEASE_MS: Final = 60 * 60 * 1000
_RUNNING: Final = Metric.CONCURRENCY.value  # how the ids of quotas begin that count what runs
MOST_OVER: Final = 512
"""How many requests whose lease is over may still be settled."""


_Hold = tuple[Window, int, str, int]
"""What a running request holds in one window: slot, measure, amount. A plain tuple, as it is made on the hot path."""


_Orphaned = tuple[_Hold, int]
"""What a request held whose lease is over, and its charge instead."""


class _Reservation(NamedTuple):
    """`running`: windows that count the request only while it runs."""

    deadline: int
    holds: list[_Hold]
    running: Sequence[Window]
    orphan: Charge | None


class MemoryLedger:
    """A `Ledger` of this process: exact, atomic (nothing awaits in between), gone with the process. Not thread-safe.

    `now_ms` gives epoch milliseconds; should it step back, time stands still here until it has caught up. `lease_ms`
    is how long a reservation may wait for its settlement.
    """

    degraded: Final = False
    store: Final = None

    def __init__(self, now_ms: Callable[[], int], lease_ms: int = DEFAULT_LEASE_MS) -> None:
        self._now_ms = now_ms
        self._lease_ms = lease_ms
        self._now = now_ms()
        self._sweep_at = self._now
        self._scopes: OrderedDict[str, Scope] = OrderedDict()
        self._reservations: OrderedDict[str, _Reservation] = OrderedDict()
        self._over: OrderedDict[str, list[_Orphaned]] = OrderedDict()

    @property
    def unsettled(self) -> int:
        return len(self._reservations)

    @property
    def scopes(self) -> int:
        """Scopes that are remembered."""
        return len(self._scopes)

    def knows(self, scope: str) -> bool:
        """Whether the scope is remembered."""
        return scope in self._scopes

    async def admit(
        self, request_id: str, accounts: Sequence[Account], amounts: Charge, orphan: Charge | None = None
    ) -> Admission:
        """See `Ledger.admit`. Raises ValueError for a negative amount."""
        now = self._time()
        holds: list[_Hold] = []
        running: list[Window] | tuple[()] = ()
        limits: tuple[Limit, ...] = ()
        fits = unshadowed = True
        for account in accounts:
            of_scope = self._limits_of(account, now)
            limits = limits + of_scope if limits else of_scope
            for window, _, measure, most, runs, repeated, shadow in of_scope:
                amount = 1 if runs else amounts.get(measure, 0)
                if amount < 0:
                    raise ValueError(f"a charge is never negative: {measure}")
                if now >= window.passes_at:
                    window.advance(now)
                if window.total + (amount or 1) > most:  # an amount of 0 needs room, too
                    if shadow:
                        unshadowed = False
                    else:
                        fits = False
                if repeated:
                    continue
                if runs:
                    running = [*running, window]
                else:
                    holds.append((window, window.newest, measure, amount))
        if request_id in self._reservations:
            return Admission(True, _states(limits, now))
        if not fits:
            return denial(_states(limits, now), _waits(limits, amounts, now))
        told = () if unshadowed else shadowed(_states(limits, now), _waits(limits, amounts, now))
        for window, slot, _, amount in holds:
            window.ring[slot % window.kept] += amount
            window.total += amount
        for window in running:
            window.correct(0, 1)
        if limits:
            self._reservations[request_id] = _Reservation(now + self._lease_ms, holds, running, orphan)
        return Admission(True, _states(limits, now), None, None, told)

    def settle(self, request_id: str, actual: Charge | None) -> None:
        """See `Ledger.settle`. A negative amount counts as 0."""
        ended = self._reservations.pop(request_id, None)
        if ended is None:
            for (window, slot, measure, amount), charged in self._over.pop(request_id, ()):
                window.correct(slot, max(0, (actual or {}).get(measure, amount)) - charged)
            return
        if actual is not None:
            for window, slot, measure, amount in ended.holds:
                change = max(0, actual.get(measure, amount)) - amount
                if change:
                    window.correct(slot, change)
        for window in ended.running:
            window.correct(0, -1)

    def cancel(self, request_id: str) -> None:
        """See `Ledger.cancel`."""
        known = self._reservations.get(request_id)
        holds = known.holds if known else [hold for hold, _ in self._over.get(request_id, ())]
        self.settle(request_id, {measure: 0 for _, _, measure, _ in holds})

    def renew(self, request_ids: Iterable[str]) -> None:
        """Begin the lease of running requests anew; others are left alone."""
        now = self._time()
        for request_id in request_ids:
            known = self._reservations.get(request_id)
            if known is not None:
                self._reservations[request_id] = known._replace(deadline=now + self._lease_ms)
                self._reservations.move_to_end(request_id)

    async def look(self, accounts: Sequence[Account]) -> tuple[QuotaState, ...]:
        """See `Ledger.look`."""
        now = self._time()
        limits = [limit for account in accounts for limit in self._limits_of(account, now)]
        for limit in limits:
            if now >= limit.window.passes_at:
                limit.window.advance(now)
        return _states(limits, now)

    async def forget(self, accounts: Sequence[Account]) -> None:
        """See `Ledger.forget`."""
        for account in accounts:
            known = self._scopes.get(account.scope)
            if known is not None:
                # What runs settles into windows that nobody looks at any more.
                known.windows = {name: window for name, window in known.windows.items() if name.startswith(_RUNNING)}
                known.limits.clear()

    async def raise_to(self, account: Account, amounts: Charge, read_at: int = 0) -> Sequence[int]:
        """See `Ledger.raise_to`."""
        now = self._time()
        short = []
        for limit in self._limits_of(account, now):
            if now >= limit.window.passes_at:
                limit.window.advance(now)
            short.append(max(0, amounts.get(limit.measure, 0) - limit.window.total))
            limit.window.correct(limit.window.newest, short[-1])
        return short

    async def drain(self) -> None:
        """See `Ledger.drain`: here every settlement is in place when `settle` returns."""

    def _time(self) -> int:
        now = self._now_ms()
        if now < self._now:
            now = self._now
        self._now = now
        if now >= self._sweep_at:
            self._sweep(now)
        return now

    def _limits_of(self, account: Account, now: int) -> tuple[Limit, ...]:
        known = self._scopes.get(account.scope)
        if known is None:
            # Looking at several old scopes for each new one bounds them to little more than those in use. Not now: a
            # scope of this very request, which holds nothing yet, would be forgotten.
            self._sweep_at = now
            known = self._scopes[account.scope] = Scope()
        return known.limits.get(account) or known.limits_for(account, now)

    def _sweep(self, now: int) -> None:
        """Charge orphans, oldest first, and forget past scopes, in rotation."""
        orphans = [key for key, held in islice(self._reservations.items(), SWEEP) if held.deadline <= now]
        for request_id in orphans:
            held = self._reservations[request_id]
            orphan = held.orphan or {}
            self.settle(request_id, orphan)
            self._over[request_id] = [(hold, max(0, orphan.get(hold[2], hold[3]))) for hold in held.holds]
        for _ in range(len(self._over) - MOST_OVER):
            self._over.popitem(last=False)
        forgotten = 0
        for name in list(islice(self._scopes, SWEEP)):
            if self._scopes[name].forget_past(now):
                del self._scopes[name]
                forgotten += 1
            else:
                self._scopes.move_to_end(name)
        self._sweep_at = now if forgotten == SWEEP else now + min(SWEEP_EVERY_MS, self._lease_ms)
        for oldest in islice(self._reservations.values(), 1):
            self._sweep_at = min(self._sweep_at, oldest.deadline)


def _states(limits: Sequence[Limit], now: int) -> tuple[QuotaState, ...]:
    states = []
    for window, quota, _, most, running, _, _ in limits:
        used = window.total
        if not used or running:
            reset_at = now
        elif window.ring[window.newest % window.kept]:
            reset_at = window.empties_at
        else:
            reset_at = window.unused_at()
        states.append(QuotaState(quota, used, most - used if used < most else 0, reset_at - now))
    return tuple(states)


def _waits(limits: Sequence[Limit], amounts: Charge, now: int) -> list[int | None]:
    """How long each quota makes the request wait: `denial` says what the numbers mean."""
    waits: list[int | None] = []
    for window, quota, _, most, running, _, _ in limits:
        amount = needed(quota, amounts) or 1
        excess = window.total + amount - most
        if excess <= 0:
            waits.append(0)
        elif amount > most:
            waits.append(None)
        else:
            waits.append(UNKNOWN_MS if running else window.fits_at(excess) - now)
    return waits
