"""The bench of token counts tells how near they are and what they cost."""

from __future__ import annotations

import json

import pytest

from bench.tokens import HOSTILE, Cost, Nearness, main, nearness, render
from guardproxy.quota.tokenizer import EstimatingTokenizer


def test_a_small_run_gives_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--installed", "0.05", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["near"]) == {
        f"{way}, {kind}" for way in ("estimate", "tiktoken") for kind in ("pieces", "long texts")
    }
    assert len(told["cost"]) == 2 * len(HOSTILE)
    assert told["near"]["tiktoken, pieces"]["share"] == 1.0
    assert all(cost["count_ms"] > 0 for cost in told["cost"].values())


def test_near_is_within_a_tenth() -> None:
    text = "some ordinary words of a text"
    count = EstimatingTokenizer().count("m", [text])
    assert nearness(EstimatingTokenizer(), [text] * 4, [count, count, count * 2, count * 3]).share == 0.5


def test_figures_stand_in_a_table() -> None:
    table = render({"a way": Nearness(7, 0.5, 0.01)}, {"another": Cost(1.5, 2.5)})
    assert "50.0%" in table
    assert "2.50" in table
