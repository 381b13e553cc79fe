"""Accounts as the scripts read them.

What is the same for every request is written once per account; a request only fills in its amounts. A scope's name
goes into keys as a digest: it may be long, and a store is no place for the names of teams.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

from guardproxy.core.quota import Metric, Quota
from guardproxy.quota.generation import TAIL
from guardproxy.quota.grid import CalendarGrid, SlidingGrid, grid_of
from guardproxy.quota.model import UNKNOWN_MS, Account, Charge, QuotaState, needed

Arg = str | int | bytes

MOST_CODED: Final = 20_000

_NEVER: Final = -2
_OTHER_CALENDAR: Final = 3


class Periods:
    """The three periods around a time: a script picks by the store's clock, which may be past midnight already."""

    __slots__ = ("_args", "_from", "_grid", "_until")

    def __init__(self, grid: CalendarGrid) -> None:
        self._grid = grid
        self._args: tuple[int, ...] = ()
        self._from = self._until = 0

    def args(self, now: int) -> tuple[int, ...]:
        """The number of the period before this one, and the four moments between which the three lie."""
        if not self._from <= now < self._until:
            this = self._grid.slot_at(now)
            bounds = [self._grid.begins_at(slot) for slot in range(this - 1, this + 3)]
            self._args = (this - 1, *bounds)
            self._from, self._until = bounds[1], bounds[2]
        return self._args


class _Line(NamedTuple):
    """One limit: what stands before its amount, its flags, and what stands behind them."""

    quota: Quota
    head: tuple[Arg, Arg, Arg]
    flags: str
    tail: tuple[Arg, ...]
    periods: Periods | None


class CodedAccount:
    """The keys of an account's scope and the arguments of its limits."""

    __slots__ = ("counters", "fields", "keys", "leases", "lines", "records")

    def __init__(self, account: Account, prefix: str) -> None:
        scope = blake2b(account.scope.encode(), digest_size=10).hexdigest()
        self.counters, self.leases, self.records = (f"{prefix}{kind}:{scope}" for kind in "clr")
        self.keys = (self.counters, self.leases, self.records)
        seen: set[str] = set()
        lines = []
        for quota in account.quotas:
            lines.append(_line(quota, quota.id in seen))
            seen.add(quota.id)
        self.lines = tuple(lines)
        self.fields = {field_of(quota): quota.measure for quota in account.quotas if _is_counted(quota)}

    def limits(self, amounts: Charge, orphan: Charge | None, now: int) -> list[Arg]:
        """How many limits there are, and each, as `limits.lua` reads them. Raises ValueError for a negative amount."""
        args: list[Arg] = [len(self.lines)]
        for quota, head, flags, tail, periods in self.lines:
            amount = needed(quota, amounts)
            left = amount if orphan is None else orphan.get(quota.measure, amount)
            args += (*head, amount, left, flags, *tail)
            if periods is not None:
                args += periods.args(now)
        return args


class Codebook:
    """The accounts that were asked for, coded once."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._known: dict[Account, CodedAccount] = {}

    def of(self, accounts: Sequence[Account]) -> tuple[CodedAccount, ...]:
        known = self._known
        if len(known) >= MOST_CODED:
            known.clear()
        coded = []
        for account in accounts:
            found = known.get(account)
            if found is None:
                found = known[account] = CodedAccount(account, self._prefix)
            coded.append(found)
        return tuple(coded)


def field_of(quota: Quota) -> str:
    """The name of a quota's counter: short, since it is stored with every scope."""
    return blake2b(quota.id.encode(), digest_size=5).hexdigest()


def _is_counted(quota: Quota) -> bool:
    return quota.metric is not Metric.CONCURRENCY


def _line(quota: Quota, repeated: bool) -> _Line:
    grid = grid_of(quota)
    flags = ("s" if quota.shadow else "") + ("r" if repeated else "")
    match grid:
        case SlidingGrid():
            return _Line(quota, ("s", field_of(quota), quota.limit), flags, (grid.before, grid.length_ms), None)
        case CalendarGrid():
            return _Line(quota, ("c", field_of(quota), quota.limit), flags, (), Periods(grid))
        case _:
            return _Line(quota, ("l", "-", quota.limit), flags, (), None)


def is_other_calendar(reply: Sequence[int]) -> bool:
    """The store's clock lies outside the periods it was told of: ask again with those around its own time."""
    return reply[0] == _OTHER_CALENDAR


def read_states(accounts: Sequence[CodedAccount], reply: Sequence[int], step: int) -> tuple[QuotaState, ...]:
    """The states in a reply: after status and time, `step` numbers for each limit, of which two are used and reset."""
    states = []
    at = 2
    for account in accounts:
        for quota, *_ in account.lines:
            used = reply[at]
            states.append(QuotaState(quota, used, max(0, quota.limit - used), reply[at + 1]))
            at += step
    return tuple(states)


def read_waits(reply: Sequence[int]) -> list[int | None]:
    """The waits in a reply of `admit`, as `denial` wants them."""
    return [None if wait == _NEVER else UNKNOWN_MS if wait < 0 else wait for wait in reply[4:-TAIL:3]]
