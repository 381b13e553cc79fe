"""One scope of the ledger in memory: its windows, and the limits that are asked of them."""

from __future__ import annotations

from typing import Final, NamedTuple

from guardproxy.core.quota import Metric, Quota
from guardproxy.quota.grid import grid_of
from guardproxy.quota.model import Account
from guardproxy.quota.window import Window

PLANS_PER_SCOPE: Final = 64


class Limit(NamedTuple):
    """One quota of a scope, with its window at hand. `repeated`: another quota of the account charges the window."""

    window: Window
    quota: Quota
    measure: str
    most: int
    running: bool
    repeated: bool
    shadow: bool


class Scope:
    """The windows of one scope, and the limits of the accounts last asked for (the same until a policy changes)."""

    __slots__ = ("limits", "windows")

    def __init__(self) -> None:
        self.windows: dict[str, Window] = {}
        self.limits: dict[Account, tuple[Limit, ...]] = {}

    def limits_for(self, account: Account, now: int) -> tuple[Limit, ...]:
        limits: list[Limit] = []
        seen: set[str] = set()
        for quota in account.quotas:
            window = self.windows.get(quota.id)
            if window is None:
                window = self.windows[quota.id] = Window(grid_of(quota), now)
            running = quota.metric is Metric.CONCURRENCY
            repeated = quota.id in seen
            limits.append(Limit(window, quota, quota.measure, quota.limit, running, repeated, quota.shadow))
            seen.add(quota.id)
        if len(self.limits) >= PLANS_PER_SCOPE:
            self.limits.clear()
        self.limits[account] = made = tuple(limits)
        return made

    def forget_past(self, now: int) -> bool:
        """Drop windows whose charges have all slid out; True if none is left."""
        kept = {name: window for name, window in self.windows.items() if not _is_past(window, now)}
        if len(kept) != len(self.windows):
            self.windows = kept
            self.limits.clear()
        return not kept


def _is_past(window: Window, now: int) -> bool:
    return now >= window.empties_at or (window.kept == 1 and not window.total)
