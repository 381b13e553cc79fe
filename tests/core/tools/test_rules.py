"""Rules about tools, as values."""

from __future__ import annotations

import pytest

from guardproxy.core.tools.names import Names
from guardproxy.core.tools.rules import ArgumentRule, CallLimit, FlowRule, NameLists, Span, ToolRules
from guardproxy.core.verdict import Action, Severity


def rule(**changes: object) -> FlowRule:
    values = {"id": "tools.x", "severity": Severity.HIGH, "action": Action.BLOCK, "calls": Names.of(["a"])}
    return FlowRule(**{**values, **changes})  # type: ignore[arg-type]


def test_a_rule_that_demands_nothing_forbids() -> None:
    assert rule().forbids
    assert rule(after=Names.of(["b"])).forbids


@pytest.mark.parametrize(
    "demand",
    [{"schema": {}}, {"arguments": (ArgumentRule(),)}, {"asked": ("go",)}, {"limit": CallLimit(1, Span.TURN)}],
)
def test_a_rule_that_demands_something_does_not(demand: dict[str, object]) -> None:
    assert not rule(**demand).forbids


def test_a_tool_is_permitted_by_any_of_its_names_and_denied_by_any() -> None:
    lists = NameLists(Names.of(["send", "mcp:crm/*"]), Names.of(["mcp:crm/drop", "wipe"]))
    assert lists.permit(("mcp:crm/list", "list"))
    assert lists.permit(("send",))
    assert not lists.permit(("other",))
    assert not lists.permit(("mcp:crm/drop", "drop"))
    assert not lists.permit(("mcp:crm/x", "wipe"))


def test_rules_say_nothing_by_default_but_what_is_safe() -> None:
    rules = ToolRules()
    assert rules.lists.permit(("anything",))
    assert (rules.offered, rules.not_offered, rules.unmatched_results) == (Action.BLOCK, Action.BLOCK, Action.FLAG)
