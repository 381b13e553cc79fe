from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import BenchError
from bench.results import FLOOR, Slice, Spread, as_json, render, summarise

TIMES = st.lists(st.floats(0.01, 10), min_size=1, max_size=9)


def slices(scenario: str, subject: str, cpu_s: list[float], reads: int = 1000) -> list[Slice]:
    return [Slice(scenario, subject, turn, used, 1000, reads, 2.0) for turn, used in enumerate(cpu_s)]


def test_a_ratio_is_taken_within_a_turn_so_that_a_slow_minute_does_not_count() -> None:
    measured = slices("whole", FLOOR, [0.1, 0.1, 0.9]) + slices("whole", "mine", [0.12, 0.12, 1.08])
    row = summarise(measured, {"mine": 1.3})[1]
    assert row.ratio.median == pytest.approx(1.2)
    assert row.ratio.high == pytest.approx(1.2)
    assert row.cpu_us.median == pytest.approx(120)
    assert row.ok is True


def test_a_median_above_the_target_is_not_ok() -> None:
    measured = slices("whole", FLOOR, [0.1]) + slices("whole", "mine", [0.2])
    assert [row.ok for row in summarise(measured, {"mine": 1.3})] == [None, False]


def test_a_load_that_is_not_judged_has_no_target() -> None:
    measured = slices("whole32k", FLOOR, [0.1]) + slices("whole32k", "mine", [0.9])
    assert summarise(measured, {"mine": 1.3})[1].ok is None


def test_a_slice_too_short_for_the_clock_is_an_error() -> None:
    with pytest.raises(BenchError, match="--seconds"):
        summarise(slices("whole", FLOOR, [0.0]), {})


@given(TIMES)
def test_the_floor_is_always_once_the_floor(times: list[float]) -> None:
    assert summarise(slices("whole", FLOOR, times), {})[0].ratio == Spread(1, 1, 1)


@given(TIMES)
def test_the_middle_half_holds_the_median(times: list[float]) -> None:
    spread = Spread.of(times)
    assert min(times) <= spread.low <= spread.median <= spread.high <= max(times)


def test_the_table_names_what_was_measured_and_what_is_not_ok() -> None:
    measured = slices("stream", FLOOR, [0.05]) + slices("stream", "mine", [0.1])
    table = render(summarise(measured, {"mine": 1.3}))
    assert "stream, per chunk" in table
    assert "2.00 (2.00-2.00)" in table
    assert "<= 1.3" in table
    assert "NO" in table
    assert "note" not in table


def test_a_subject_that_joins_chunks_is_pointed_out() -> None:
    measured = slices("stream", FLOOR, [0.05]) + slices("stream", "mine", [0.05], reads=500)
    assert "mine did not send chunks singly (2.0 a read)" in render(summarise(measured, {}))


def test_the_rows_can_be_read_by_a_machine() -> None:
    measured = slices("whole", FLOOR, [0.1]) + slices("whole", "mine", [0.2])
    floor, mine = json.loads(json.dumps(as_json(summarise(measured, {"mine": 2.0}))))
    assert floor["ok"] is None
    assert mine["ratio"]["median"] == 2.0
    assert mine["unit"] == "request"
    assert mine["ok"] is True
