"""Slots: in order, without gaps, and where the calendar of a zone says."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.quota import Metric, Period, Quota
from guardproxy.quota.grid import ENDLESS, NEVER_MS, CalendarGrid, Grid, SlidingGrid, grid_of

ZONES = ["UTC", "Europe/Zurich", "America/Sao_Paulo", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia"]
GRIDS = st.one_of(
    st.builds(SlidingGrid, st.sampled_from([1000, 7000, 60_000, 3_600_000, 86_400_000])),
    st.builds(CalendarGrid, st.sampled_from(Period), st.sampled_from(ZONES)),
)
TIMES = st.integers(0, 4 * 10**12)


@given(GRIDS, TIMES)
def test_a_time_lies_in_its_slot_and_slots_follow_each_other(grid: Grid, now: int) -> None:
    slot = grid.slot_at(now)
    begin, end = grid.begins_at(slot), grid.begins_at(slot + 1)
    assert begin <= now < end
    assert (grid.slot_at(begin), grid.slot_at(end - 1), grid.slot_at(end)) == (slot, slot, slot + 1)


@given(GRIDS, TIMES, st.integers(0, 10**10))
def test_the_slot_never_falls_as_time_rises(grid: Grid, now: int, later: int) -> None:
    assert grid.slot_at(now) <= grid.slot_at(now + later)


@given(TIMES, st.sampled_from([1000, 7000, 60_000, 86_400_000]))
def test_the_slots_that_count_reach_back_one_window_and_at_most_one_slot_more(now: int, length: int) -> None:
    grid = SlidingGrid(length)
    reach = now - grid.begins_at(grid.slot_at(now) - grid.before)
    assert length <= reach + 1
    assert reach <= length + length / grid.before


@pytest.mark.parametrize(
    ("period", "within", "begin", "end"),
    [
        (Period.DAY, (2026, 10, 25, 12), (2026, 10, 25), (2026, 10, 26)),
        (Period.WEEK, (2026, 11, 22, 23), (2026, 11, 16), (2026, 11, 23)),
        (Period.MONTH, (2028, 2, 29, 1), (2028, 2, 1), (2028, 3, 1)),
        (Period.MONTH, (2026, 12, 31, 23), (2026, 12, 1), (2027, 1, 1)),
    ],
)
def test_a_period_begins_at_midnight_of_its_zone(
    period: Period, within: tuple[int, int, int, int], begin: tuple[int, int, int], end: tuple[int, int, int]
) -> None:
    zone = ZoneInfo("Europe/Zurich")
    grid = CalendarGrid(period, "Europe/Zurich")
    slot = grid.slot_at(int(datetime(*within, tzinfo=zone).timestamp() * 1000))
    assert grid.begins_at(slot) == datetime(*begin, tzinfo=zone).timestamp() * 1000
    assert grid.begins_at(slot + 1) == datetime(*end, tzinfo=zone).timestamp() * 1000


def test_the_grid_follows_from_the_quota() -> None:
    assert grid_of(Quota(Metric.CONCURRENCY, 0, 1)) is ENDLESS
    assert isinstance(grid_of(Quota(Metric.COST, 0, 1, period=Period.DAY)), CalendarGrid)
    sliding = grid_of(Quota(Metric.TOKENS, 60, 1))
    assert isinstance(sliding, SlidingGrid)
    assert sliding.length_ms == 60_000


def test_what_has_no_end_has_one_slot() -> None:
    assert (ENDLESS.slot_at(0), ENDLESS.slot_at(10**13), ENDLESS.begins_at(1)) == (0, 0, NEVER_MS)
