from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import BenchError
from bench.first_token import as_json, first_tokens, render, waited
from bench.results import FLOOR, Slice

MOMENTS = [0.010, 0.020, 0.030, 0.040]


def streams(subject: str, turn: int, *arrivals: list[float]) -> Slice:
    return Slice("stream", subject, turn, 1.0, 1000, 1000, 2.0, arrivals)


@pytest.mark.parametrize(
    ("first", "chunks"), [(0.010, 0), (0.0109, 0), (0.0199, 0), (0.0201, 1), (0.0299, 1), (0.031, 2), (9.0, 3)]
)
def test_content_waited_for_the_chunks_that_came_to_the_floor_before_it(first: float, chunks: int) -> None:
    assert waited(first, MOMENTS) == chunks


@given(st.lists(st.floats(0, 10), min_size=1, max_size=6), st.floats(0, 10), st.floats(0, 10))
def test_later_content_has_never_waited_for_less(moments: list[float], first: float, later: float) -> None:
    assert waited(first, sorted(moments)) <= waited(first + later, sorted(moments))


def test_a_turn_is_held_against_the_floor_of_the_same_turn() -> None:
    slow = [moment + 1 for moment in MOMENTS]
    measured = [
        streams(FLOOR, 0, MOMENTS, MOMENTS),
        streams("mine", 0, [0.021], [0.022]),
        streams(FLOOR, 1, slow, slow),
        streams("mine", 1, [1.021], [1.022]),
    ]
    floor, mine = first_tokens(measured, {"mine": 1})
    assert (floor.chunks, floor.ok, floor.added_ms.median) == (0, None, 0)
    assert (mine.chunks, mine.ok, mine.streams) == (1, True, 4)
    assert mine.added_ms.median == pytest.approx(11.5)


def test_a_median_stream_that_waits_for_more_is_not_ok_and_stragglers_are_told() -> None:
    measured = [streams(FLOOR, 0, MOMENTS), streams("mine", 0, [0.011], [0.025], [0.041])]
    mine = first_tokens(measured, {"mine": 0})[1]
    assert (mine.chunks, mine.chunks_99, mine.ok, mine.ok_99) == (1, 3, False, False)
    assert mine.within == pytest.approx(1 / 3)
    table = render([mine])
    assert "stream, first content since the request was sent; chunks are 10 ms apart" in table
    assert table.splitlines()[-1].split()[-8:] == ["1", "<=", "0", "NO", "3", "NO", "33.3%", "3"]


def test_what_the_median_keeps_to_others_may_miss() -> None:
    measured = [streams(FLOOR, 0, MOMENTS), streams("mine", 0, [0.011], [0.012], [0.041])]
    mine = first_tokens(measured, {"mine": 1})[1]
    assert (mine.ok, mine.ok_99) == (True, False)
    assert render([mine]).splitlines()[-1].split()[-5:] == ["yes", "3", "NO", "66.7%", "3"]


def test_without_streams_there_is_nothing_to_tell_and_without_a_floor_nothing_to_compare() -> None:
    assert first_tokens([Slice("whole", FLOOR, 0, 1.0, 10, 10, 2.0)], {}) == []
    with pytest.raises(BenchError, match="without the floor"):
        first_tokens([streams("mine", 0, [0.1])], {})


def test_the_rows_can_be_read_by_a_machine() -> None:
    rows = first_tokens([streams(FLOOR, 0, MOMENTS)], {})
    assert json.loads(json.dumps(as_json(rows)))[0]["ms"]["median"] == pytest.approx(10)
