from __future__ import annotations

import json

import pytest

from bench.engine.chunks import SIZE, STREAM, Round, event, measure_round, summarise, warm_up
from tests.bench.engine.menagerie import policy


def test_every_chunk_of_a_round_is_timed_next_to_its_event() -> None:
    one = measure_round(policy(), "zebra crossing " * (STREAM * SIZE // 10))
    assert len(one.chunks) == len(one.events) == 3 * STREAM / 2
    assert min(one.chunks) > 0
    assert one.ratio > 0


def test_warming_up_reads_the_whole_text_also_a_short_one() -> None:
    warm_up(policy(), "zebra1234")
    warm_up(policy(), "")


def test_the_event_is_a_streamed_chunk_with_its_text() -> None:
    read = json.loads(event('a "quoted" é'))
    assert read["choices"][0]["delta"]["content"] == 'a "quoted" é'
    assert read["object"] == "chat.completion.chunk"


def test_the_ratio_is_taken_within_a_round_so_that_a_slow_minute_does_not_count() -> None:
    rounds = [Round([5, 6, 7], [12, 12, 12], 8), Round([5, 6, 7], [12, 12, 12], 8), Round([50, 60, 70], [120] * 3, 80)]
    figures = {figure.name: figure for figure in summarise(rounds)}
    assert figures["chunk"].median == 6
    assert figures["chunk / event"].median == pytest.approx(0.5)
    assert figures["chunk, mean"].median == 8
    assert figures["chunk, slowest"].median == 70
    assert [figure.ok for figure in figures.values()] == [True, True, None, None, None, None]
