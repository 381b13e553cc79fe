from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from bench import BenchError
from bench.engine.footprint import (
    Footprint,
    attack,
    highest_mb,
    look,
    measure_in_a_process,
    resident_mb,
    summarise,
    use,
)
from bench.engine.packs import written
from tests.bench.engine.menagerie import NAMED_ANIMALS, policy


def test_memory_that_is_held_is_counted() -> None:
    before = resident_mb()
    held = bytearray(b"x") * 50_000_000
    assert resident_mb() - before > 40
    assert highest_mb() > before + 40
    assert len(held) == 50_000_000


def test_a_process_of_its_own_says_how_long_loading_takes() -> None:
    with written(NAMED_ANIMALS) as file:
        there = measure_in_a_process(file)
        here = look(file, None)
    for footprint in (there, here):
        assert footprint.read_s > 0
        assert footprint.compile_s > 0
        assert footprint.before_mb is None


def test_a_process_that_fails_is_an_error_with_what_it_printed(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="cannot be read"):
        measure_in_a_process(tmp_path / "none.yaml")


def test_texts_are_used_and_attacks_are_read(tmp_path: Path) -> None:
    texts = tmp_path / "texts.jsonl"
    texts.write_text(json.dumps("a zebra1234\n\u2028é") + "\n" + json.dumps("plain") + "\n", encoding="utf-8")
    use(policy(), texts)
    attack(policy(), ["zebra{digits:4}"], "first", characters=100)


def test_memory_is_told_beyond_what_was_there_before_and_growth_beyond_the_first_helping() -> None:
    first = Footprint(0.1, 1.0, 50, 70, 90, 115, 121, 7, 130)
    figures = {figure.name.strip(): figure for figure in summarise([first, Footprint(0.1, 1.2), Footprint(0.1, 2.0)])}
    told = {name: (round(figure.median, 6), figure.ok) for name, figure in figures.items()}
    assert told == {
        "load: read and compile": (1.3, True),
        "read": (0.1, None),
        "compile": (1.2, None),
        "resident, loaded": (20, None),
        "resident, used": (40, True),
        "resident, after hostile text": (65, False),
        "what as much again adds": (6, False),
        "what the dearest hostile policy adds": (7, True),
        "highest ever, hostile text included": (80, None),
    }


def test_without_memory_only_the_load_is_told() -> None:
    assert len(summarise([Footprint(0.1, 1.0)])) == 3
    assert asdict(Footprint(0.1, 1.0))["before_mb"] is None
