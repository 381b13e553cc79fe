"""What was written becomes a condition, or is told with its place."""

from __future__ import annotations

import pytest

from guardproxy.core.conditions import Facts
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.condition_schema import WrittenCondition
from guardproxy.policyfile.conditions import compile_condition


def at(*steps: object) -> str:
    return "p.yaml:1:" + str(1 + len(steps))


def test_every_fact_that_is_named_has_to_hold() -> None:
    written = WrittenCondition(team=("a", "b"), metadata={"tier": ("gold",)})
    condition = compile_condition(written, at)
    assert condition.holds(Facts(team="b", metadata={"tier": "gold"}))
    assert not condition.holds(Facts(team="b"))


def test_a_surface_there_is_not_is_told_with_the_nearest_one() -> None:
    with pytest.raises(ConfigurationError, match=r"p\.yaml:1:2: unknown surface 'chat'"):
        compile_condition(WrittenCondition(surface=("chat",)), at)
    with pytest.raises(ConfigurationError, match="at least one fact"):
        compile_condition(WrittenCondition(), at)
