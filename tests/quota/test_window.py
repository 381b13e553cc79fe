"""A window against a plain list of what was charged when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.quota import Period
from guardproxy.quota.grid import ENDLESS, PARTS, CalendarGrid, SlidingGrid
from guardproxy.quota.window import Window

SLOTS, RING = PARTS, PARTS + 1

LENGTHS = st.sampled_from([1000, 2000, 60_000, 3_600_000])
HISTORIES = st.lists(st.tuples(st.integers(0, 900), st.integers(0, 50)), max_size=30)


def charged(length: int, history: list[tuple[int, int]], start: int) -> tuple[Window, list[tuple[int, int]], int]:
    """A window after the history (pauses in thousandths of its length, amounts), the log of it, and the time."""
    now = start
    window, log = Window(SlidingGrid(length), now), []
    for pause, amount in history:
        now += pause * length // 1000
        window.advance(now)
        window.correct(window.newest, amount)
        log.append((now, amount))
    return window, log, now


def counted(log: list[tuple[int, int]], length: int, now: int) -> int:
    return sum(amount for at, amount in log if at * SLOTS // length >= now * SLOTS // length - SLOTS)


@given(LENGTHS, HISTORIES, st.integers(0, 10**13))
def test_the_total_covers_at_least_one_length_and_at_most_one_slot_more(
    length: int, history: list[tuple[int, int]], start: int
) -> None:
    window, log, now = charged(length, history, start)
    assert window.total == sum(window.ring) == counted(log, length, now)
    assert sum(amount for at, amount in log if at >= now - length) <= window.total
    assert window.total <= sum(amount for at, amount in log if at > now - length - length / SLOTS)


@given(LENGTHS, HISTORIES, st.integers(0, 10**13), st.data())
def test_the_moment_at_which_an_excess_has_left_is_exact(
    length: int, history: list[tuple[int, int]], start: int, data: st.DataObject
) -> None:
    window, log, now = charged(length, history, start)
    if window.total:
        excess = data.draw(st.integers(1, window.total))
        moment = window.fits_at(excess)
        assert moment > now
        assert window.total - counted(log, length, moment) >= excess
        assert window.total - counted(log, length, moment - 1) < excess


@given(LENGTHS, HISTORIES, st.integers(0, 10**13))
def test_nothing_is_used_from_exactly_the_moment_it_says(
    length: int, history: list[tuple[int, int]], start: int
) -> None:
    window, log, _ = charged(length, history, start)
    if window.total:
        moment = window.unused_at()
        assert counted(log, length, moment) == 0
        assert counted(log, length, moment - 1) > 0


@given(LENGTHS, st.integers(0, 10**13))
def test_the_slot_passes_and_empties_at_the_first_millisecond_of_another(length: int, now: int) -> None:
    window = Window(SlidingGrid(length), now)
    assert (window.passes_at - 1) * SLOTS // length == window.newest == window.passes_at * SLOTS // length - 1
    assert (window.empties_at - 1) * SLOTS // length == window.newest + SLOTS
    assert window.empties_at * SLOTS // length == window.newest + RING


@given(st.integers(0, 10**6), st.integers(0, RING + 2))
def test_a_correction_counts_exactly_as_long_as_its_slot(slot: int, later: int) -> None:
    window = Window(SlidingGrid(6000), slot * 1000)
    window.correct(slot, 7)
    window.advance((slot + later) * 1000)
    window.correct(slot, -2)
    assert window.total == (5 if later <= SLOTS else 0)


def test_correcting_a_slot_that_has_left_changes_nothing() -> None:
    window = Window(SlidingGrid(6000), 0)
    window.correct(0, 7)
    window.advance(7000)
    window.correct(0, 5)
    assert (window.total, window.ring) == (0, [0] * RING)


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 50)), max_size=30))
def test_of_a_calendar_only_the_current_period_counts_and_the_last_can_still_be_corrected(
    history: list[tuple[int, int]],
) -> None:
    now = 1_772_366_400_000
    grid = CalendarGrid(Period.DAY, "America/New_York")
    window, log = Window(grid, now), []
    for hours, amount in history:
        now += hours * 3_600_000
        window.advance(now)
        window.correct(window.newest, amount)
        window.correct(window.newest - 1, 3)
        log.append((grid.slot_at(now), amount))
    assert window.total == sum(amount for slot, amount in log if slot == grid.slot_at(now))


def test_what_runs_counts_until_it_is_taken_back() -> None:
    window = Window(ENDLESS, 5)
    window.correct(0, 1)
    window.advance(10**13)
    assert window.total == 1
    window.correct(0, -1)
    assert window.total == 0
