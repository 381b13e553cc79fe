from __future__ import annotations

import pytest

from bench.engine.cost import Cost, OutOfTime, stopped_after, streamed, whole
from bench.engine.packs import loaded
from guardproxy.core.allowance import FREE
from tests.bench.engine.menagerie import ZEBRAS_IN_A_WINDOW, dear_text, policy

HOUR = 3600.0


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


def test_the_steps_of_work_are_counted_and_no_bound_ends_it() -> None:
    dear = loaded(ZEBRAS_IN_A_WINDOW)
    text = dear_text(12_000)
    for cost in (streamed(dear, text, HOUR), whole(dear, text, HOUR)):
        assert cost.characters == len(text)
        assert cost.steps > FREE + 3 * len(text)
        assert cost.over_the_bound
        assert cost.us_a_step == pytest.approx(cost.us * cost.characters / cost.steps)


def test_where_steps_are_few_reading_is_what_takes_the_time() -> None:
    assert Cost(1, 100, steps=100).us_a_step is None
    assert Cost(1, 100, steps=200).us_a_step == 5_000
    assert not Cost(1, 100, steps=FREE + 300).over_the_bound
    assert Cost(1, 100, steps=FREE + 301).over_the_bound
