from __future__ import annotations

from bench.engine.cost import Cost
from bench.engine.held import Held
from bench.engine.hostile import Attack, Ordinary, attack, summarise
from bench.engine.hostile_inputs import Input, repeated
from bench.engine.supply import Supply
from tests.bench.engine.menagerie import policy, prose

HOUR = 3600.0


def ordinary() -> Ordinary:
    costs = Ordinary(policy(), Supply([]))
    costs.streamed, costs.full, costs.whole = Cost(2, 1_000_000), Cost(1, 1_000_000), Cost(0.5, 1_000_000)
    return costs


def test_an_attack_is_read_streamed_and_whole() -> None:
    one = attack("zebras", policy(), Input("zebras", repeated("zebra1"), 600), HOUR)
    assert (one.streamed.characters, one.whole.characters) == (600, 600)


def test_it_is_read_under_the_bound_as_well() -> None:
    one = attack("zebras", policy(), Input("zebras", repeated("zebra1"), 600), HOUR)
    assert one.held is not None
    assert [(held.characters, held.refused) for held in one.held] == [(600, False), (600, False)]


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


def test_what_is_bounded_is_judged_by_what_it_costs_under_the_bound_and_told_with_what_it_would_cost() -> None:
    held = Held(0.2, 200_000, 10_000, 4, refused=True), Held(0.03, 90_000, 30_000, 4, refused=False)
    one = Attack("windows", Cost(8, 1_000_000), Cost(40, 1_000_000, steps=80_000_000), held=held)
    (figure,) = summarise([one], ordinary())
    assert (figure.median, figure.ok) == (2, True)
    assert figure.note == (
        "streamed 2.0 (refused, of 10,000 characters, 0.20 s in all), "
        "whole 1.0 (read, 30,000 characters, 0.03 s in all); "
        "WITHOUT A BOUND streamed 4.0 (8.00 µs, 1,000,000 read), "
        "whole 40.0 (40.00 µs, 1,000,000 read, 0.50 µs a step, over the default bound), 80.0 x scanned prose"
    )


def test_what_was_stopped_is_told_as_the_least_it_costs() -> None:
    one = Attack("endless", Cost(2, 1_000_000), Cost(12.0, 1_000_000, least=True))
    assert "whole over 12.0 (stopped after 12.0 s in 1,000,000 characters)" in summarise([one], ordinary())[0].note


def test_a_policy_that_is_refused_cannot_be_attacked() -> None:
    figure = summarise([Attack("greedy", refused="policy.yaml:3:4: too many positions")], ordinary())[0]
    assert (figure.ok, figure.note) == (True, "refused when loaded: policy.yaml:3:4: too many positions")
