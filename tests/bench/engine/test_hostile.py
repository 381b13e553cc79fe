from __future__ import annotations

import pytest

from bench.engine.hostile import Attack, Cost, Ordinary, OutOfTime, attack, stopped_after, streamed, summarise, whole
from bench.engine.hostile_inputs import Input, repeated
from bench.engine.supply import Supply
from tests.bench.engine.menagerie import policy, prose

HOUR = 3600.0


def ordinary() -> Ordinary:
    costs = Ordinary(policy(), Supply([]))
    costs.streamed, costs.full, costs.whole = Cost(2, 1_000_000), Cost(1, 1_000_000), Cost(0.5, 1_000_000)
    return costs


def test_with_time_enough_all_of_a_text_is_read() -> None:
    assert streamed(policy(), "zebra" * 1000, HOUR).characters == 5000
    assert whole(policy(), "zebra" * 1000, HOUR).characters == 5000
    assert whole(policy(), "z", HOUR).characters == 1


def test_without_time_some_of_it_is_read_all_the_same() -> None:
    assert streamed(policy(), "zebra" * 1000, 0.0).characters == 12
    assert whole(policy(), "zebra" * 1000, 0.0).characters == 256


def test_what_never_ends_is_stopped() -> None:
    with pytest.raises(OutOfTime), stopped_after(0.01):
        while True:
            pass


def test_what_ends_in_time_is_not_stopped() -> None:
    with stopped_after(HOUR):
        pass


def test_an_attack_is_read_streamed_and_whole() -> None:
    one = attack("zebras", policy(), Input("zebras", repeated("zebra1"), 600), HOUR)
    assert (one.streamed.characters, one.whole.characters) == (600, 600)


def test_prose_is_read_once_streamed_and_once_whole_and_added_up() -> None:
    costs = Ordinary(policy(), Supply(prose(10)))
    costs.read()
    costs.read()
    assert costs.streamed.characters == costs.full.characters == costs.whole.characters == 6_000


def test_an_attack_is_judged_by_the_worse_of_its_two_ratios_and_the_dearest_comes_first() -> None:
    attacks = [
        Attack("cheap", Cost(2, 1_000_000), Cost(1, 1_000_000)),
        Attack("dear when whole", Cost(20, 1_000_000), Cost(11, 1_000_000)),
    ]
    dear, cheap = summarise(attacks, ordinary())
    assert (dear.name, dear.median, dear.ok) == ("dear when whole", 11, False)
    assert (cheap.name, cheap.median, cheap.ok) == ("cheap", 1, True)
    read = "1,000,000 read"
    assert dear.note == f"streamed 10.0 (20.00 µs, {read}), whole 11.0 (11.00 µs, {read}), 22.0 x scanned prose"


def test_what_was_stopped_is_told_as_the_least_it_costs() -> None:
    one = Attack("endless", Cost(2, 1_000_000), Cost(12.0, 1_000_000, least=True))
    assert "whole over 12.0 (stopped after 12.0 s in 1,000,000 characters)" in summarise([one], ordinary())[0].note


def test_a_policy_that_is_refused_cannot_be_attacked() -> None:
    figure = summarise([Attack("greedy", refused="policy.yaml:3:4: too many positions")], ordinary())[0]
    assert (figure.ok, figure.note) == (True, "refused when loaded: policy.yaml:3:4: too many positions")
