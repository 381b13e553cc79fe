"""A limit that would do nothing is told when the policy is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from guardproxy.core.conditions import Facts
from guardproxy.core.policy import Excess
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.choices import compile_choice
from guardproxy.policyfile.load import read_policy
from tests.policyfile.workshop import write, write_policy


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({"limits": {"excess": "cap"}}, "5:13"),
        ({"limits": {"excess": "cap", "messages": 3}}, "5:13"),
        ({"when": [{"if": {"team": "x"}, "limits": {"excess": "cap"}}]}, "10:15"),
    ],
)
def test_a_cap_with_nothing_to_cap_is_refused_with_the_cure(
    tmp_path: Path, content: dict[str, Any], place: str
) -> None:
    path = write_policy(tmp_path, **content)
    with pytest.raises(ConfigurationError) as raised:
        compile_choice(read_policy(path))
    assert raised.value.message == (
        f"{path}:{place}: 'cap' has nothing to cap: write limits.output_tokens or limits.choices beside it, or leave "
        "'excess' out"
    )


@pytest.mark.parametrize("limit", ["output_tokens", "choices"])
def test_a_cap_may_stand_apart_from_its_limit(tmp_path: Path, limit: str) -> None:
    under_condition = write_policy(
        tmp_path, limits={"excess": "cap"}, when=[{"if": {"team": "x"}, "limits": {limit: 2}}]
    )
    form = compile_choice(read_policy(under_condition)).among(Facts(team="x"))
    assert (form.limits.excess, getattr(form.limits, limit)) == (Excess.CAP, 2)
    write(tmp_path / "base.yaml", {"version": 1, "name": "base", "limits": {limit: 2}})
    above = write_policy(tmp_path, extends="./base.yaml", limits={"excess": "cap"})
    assert compile_choice(read_policy(above)).policy.limits.excess is Excess.CAP
