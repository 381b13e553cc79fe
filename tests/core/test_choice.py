"""Who gets which policy, and which other one a caller may have."""

from __future__ import annotations

from guardproxy.core.choice import Choice, PolicySet
from guardproxy.core.conditions import Condition, Facts, OneOf
from guardproxy.core.policy import Policy, RequestLimits
from guardproxy.core.principal import Principal

DEFAULT, STRICT, LOOSE = (Choice(Policy(name, f"r-{name}")) for name in ("default", "strict", "loose"))
SET = PolicySet(
    "r", DEFAULT, {"default": DEFAULT, "strict": STRICT, "loose": LOOSE},
    keys={"widget": "strict"}, teams={"research": "loose"}, tighter=frozenset({("strict", "default")}),
)  # fmt: skip


def test_a_key_goes_before_its_team_and_the_team_before_the_default() -> None:
    assert SET.assigned(Principal("id", "widget", team="research")) is STRICT
    assert SET.assigned(Principal("id", "other", team="research")) is LOOSE
    assert SET.assigned(Principal("id", "other", team="sales")) is DEFAULT
    assert SET.assigned(Principal("id", "other")) is DEFAULT


def test_a_caller_may_have_its_own_policy_or_one_known_to_be_stricter() -> None:
    assert SET.asked("default", DEFAULT) is DEFAULT
    assert SET.asked("strict", DEFAULT) is STRICT
    assert SET.asked("loose", DEFAULT) is None
    assert SET.asked("default", STRICT) is None
    assert SET.asked("nosuch", DEFAULT) is None


def test_the_form_is_that_of_the_conditions_that_hold() -> None:
    gold = Condition((OneOf("team", frozenset({"gold"})),))
    form = Policy("default", "r-1", limits=RequestLimits(body_bytes=10))
    wide = Policy("default", "r", limits=RequestLimits(body_bytes=5))
    choice = Choice(wide, (gold,), {0: wide, 1: form})
    assert choice.among(Facts(team="gold")) is form
    assert choice.among(Facts(team="iron")) is wide
    assert choice.body_bytes == 10


def test_one_policy_is_everybodys() -> None:
    alone = PolicySet.of(DEFAULT.policy)
    assert alone.assigned(Principal("id", "any")).policy is DEFAULT.policy
    assert alone.revision == "r-default"
