"""The bench of a candidate runs, and says what it costs beside what two equal proxies differ by."""

from __future__ import annotations

import pytest

from bench import candidate
from bench.candidate import CONTROL, GOAL, WITH, WITHOUT, Turn, costs, measure, render

FAST = [0.001 * number for number in range(1, 101)]


def turn(subject: str, factor: float, start: int = 0, cpu: float = 100.0) -> Turn:
    return Turn(start, "paced", subject, [factor * time for time in FAST], cpu)


def test_each_figure_is_held_against_the_proxy_without_a_candidate() -> None:
    found = costs([turn(WITHOUT, 1), turn(WITH, 1.02, cpu=110), turn(CONTROL, 1)])
    figures = {(cost.subject, cost.figure): cost for cost in found}
    assert figures[WITHOUT, "p50"].value == pytest.approx(50.5)
    assert figures[WITHOUT, "p99"].value == pytest.approx(99.01)
    assert figures[WITH, "p50"].ratio.median == figures[WITH, "p99"].ratio.median == pytest.approx(1.02)
    assert figures[WITH, "cpu"].value == 110
    assert figures[WITH, "cpu"].ratio.median == pytest.approx(1.1)
    assert [cost.ok for cost in found] == [None] * 3 + [True, True, None] + [None] * 3


def test_the_ratio_is_of_all_starts_and_the_spread_of_single_ones() -> None:
    turns = [turn(name, factor, start) for start in (0, 1) for name, factor in ((WITHOUT, 1), (WITH, 1 + start / 10))]
    [cost] = [cost for cost in costs(turns) if (cost.subject, cost.figure) == (WITH, "p50")]
    assert cost.ratio.low == pytest.approx(1)
    assert cost.ratio.high == pytest.approx(1.1)
    assert cost.ratio.low < cost.ratio.median < cost.ratio.high


def test_one_bad_moment_of_the_machine_spoils_a_turn_and_not_the_figure() -> None:
    turns = [turn(WITHOUT, 1), turn(WITHOUT, 1), turn(WITHOUT, 1), turn(WITH, 1), turn(WITH, 50), turn(WITH, 1)]
    [cost] = [cost for cost in costs(turns) if (cost.subject, cost.figure) == (WITH, "p99")]
    assert cost.ratio.median == pytest.approx(1)


def test_a_goal_that_is_missed_is_said_to_be() -> None:
    slow = render(costs([turn(WITHOUT, 1), turn(WITH, GOAL + 0.01)]), 3)
    assert slow.count("missed") == 2
    assert "3 exchanges were compared" in slow
    assert "missed" not in render(costs([turn(WITHOUT, 1), turn(WITH, 1)]), 3)


def test_a_small_run_asks_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidate, "REST_S", 0.0)
    said: list[str] = []
    found, _ = measure(1, 1, 0.5, ["paced"], said.append)
    assert [(cost.subject, cost.figure) for cost in found] == [
        (subject, figure) for subject in (WITHOUT, WITH, CONTROL) for figure in ("p50", "p99", "cpu")
    ]
    assert all(cost.value > 0 for cost in found)
    assert said[-1] == "start 1 of 1, round 1 of 1 is over"
