from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.engine.holdback import Waiting, mean, quantile, summarise, token_sized, watch
from tests.bench.engine.menagerie import policy

COUNTS = st.dictionaries(st.integers(0, 30), st.integers(1, 50), min_size=1, max_size=10).map(Counter)


def waiting(*chunks: str) -> Waiting:
    seen = Waiting()
    watch(policy(), chunks, seen)
    return seen


def test_text_that_cannot_be_found_leaves_at_once() -> None:
    assert waiting("plain", " text") == Waiting(Counter({0: 2}), Counter({0: 10}))


def test_a_beginning_waits_until_it_is_known_to_be_nothing() -> None:
    # "zeb" comes in the first chunk and leaves with the third; " a" in front of it does not wait.
    assert waiting(" azeb", "ra", "!") == Waiting(Counter({3: 1, 5: 1, 0: 1}), Counter({0: 3, 1: 2, 2: 3}))


def test_what_is_hidden_has_left_when_its_placeholder_has() -> None:
    assert waiting("zebra12", "34") == Waiting(Counter({7: 1, 0: 1}), Counter({1: 7, 0: 2}))


def test_what_still_waits_at_the_end_leaves_with_the_event_behind_the_last_chunk() -> None:
    assert waiting("zeb") == Waiting(Counter({3: 1}), Counter({1: 3}))


@given(st.lists(st.text(st.sampled_from("zebra12 "), min_size=1, max_size=6), min_size=1, max_size=12))
def test_every_character_is_counted_once_and_every_chunk(chunks: list[str]) -> None:
    seen = waiting(*chunks)
    assert seen.delays.total() == sum(map(len, chunks))
    assert seen.held.total() == len(chunks)
    assert min(seen.delays) >= 0
    assert max(seen.delays) <= len(chunks)


@given(st.text(max_size=100), st.integers())
def test_chunks_have_four_or_five_characters(text: str, seed: int) -> None:
    chunks = list(token_sized(text, Random(seed)))
    assert "".join(chunks) == text
    assert all(len(chunk) in (4, 5) for chunk in chunks[:-1])


@given(COUNTS, st.floats(0.01, 1))
def test_a_quantile_is_the_least_value_that_so_many_do_not_exceed(counts: Counter[int], share: float) -> None:
    value = quantile(counts, share)
    values = sorted(counts.elements())
    assert sum(other <= value for other in values) >= share * len(values)
    assert sum(other < value for other in values) < share * len(values)
    assert mean(counts) == pytest.approx(sum(values) / len(values))


def test_only_mean_and_99_of_100_of_the_delay_have_targets() -> None:
    figures = summarise(Waiting(Counter({0: 9, 50: 1}), Counter({0: 98, 7: 2})))
    assert {figure.name: figure.ok for figure in figures if figure.ok is not None} == {
        "delay of a character, mean": True,
        "delay of a character, 99 of 100": False,
    }
