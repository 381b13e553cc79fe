"""From `tools:` to rules about tools, or a clear refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from guardproxy.core.exchange import Provenance
from guardproxy.core.tools.conversation import Conversation, ToolCall
from guardproxy.core.tools.judge import ToolGuard
from guardproxy.core.tools.rules import CallLimit, Span, ToolRules
from guardproxy.core.verdict import Action
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.compile import load_policy
from guardproxy.policyfile.load import read_policy
from guardproxy.policyfile.locate import shipped_policies
from guardproxy.policyfile.tool_compile import compile_tools, rules_of
from tests.policyfile.workshop import write_policy


def compiled(directory: Path, **tools: Any) -> ToolRules:
    found = compile_tools(read_policy(write_policy(directory, tools=tools)))
    assert found is not None
    return found


def problems(directory: Path, **tools: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        compiled(directory, **tools)
    return raised.value.message.splitlines()


def a_rule(**changes: Any) -> dict[str, Any]:
    return {"id": "one", "calls": ["send"], **changes}


def test_everything_that_is_written_arrives(tmp_path: Path) -> None:
    rules = compiled(
        tmp_path,
        allow=["a*", "send"],
        deny=["ab"],
        keys={"bot": {"allow": ["aa"]}},
        groups={"mail": ["read_*", "list_*"]},
        trust={"texts": ["operator"], "results": ["$mail"]},
        definitions={"pinned": {"Send": "sha256:" + "0" * 64}, "changed": "flag", "unpinned": "block"},
        offered="flag",
        not_offered="allow",
        unmatched_results="block",
        max_calls=3,
        rules=[
            a_rule(
                after=["$mail"],
                after_all=["$mail", "x"],
                keys=["bot"],
                schema={"type": "object"},
                asked=["Send", "{verb}"],
                unless_asked=["Force"],
                **{"except": ["$mail"]},
                limit={"calls": 2, "per": "turn"},
                arguments=[{"of": ["To"], "origin": ["trusted"], "one_of": ["*@x.org"], "at_most": 5}],
                severity="low",
                action="flag",
            )
        ],
    )
    assert rules.lists.permit(("aa",))
    assert not rules.lists.permit(("ab",))
    assert not rules.keys["bot"].permit(("ac",))
    assert rules.trusted_texts == {Provenance.OPERATOR}
    assert rules.trusted_results.match("read_mail")
    assert rules.pinned == {"send": "sha256:" + "0" * 64}
    assert (rules.changed, rules.unpinned, rules.offered) == (Action.FLAG, Action.BLOCK, Action.FLAG)
    assert (rules.not_offered, rules.unmatched_results, rules.max_calls) == (Action.ALLOW, Action.BLOCK, 3)
    (rule,) = rules.rules
    assert (rule.id, rule.action, rule.severity.value) == ("tools.one", Action.FLAG, "low")
    assert rule.after is not None
    assert rule.after.match("list_mail")
    assert [names.match("x") for names in rule.after_all] == [False, True]
    assert rule.asked == ("send", "{verb}")
    assert rule.unless_asked == ("force",)
    assert rule.excepted.match("read_x")
    assert rule.limit == CallLimit(2, Span.TURN)
    assert rule.arguments[0].of == {"to"}
    assert rule.arguments[0].at_most == 5


def test_expressions_are_of_the_projects_own_language(tmp_path: Path) -> None:
    arguments = [
        {"of": ["cmd"], "never": ["RM\\s", "curl"], "ignore_case": True},
        {"of": ["id"], "matches": "\\d{1,3}"},
    ]
    rules = compiled(tmp_path, not_offered="allow", rules=[a_rule(arguments=arguments)])

    def denied(**given: Any) -> bool:
        return bool(ToolGuard(rules, Conversation()).judge([ToolCall(("send",), given)]))

    assert denied(cmd="rm x")
    assert denied(cmd="x | CURL y")
    assert denied(id="12a")
    assert not denied(cmd="ls", id="12")


@pytest.mark.parametrize(
    ("tools", "said"),
    [
        ({"rules": [a_rule(after=["$mial"])], "groups": {"mail": ["x"]}}, "no group '$mial', did you mean '$mail'?"),
        ({"rules": [a_rule(unless_asked=["{verb}"])]}, "'{verb}' is not one word"),
        ({"rules": [a_rule(), a_rule()]}, "the rule 'one' is already there: "),
        ({"rules": [a_rule(id="not-allowed")]}, "guardproxy's own"),
        ({"rules": [a_rule(schema={"typ": 1})]}, "unknown keyword 'typ', did you mean 'type'?"),
        ({"rules": [a_rule(arguments=[{"of": ["a"]}])]}, "this demands nothing"),
        ({"rules": [a_rule(arguments=[{"matches": "(a"}])]}, "policy.yaml:"),
        ({"rules": [a_rule(arguments=[{"never": ["a", "^b"]}])]}, "policy.yaml:"),
        ({"rules": [a_rule(asked=["get me"])]}, "is not one word"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(tmp_path: Path, tools: dict[str, Any], said: str) -> None:
    (line,) = problems(tmp_path, **tools)
    assert said in line
    assert "policy.yaml:" in line


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    assert len(problems(tmp_path, allow=["$a"], deny=["$b"], rules=[a_rule(after_all=["$c"])])) == 3


def test_findings_have_rules_that_look_at_no_text(tmp_path: Path) -> None:
    policy = load_policy(write_policy(tmp_path, tools={"rules": [a_rule(action="flag")]}))
    assert policy.rules["tools.one"].action is Action.FLAG
    assert policy.rules["tools.not-allowed"].action is Action.BLOCK
    assert not policy.redacts_answers
    assert rules_of(None) == {}
    assert load_policy(write_policy(tmp_path)).tools is None


def test_what_is_written_about_tools_is_part_of_the_revision(tmp_path: Path) -> None:
    written: list[dict[str, Any]] = [{}, {"tools": {}}, {"tools": {"deny": ["x"]}}]
    assert len({load_policy(write_policy(tmp_path, **more)).revision for more in written}) == 3


def test_the_example_policy_compiles() -> None:
    rules = compile_tools(read_policy(shipped_policies() / "agent-tools.yaml"))
    assert rules is not None
    assert len(rules.rules) >= 15
