from __future__ import annotations

import json

import pytest

from bench.__main__ import MISSED, exit_code, main, missed_figures, missed_loads
from bench.engine.figures import Figure, Section
from bench.first_token import first_tokens
from bench.results import FLOOR, Slice, summarise


def test_the_floor_against_itself_is_measured_and_reported(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["load", "--subjects", "control", "--only", "whole", "--rounds", "1", "--seconds", "0.8", "--json"]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    floor, control = json.loads(printed.out)["results"]
    assert (floor["subject"], control["subject"]) == (FLOOR, "control")
    assert floor["ratio"]["median"] == 1
    assert control["cpu_us"]["median"] > 0
    assert "round 1/1" in printed.err


def test_an_exceeded_target_fails_a_check_and_only_a_check() -> None:
    slices = [Slice("whole", FLOOR, 0, 0.1, 1000, 1000, 1.0), Slice("whole", "mine", 0, 0.2, 1000, 1000, 1.0)]
    over, within = (missed_loads(summarise(slices, {"mine": target}), []) for target in (1.3, 2.0))
    assert over == ["whole: mine is at 2.00x the floor, its target is 1.3x"]
    assert [exit_code(missed, check=True) for missed in (over, within)] == [MISSED, 0]
    assert exit_code(over, check=False) == 0


def test_first_content_that_comes_late_is_named() -> None:
    floor = Slice("stream", FLOOR, 0, 0.1, 200, 200, 2.0, [[0.01, 0.02, 0.03]])
    late = Slice("stream", "mine", 0, 0.1, 200, 200, 2.0, [[0.035]])
    missed = missed_loads([], first_tokens([floor, late], {"mine": 1}))
    assert missed == ["stream: the first content of mine waits for 2 chunks in the median stream, its target is 1"]


def test_a_figure_that_misses_its_target_is_named() -> None:
    figures = [Figure("slow", 0.5, "MB/s", 1.5, at_least=True), Figure("fast", 2, "MB/s", 1.5, at_least=True)]
    assert missed_figures([Section("whole", "", figures)]) == ["whole: slow is at 0.50 MB/s, its target is >= 1.5"]


def test_the_engine_prints_its_figures_for_a_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engine", "--parts", "hold-back", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["engine"]
    assert {figure["part"] for figure in told} == {"hold-back"}
    assert {"delay of a character, mean", "held behind a chunk, mean"} < {figure["figure"] for figure in told}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--only", "nonsense"],
        ["--subjects", "nobody"],
        ["--rounds", "0"],
        ["--seconds", "0"],
        ["engine", "--parts", "all"],
    ],
)
def test_wrong_arguments_are_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "error:" in capsys.readouterr().err
