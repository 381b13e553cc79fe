from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from bench.engine.figures import Figure, Section, as_json, render
from bench.results import Spread


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_target_is_the_most_or_the_least_and_meeting_it_exactly_is_enough(value: float, target: float) -> None:
    assert Figure("a", value, "x", target).ok is (value <= target)
    assert Figure("a", value, "x", target, at_least=True).ok is (value >= target)
    assert Figure("a", value, "x").ok is None


def test_a_spread_is_judged_by_its_median() -> None:
    assert Figure("a", Spread(1.0, 0.5, 9.0), "x", 2.0).ok is True


def test_the_table_says_what_is_held_to_what_and_what_is_missed() -> None:
    missed = Figure("speed", Spread(1.2, 1.1, 1.3), "MB/s", 1.5, at_least=True, note="prose")
    section = Section("whole", "all of it", [missed, Figure("told", 12_345.678, "µs", digits=1)])
    lines = render([section]).splitlines()
    assert lines[0] == "whole: all of it"
    assert lines[2].split() == ["speed", "1.20", "(1.10-1.30)", "MB/s", ">=", "1.5", "NO", "prose"]
    assert lines[3].split() == ["told", "12,345.7", "µs"]
    assert section.missed == [missed]


def test_the_figures_can_be_read_by_a_machine() -> None:
    sections = [Section("a", "", [Figure("b", Spread(1, 0, 2), "x", 3), Figure("c", 4, "s")])]
    first, second = json.loads(json.dumps(as_json(sections)))
    assert (first["part"], first["value"]["median"], first["target"], first["ok"]) == ("a", 1, 3, True)
    assert (second["value"], second["target"], second["ok"]) == (4, None, None)
