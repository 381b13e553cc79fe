"""The bench of the shipped policies measures what they do, and a policy that does nothing costs least."""

from __future__ import annotations

from bench.policies import cost
from guardproxy.core.policy import Policy
from tests.support.policies import SMALL


def test_every_figure_is_one() -> None:
    one = cost(SMALL, rounds=1)
    assert one.request_us > 0
    assert one.answer_us > 0
    assert one.piece_us > 0
    assert one.waits >= 0


def test_a_policy_without_rules_holds_nothing_back() -> None:
    assert cost(Policy("none", "r"), rounds=1).waits == 0
