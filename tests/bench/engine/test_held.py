from __future__ import annotations

import pytest

from bench.engine.held import Held, held_streamed, held_whole
from bench.engine.packs import loaded, uncapped
from guardproxy.core.allowance import FREE
from guardproxy.core.policy import MATCHING_WORK_PER_CHARACTER
from tests.bench.engine.menagerie import ZEBRAS_IN_A_WINDOW, dear_text, policy

HOUR = 3600.0
DEAR = dear_text(24_000)


def test_what_costs_little_is_read_to_its_end() -> None:
    for held in (held_streamed(policy(), "zebra1234 " * 100, HOUR), held_whole(policy(), "zebra1234 " * 100)):
        assert (held.characters, held.refused) == (1000, False)
        assert 0 < held.steps < FREE


def test_what_costs_too_much_is_refused() -> None:
    streamed, whole = (
        held_streamed(loaded(ZEBRAS_IN_A_WINDOW), DEAR, HOUR),
        held_whole(loaded(ZEBRAS_IN_A_WINDOW), DEAR),
    )
    assert streamed.refused
    assert streamed.characters < len(DEAR) / 2
    assert whole.refused
    assert whole.characters == len(DEAR)
    for held in (streamed, whole):
        assert FREE + MATCHING_WORK_PER_CHARACTER * held.characters < held.steps


def test_a_policy_without_a_bound_refuses_nothing() -> None:
    held = held_streamed(uncapped(loaded(ZEBRAS_IN_A_WINDOW)), DEAR, HOUR)
    assert (held.refused, held.characters, held.per_character) == (False, len(DEAR), None)
    assert held.us == pytest.approx(held.seconds * 1e6 / held.characters)


def test_when_its_time_is_over_it_was_read_so_far() -> None:
    assert held_streamed(policy(), "zebra" * 1000, -1.0).characters == 12


def test_of_what_a_character_costs_only_what_characters_allow_counts() -> None:
    assert Held(1.0, 400_000, 50_000, 4, refused=True).us == pytest.approx(10)
    assert Held(1.0, 200_000, 50_000, 4, refused=False).us == pytest.approx(20)
    assert Held(1.0, 0, 50_000, 4, refused=False).us == pytest.approx(20)
    assert Held(1.0, 400_000, 50_000, 4, refused=True).told == "refused, of 50,000 characters, 1.00 s in all"
    assert Held(1.0, 0, 50_000, 4, refused=False).told == "read, 50,000 characters, 1.00 s in all"
