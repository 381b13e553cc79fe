from __future__ import annotations

from random import Random

import pytest

from bench.engine.hostile_inputs import (
    LONG,
    Input,
    cut_short,
    dotted,
    drawn,
    hostile_inputs,
    match_examples,
    near_misses,
    repeated,
)
from bench.engine.packs import written
from guardproxy.policyfile.load import read_policy
from tests.bench.engine.menagerie import NAMED_ANIMALS

TEMPLATES = ["zebra{digits:4}", "lion{hex:6}"]


@pytest.mark.parametrize("text", hostile_inputs(TEMPLATES), ids=lambda text: text.name)
def test_a_text_has_the_length_asked_for_and_is_made_from_its_source_alone(text: Input) -> None:
    made = text.make(Random(1), 997)
    assert len(made) == 997
    assert made == text.make(Random(1), 997)
    assert not any("\ud800" <= char <= "\udfff" for char in made)


def test_names_are_told_apart_and_runs_of_one_character_are_a_million_long() -> None:
    inputs = {text.name: text for text in hostile_inputs(TEMPLATES)}
    assert len(inputs) == len(hostile_inputs(TEMPLATES))
    assert inputs["one letter"].characters == LONG == 1_000_000


def test_near_misses_differ_from_an_example_in_at_most_one_character() -> None:
    for line in near_misses(["lion-lion"])(Random(1), 500).split("\n")[:-1]:
        assert sum(a != b for a, b in zip(line, "lion-lion", strict=True)) <= 1


def test_what_is_cut_short_are_beginnings_of_examples() -> None:
    assert set(cut_short(["abc"])(Random(1), 200).replace("abc", "").replace("ab", "")) <= {"a"}


def test_a_mark_stands_at_every_so_many_characters() -> None:
    assert dotted(repeated("ab"), "!", 3)(Random(1), 11) == "aba!bab!aba"
    assert set(drawn("xy")(Random(1), 50)) == {"x", "y"}


def test_the_examples_of_a_policy_are_those_it_must_find() -> None:
    with written(NAMED_ANIMALS) as file:
        assert match_examples(read_policy(file)) == ["zebra1234", "a zebra{digits:4}"]
