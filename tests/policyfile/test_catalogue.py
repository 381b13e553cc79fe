"""Several policies: who gets which is checked, and so is every claim to be stricter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from guardproxy.core.principal import Principal
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.catalogue import Wanted, load_policies, verify_alone
from guardproxy.policyfile.choices import compile_choice
from guardproxy.policyfile.load import read_policy
from tests.policyfile.workshop import rule, write


def policy(folder: Path, name: str, **content: Any) -> Path:
    return write(folder / f"{name}.yaml", {"version": 1, "name": name} | content)


def problem(wanted: Wanted) -> str:
    with pytest.raises(ConfigurationError) as raised:
        load_policies(wanted)
    return raised.value.message


def test_without_any_file_it_is_the_shipped_default() -> None:
    assert load_policies(Wanted()).policies.default.policy.name == "default"


def test_a_directory_holds_policies_and_their_cases(tmp_path: Path) -> None:
    policy(tmp_path, "default")
    policy(tmp_path, "strict")
    (tmp_path / "strict.cases.yaml").write_text("cases: []", encoding="utf-8")
    policies = load_policies(Wanted((tmp_path,), keys={"widget": "strict"})).policies
    assert set(policies.named) == {"default", "strict"}
    assert policies.default.policy.name == "default"
    assert policies.assigned(Principal("id", "widget")).policy.name == "strict"


def test_names_that_lead_nowhere_are_told_with_the_nearest_one(tmp_path: Path) -> None:
    policy(tmp_path, "one")
    policy(tmp_path, "strict")
    assert problem(Wanted((tmp_path,))) == "policies.default: say which policy is the default one: one, strict"
    assert problem(Wanted((tmp_path,), "one", keys={"w": "strct"})) == (
        "policies.keys.w: no policy 'strct', did you mean 'strict'?"
    )
    assert problem(Wanted((tmp_path,), "on")) == "policies.default: no policy 'on', did you mean 'one'?"


def test_two_policies_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    first = policy(tmp_path, "one")
    (tmp_path / "two.yaml").write_text(first.read_text(encoding="utf-8"), encoding="utf-8")
    assert f"there is another policy 'one': {first}:3:10" in problem(Wanted((tmp_path,)))


def test_a_policy_that_tightens_may_be_chosen_also_over_two_steps(tmp_path: Path) -> None:
    policy(tmp_path, "default", limits={"messages": 9})
    policy(tmp_path, "strict", extends="./default.yaml", tightens=["default"], limits={"messages": 5})
    policy(tmp_path, "stricter", extends="./strict.yaml", tightens=["strict"], limits={"messages": 2})
    tighter = load_policies(Wanted((tmp_path,))).policies.tighter
    assert tighter == {("strict", "default"), ("stricter", "strict"), ("stricter", "default")}


def test_a_policy_that_only_says_so_is_refused_with_the_reason_and_the_place(tmp_path: Path) -> None:
    policy(tmp_path, "default", rules=[rule("own.one", "abc")])
    at = policy(
        tmp_path, "strict", extends="./default.yaml", tightens=["default"], override={"own.one": {"action": "flag"}}
    )
    assert problem(Wanted((tmp_path,))) == (
        f"{at}:6:3: 'strict' does not tighten 'default': the rule own.one does flag instead of redact"
    )


def test_it_has_to_be_stricter_also_where_conditions_hold(tmp_path: Path) -> None:
    policy(tmp_path, "default", when=[{"if": {"team": "x"}, "limits": {"messages": 1}}])
    policy(tmp_path, "strict", tightens=["default"], limits={"messages": 5})
    assert "limits.messages is higher" in problem(Wanted((tmp_path,)))


def test_what_it_tightens_must_exist(tmp_path: Path) -> None:
    policy(tmp_path, "default")
    policy(tmp_path, "strict", tightens=["defualt"])
    assert "no policy 'defualt', did you mean 'default'?" in problem(Wanted((tmp_path,)))


def test_alone_a_policy_is_held_against_those_it_extends(tmp_path: Path) -> None:
    policy(tmp_path, "base", limits={"messages": 3})
    loose = policy(tmp_path, "loose", extends="./base.yaml", tightens=["base"], limits={"messages": 4})
    document = read_policy(loose)
    with pytest.raises(ConfigurationError, match=r"limits\.messages is higher"):
        verify_alone(document, compile_choice(document))


def test_the_revision_is_that_of_the_policy_or_of_all_of_them(tmp_path: Path) -> None:
    policy(tmp_path, "default")
    alone = load_policies(Wanted((tmp_path,))).policies
    assert alone.revision == alone.default.policy.revision
    policy(tmp_path, "strict")
    both = load_policies(Wanted((tmp_path,))).policies.revision
    assert both != alone.revision
    assert load_policies(Wanted((tmp_path,), keys={"w": "strict"})).policies.revision != both
