from __future__ import annotations

import json

import pytest

from bench.__main__ import EXCEEDED, exit_code, main
from bench.results import FLOOR, Slice, summarise


def test_the_floor_against_itself_is_measured_and_reported(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--subjects", "control", "--only", "whole", "--rounds", "1", "--seconds", "0.8", "--json"]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    floor, control = json.loads(printed.out)["results"]
    assert (floor["subject"], control["subject"]) == (FLOOR, "control")
    assert floor["ratio"]["median"] == 1
    assert control["cpu_us"]["median"] > 0
    assert "round 1/1" in printed.err


def test_an_exceeded_target_fails_a_check_and_only_a_check() -> None:
    slices = [Slice("whole", FLOOR, 0, 0.1, 1000, 1000, 1.0), Slice("whole", "mine", 0, 0.2, 1000, 1000, 1.0)]
    over, within = summarise(slices, {"mine": 1.3}), summarise(slices, {"mine": 2.0})
    assert [exit_code(rows, check=True) for rows in (over, within)] == [EXCEEDED, 0]
    assert exit_code(over, check=False) == 0


@pytest.mark.parametrize(
    "arguments", [["--only", "nonsense"], ["--subjects", "nobody"], ["--rounds", "0"], ["--seconds", "0"]]
)
def test_wrong_arguments_are_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "error:" in capsys.readouterr().err
