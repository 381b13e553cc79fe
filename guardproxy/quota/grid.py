"""How time is cut into slots.

A sliding window is cut into equal parts of its length, counted from the epoch: what happens at `now` belongs to slot
`now * parts // length`. What counts at a moment is the current slot and those `before` it. They reach back at least the
length and at most one part more, so if they never hold more than a limit, no real window of that length ever does; the
price is that capacity comes back up to one slot late. A token bucket is cheaper but cannot take back an over-estimate
without creating capacity; a fixed window admits twice the limit at its edge.

A calendar period is one slot by itself, beginning at midnight of its zone; the one before is `kept`, so that an
exchange that ends after midnight is still settled where it was charged. What only runs, and uses up nothing, is counted
in one slot that never ends.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from guardproxy.core.quota import Metric, Period, Quota

PARTS: Final = 6
PARTS_OF_A_DAY: Final = 8
DAY_S: Final = 86_400
NEVER_MS: Final = 2**53
"""Later than any time."""


class Grid(Protocol):
    """`before`: how many slots count beside the current one; `kept`: for how many an account has room."""

    @property
    def before(self) -> int: ...

    @property
    def kept(self) -> int: ...

    def slot_at(self, now: int) -> int:
        """The slot of a time in epoch milliseconds. Never falls as time rises."""

    def begins_at(self, slot: int) -> int:
        """The first millisecond of a slot."""


class SlidingGrid:
    """Equal parts of a window of `length_ms`."""

    __slots__ = ("before", "kept", "length_ms")

    def __init__(self, length_ms: int) -> None:
        self.length_ms = length_ms
        self.before = PARTS_OF_A_DAY if length_ms >= DAY_S * 1000 else PARTS
        self.kept = self.before + 1

    def slot_at(self, now: int) -> int:
        return now * self.before // self.length_ms

    def begins_at(self, slot: int) -> int:
        return -(-slot * self.length_ms // self.before)


class CalendarGrid:
    """Days, weeks or months of a time zone, numbered from the year 1. Raises KeyError for a zone nobody knows."""

    __slots__ = ("_period", "_zone", "before", "kept")

    def __init__(self, period: Period, zone: str) -> None:
        self._period = period
        self._zone = ZoneInfo(zone)
        self.before = 0
        self.kept = 2

    def slot_at(self, now: int) -> int:
        slot = _number(self._period, datetime.fromtimestamp(now / 1000, self._zone).date())
        # Where the clocks go back over midnight a date comes twice: its second time belongs to the day after.
        if now >= self.begins_at(slot + 1):
            return slot + 1
        return slot if now >= self.begins_at(slot) else slot - 1

    def begins_at(self, slot: int) -> int:
        first = _first_day(self._period, slot)
        return int(datetime(first.year, first.month, first.day, tzinfo=self._zone).timestamp() * 1000)


class EndlessGrid:
    """One slot for ever."""

    __slots__ = ()
    before: Final = 0
    kept: Final = 1

    def slot_at(self, now: int) -> int:
        return 0

    def begins_at(self, slot: int) -> int:
        return NEVER_MS if slot > 0 else 0


ENDLESS: Final = EndlessGrid()


def grid_of(quota: Quota) -> Grid:
    """How the time of a quota is cut."""
    if quota.metric is Metric.CONCURRENCY:
        return ENDLESS
    return _calendar(quota.period, quota.zone) if quota.period else _sliding(quota.window_s)


@lru_cache(256)
def _sliding(window_s: int) -> SlidingGrid:
    return SlidingGrid(window_s * 1000)


@lru_cache(256)
def _calendar(period: Period, zone: str) -> CalendarGrid:
    return CalendarGrid(period, zone)


def _number(period: Period, day: date) -> int:
    match period:
        case Period.DAY:
            return day.toordinal()
        case Period.WEEK:
            return (day.toordinal() - 1) // 7  # the first day of the year 1 is a Monday
        case Period.MONTH:
            return day.year * 12 + day.month - 1


def _first_day(period: Period, number: int) -> date:
    match period:
        case Period.DAY:
            return date.fromordinal(number)
        case Period.WEEK:
            return date.fromordinal(1) + timedelta(weeks=number)
        case Period.MONTH:
            return date(number // 12, number % 12 + 1, 1)
