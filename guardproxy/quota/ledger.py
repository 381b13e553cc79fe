"""A ledger in memory: one strictly summed sliding window per key and quota.

A request is admitted if every window has room for its amount, and charged in all of them or in none. Its settlement
goes to the slot of its reservation, whatever the time is: that gives back exactly what was taken, and a slot that has
left the window has nothing to correct.

Windows are found by metric and length, not by limit: a changed limit keeps what was used. A scope without charges is
forgotten, and so is a reservation whose settlement never came. The sweep looks at no more than `SWEEP` of each per
call, so no request pays for many, and goes on with the next call while there is more to forget.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final, NamedTuple

from guardproxy.core.policy import Metric, Quota
from guardproxy.quota.model import Admission, Charge, QuotaState
from guardproxy.quota.window import RING, Window

SWEEP: Final = 8
SWEEP_EVERY_MS: Final = 1000
DEFAULT_LEASE_MS: Final = 60 * 60 * 1000


class _Limit(NamedTuple):
    """One quota of a scope, with its window at hand."""

    window: Window
    quota: Quota
    metric: Metric
    most: int


_Hold = tuple[Window, int, Metric, int]
"""What a running request holds in one window: the slot, the metric, the amount. A plain tuple: made on the hot path."""


_ENDED: Final[tuple[int, list[_Hold]]] = (0, [])


class _Scope:
    """The windows of one key, and the limits of the quotas last asked for (the same tuple until a policy changes)."""

    __slots__ = ("limits", "quotas", "windows")

    def __init__(self) -> None:
        self.windows: dict[tuple[Metric, int], Window] = {}
        self.quotas: Sequence[Quota] | None = None
        self.limits: tuple[_Limit, ...] = ()

    def limits_for(self, quotas: Sequence[Quota], now: int) -> tuple[_Limit, ...]:
        limits: dict[tuple[Metric, int], _Limit] = {}
        for quota in quotas:
            place = quota.metric, quota.window_s
            window = self.windows.get(place)
            if window is None:
                window = self.windows[place] = Window(quota.window_s * 1000, now)
            if place not in limits or quota.limit < limits[place].most:  # two limits of one window: the tighter counts
                limits[place] = _Limit(window, quota, quota.metric, quota.limit)
        self.limits = tuple(limits.values())
        # Only a tuple is known to be the same when it is the same object.
        self.quotas = quotas if type(quotas) is tuple else None
        return self.limits

    def forget_past(self, now: int) -> bool:
        """Drop windows whose charges have all slid out; True if none is left."""
        kept = {place: window for place, window in self.windows.items() if now < window.empties_at}
        if len(kept) != len(self.windows):
            self.windows = kept
            self.quotas = None
        return not kept


class MemoryLedger:
    """A `Ledger` of this process: exact, atomic (nothing awaits in between), gone with the process. Not thread-safe.

    `now_ms` is a monotonic clock in milliseconds; should it step back, time stands still here until it has caught up.
    `lease_ms` is how long a reservation may wait for its settlement.
    """

    def __init__(self, now_ms: Callable[[], int], lease_ms: int = DEFAULT_LEASE_MS) -> None:
        self._now_ms = now_ms
        self._lease_ms = lease_ms
        self._now = now_ms()
        self._sweep_at = self._now
        self._scopes: OrderedDict[str, _Scope] = OrderedDict()
        self._reservations: OrderedDict[str, tuple[int, list[_Hold]]] = OrderedDict()

    @property
    def unsettled(self) -> int:
        """Reservations that wait for their settlement."""
        return len(self._reservations)

    @property
    def scopes(self) -> int:
        """Scopes that are remembered."""
        return len(self._scopes)

    async def admit(self, request_id: str, scope: str, quotas: Sequence[Quota], amounts: Charge) -> Admission:
        """See `Ledger.admit`. Raises ValueError for a negative amount."""
        now = self._now_ms()
        if now < self._now:
            now = self._now
        self._now = now
        if now >= self._sweep_at:
            self._sweep(now)
        known = self._scopes.get(scope)
        if known is None:
            known = self._new_scope(scope, now)
        limits = known.limits if known.quotas is quotas else known.limits_for(quotas, now)

        holds: list[_Hold] = []
        fits = True
        for window, _, metric, most in limits:
            amount = amounts.get(metric, 0)
            if amount < 0:
                raise ValueError(f"a charge is never negative: {metric.value}")
            if now >= window.passes_at:
                window.advance(now)
            if window.total + (amount or 1) > most:  # an amount of 0 needs room, too
                fits = False
            holds.append((window, window.newest, metric, amount))
        if request_id in self._reservations:
            return Admission(True, _states(limits, now))
        if not fits:
            return _denial(limits, holds, now)
        for window, slot, _, amount in holds:
            window.ring[slot % RING] += amount
            window.total += amount
        if holds:
            self._reservations[request_id] = (now + self._lease_ms, holds)
        return Admission(True, _states(limits, now))

    def settle(self, request_id: str, actual: Charge | None) -> None:
        """See `Ledger.settle`. A negative amount counts as 0."""
        _, holds = self._reservations.pop(request_id, _ENDED)
        if actual is None:
            return
        for window, slot, metric, amount in holds:
            change = max(0, actual.get(metric, amount)) - amount
            if change:
                window.correct(slot, change)

    def cancel(self, request_id: str) -> None:
        """See `Ledger.cancel`."""
        _, holds = self._reservations.pop(request_id, _ENDED)
        for window, slot, _, amount in holds:
            window.correct(slot, -amount)

    async def drain(self) -> None:
        """See `Ledger.drain`: here every settlement is in place when `settle` returns."""

    def _new_scope(self, scope: str, now: int) -> _Scope:
        # Looking at several old scopes for each new one bounds them to little more than those in use.
        self._sweep(now)
        created = self._scopes[scope] = _Scope()
        return created

    def _sweep(self, now: int) -> None:
        """Forget orphans, oldest first, and past scopes, in rotation."""
        orphans = [key for key, (deadline, _) in islice(self._reservations.items(), SWEEP) if deadline <= now]
        for request_id in orphans:
            del self._reservations[request_id]
        forgotten = 0
        for name in list(islice(self._scopes, SWEEP)):
            if self._scopes[name].forget_past(now):
                del self._scopes[name]
                forgotten += 1
            else:
                self._scopes.move_to_end(name)
        more = SWEEP in (len(orphans), forgotten)
        self._sweep_at = now if more else now + SWEEP_EVERY_MS


def _states(limits: Sequence[_Limit], now: int) -> tuple[QuotaState, ...]:
    states = []
    for window, quota, _, most in limits:
        used = window.total
        if not used:
            reset_at = now
        elif window.ring[window.newest % RING]:
            reset_at = window.empties_at
        else:
            reset_at = window.unused_at()
        states.append(QuotaState(quota, used, most - used if used < most else 0, reset_at - now))
    return tuple(states)


def _denial(limits: Sequence[_Limit], holds: Sequence[_Hold], now: int) -> Admission:
    """Which quota makes the request wait longest, and how long. Capacity only grows with time: the longest decides."""
    states = _states(limits, now)
    denied, longest = states[0], 0
    for state, limit, (window, _, _, amount) in zip(states, limits, holds, strict=True):
        needed = amount or 1
        if needed > limit.most:
            return Admission(False, states, state, None)
        excess = window.total + needed - limit.most
        if excess > 0 and (wait := window.fits_at(excess) - now) > longest:
            denied, longest = state, wait
    return Admission(False, states, denied, longest)
