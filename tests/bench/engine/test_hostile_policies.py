from __future__ import annotations

from random import Random

import pytest

from bench.engine.hostile_policies import HostilePolicy, hostile_policies
from bench.engine.packs import written
from guardproxy.policyfile.compile import compile_rules
from guardproxy.policyfile.load import read_policy


@pytest.mark.parametrize("one", hostile_policies(), ids=lambda one: one.name)
def test_a_hostile_policy_is_written_as_the_schema_wants_it(one: HostilePolicy) -> None:
    with written(one.policy) as file:
        assert len(compile_rules(read_policy(file))) == len(one.policy["rules"])
    assert len(one.text.make(Random(1), 1000)) == 1000


def test_names_are_told_apart() -> None:
    assert len({one.name for one in hostile_policies()}) == len(hostile_policies())
