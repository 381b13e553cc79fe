"""The bench of the store runs, and says whether its goals are met."""

from __future__ import annotations

import asyncio

import pytest

from bench.quota import report, run


@pytest.mark.parametrize("kind", ["redis", "valkey"])
def test_a_small_run_gives_every_figure(kind: str) -> None:
    found = asyncio.run(run(kind, 20, 50))
    assert all(value > 0 for value in found.values())
    assert 2 <= found["scripts_per_request"] <= 2.1  # one to admit, one to settle; the first has to be brought
    lines = "\n".join(report(kind, found, 50))
    assert kind in lines
    assert "goal" in lines


def test_a_goal_that_is_missed_is_said_to_be() -> None:
    figures = {f"{what}_{part}_us": 100.0 for what in ("get", "admit", "proxy") for part in ("p50", "p99")}
    good = {**figures, "cpu_us": 100.0, "bytes_per_key": 500.0}
    assert "missed" not in "\n".join(report("redis", good, 1000))
    bad = {**good, "admit_p99_us": 400.0, "cpu_us": 300.0, "bytes_per_key": 2000.0}
    assert "\n".join(report("redis", bad, 1000)).count("missed") == 3
