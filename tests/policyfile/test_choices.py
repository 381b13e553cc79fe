"""A policy with conditions has a form for each way they turn out, and every mistake in one is told at load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from guardproxy.core.choice import Choice
from guardproxy.core.conditions import Facts
from guardproxy.core.exchange import Provenance
from guardproxy.core.separation.terms import Treatment
from guardproxy.core.verdict import Action
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.choices import compile_choice
from guardproxy.policyfile.load import read_policy
from tests.policyfile.workshop import rule, write_policy


def choice_of(folder: Path, **content: Any) -> Choice:
    return compile_choice(read_policy(write_policy(folder, **content)))


def problem(folder: Path, **content: Any) -> str:
    with pytest.raises(ConfigurationError) as raised:
        choice_of(folder, **content)
    return raised.value.message


def test_without_conditions_there_is_one_form(tmp_path: Path) -> None:
    choice = choice_of(tmp_path, rules=[rule("own.one", "abc")])
    assert (choice.conditions, dict(choice.forms)) == ((), {})


def test_a_block_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    choice = choice_of(
        tmp_path,
        rules=[rule("own.one", "abc"), rule("own.two", "abd")],
        limits={"messages": 9, "tools": 3},
        when=[{"if": {"team": "x"}, "override": {"own.one": {"action": "block"}}, "limits": {"messages": 2}}],
    )
    form = choice.among(Facts(team="x"))
    assert (form.limits.messages, form.limits.tools) == (2, 3)
    assert (form.rules["own.one"].action, form.rules["own.two"].action) == (Action.BLOCK, Action.REDACT)
    plain = choice.among(Facts(team="y"))
    assert plain is choice.policy
    assert plain.limits.messages == 9
    assert form.revision == f"{plain.revision}-1"


def test_later_blocks_are_laid_over_earlier_ones(tmp_path: Path) -> None:
    when = [
        {"if": {"team": "x"}, "limits": {"messages": 2, "tools": 2}},
        {"if": {"model": ["m-*"]}, "limits": {"messages": 5}},
    ]
    form = choice_of(tmp_path, when=when).among(Facts(team="x", model="m-1"))
    assert (form.limits.messages, form.limits.tools) == (5, 2)


def test_a_rule_with_a_condition_looks_only_where_it_holds(tmp_path: Path) -> None:
    choice = choice_of(tmp_path, rules=[rule("own.one", "abc", when={"surface": "chat_completions"})])
    inside, outside = choice.among(Facts(surface="chat_completions")), choice.among(Facts(surface="models"))
    assert inside.detectors_for(Provenance.USER)
    assert not outside.detectors_for(Provenance.USER)
    assert outside.masking  # what an excerpt hides does not depend on who calls


def test_an_override_may_give_a_rule_its_condition(tmp_path: Path) -> None:
    override = {"own.*": {"when": {"key": "widget"}}}
    choice = choice_of(tmp_path, rules=[rule("own.one", "abc")], override=override)
    assert "own.one" in choice.among(Facts(key="widget")).rules
    assert "own.one" not in choice.policy.rules


def test_forms_share_the_detectors_of_the_same_rules(tmp_path: Path) -> None:
    choice = choice_of(
        tmp_path, rules=[rule("own.one", "abc")], when=[{"if": {"team": "x"}, "limits": {"messages": 2}}]
    )
    assert choice.forms[1].detectors_for(Provenance.USER)[0] is choice.policy.detectors_for(Provenance.USER)[0]


def test_metadata_may_only_tighten(tmp_path: Path) -> None:
    rules = [rule("own.one", "abc")]
    loose = {"if": {"metadata": {"tier": "gold"}}, "override": {"own.one": {"action": "flag"}}}
    said = problem(tmp_path, rules=rules, when=[loose])
    assert said.endswith("here the rule own.one does flag instead of redact")
    assert "the caller chooses the metadata" in said
    tight = {"if": {"metadata": {"tier": "gold"}}, "override": {"own.one": {"action": "block"}}}
    form = choice_of(tmp_path, rules=rules, when=[tight]).among(Facts(metadata={"tier": "gold"}))
    assert form.rules["own.one"].action is Action.BLOCK


def test_metadata_may_tighten_what_is_kept_apart(tmp_path: Path) -> None:
    context = {
        "operator_messages": "nobody", "unknown_roles": "block", "history": "seen", "order": {"last": ["user"]},
        "control_tokens": "block", "fake_turns": "flag", "fence": {"document": "datamark", "tool": "delimit"},
    }  # fmt: skip
    lower = {"control_tokens": "neutralise", "unknown_roles": "allow", "fence": {"document": "delimit"}}
    when = [{"if": {"metadata": {"tier": "public"}}, "context": context}]
    form = choice_of(tmp_path, context=lower, when=when).among(Facts(metadata={"tier": "public"}))
    assert form.context.separation is not None
    assert form.context.separation.control_tokens is Treatment.BLOCK
    assert form.context.separation.fenced


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ({"control_tokens": "flag"}, "context.control_tokens is looser"),
        ({"fence": {"document": "off"}}, "context.fence is looser"),
        ({"operator_prompt": {"text": "Be kind."}}, "context.operator_prompt differs, and has no order of strictness"),
    ],
)
def test_metadata_may_not_loosen_what_is_kept_apart(tmp_path: Path, context: dict[str, Any], said: str) -> None:
    lower = {"control_tokens": "neutralise", "fence": {"document": "delimit"}}
    when = [{"if": {"metadata": {"tier": "public"}}, "context": context}]
    assert problem(tmp_path, context=lower, when=when).endswith(f"may only make the policy stricter; here {said}")


def test_two_pieces_of_metadata_cannot_loosen_each_other(tmp_path: Path) -> None:
    when = [
        {"if": {"metadata": {"a": "1"}}, "limits": {"messages": 2}},
        {"if": {"metadata": {"b": "1"}}, "limits": {"messages": 5}},
    ]
    forms = choice_of(tmp_path, limits={"messages": 9}, when=when)
    assert forms.among(Facts(metadata={"b": "1"})).limits.messages == 5
    assert problem(tmp_path, limits={"messages": 4}, when=when).endswith("limits.messages is higher")


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ([{"if": {}}], "a condition names at least one fact"),
        (
            [{"if": {"surface": "chat_completion"}}],
            "unknown surface 'chat_completion', did you mean",
        ),
        ([{"if": {"teem": "x"}}], "unknown key 'teem', did you mean 'team'?"),
        ([{"if": {"team": "x"}, "limits": {"mesages": 1}}], "unknown key 'mesages', did you mean 'messages'?"),
        ([{"if": {"team": "x"}, "override": {"own.on": {"action": "flag"}}}], "no rule 'own.on' to override"),
        ([{"limits": {"messages": 1}}], "'if' is missing"),
    ],
)
def test_a_mistake_in_a_block_is_told_with_its_place(tmp_path: Path, when: Any, said: str) -> None:
    message = problem(tmp_path, rules=[rule("own.one", "abc")], when=when)
    assert said in message
    assert message.startswith(f"{tmp_path / 'policy.yaml'}:")


def test_conditions_with_too_many_outcomes_are_refused(tmp_path: Path) -> None:
    when = [{"if": {"team": f"t{number}"}, "limits": {"messages": 1}} for number in range(200)]
    assert "more than 128 ways; write fewer, or several policies" in problem(tmp_path, when=when)
