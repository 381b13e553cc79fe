from __future__ import annotations

from guardproxy.core.exchange import Provenance
from guardproxy.core.policy import Policy
from guardproxy.core.tools.judge import ToolFinding
from guardproxy.core.tools.verdicts import with_tools
from guardproxy.core.verdict import Action, Finding, Severity, Verdict


def tool_finding(rule_id: str, action: Action) -> ToolFinding:
    return ToolFinding(rule_id, action, Severity.HIGH, "send", ("tools", 0), "called")


def test_what_tool_rules_found_joins_the_verdict_and_decides_first() -> None:
    policy = Policy("p", "r")
    flagged = Verdict(Action.FLAG, (Finding("own.x", Severity.LOW, Provenance.USER, (), 0, 1),), {("a",): "b"})
    assert with_tools(policy, flagged, []) is flagged
    joined = with_tools(policy, flagged, [tool_finding("tools.f", Action.FLAG), tool_finding("tools.b", Action.BLOCK)])
    assert joined.action is Action.BLOCK
    assert [finding.rule for finding in joined.findings] == ["tools.b", "own.x", "tools.f"]
    assert joined.edits == {}
    assert joined.findings[0].excerpt == "send: called"


def test_a_redaction_stays_one_beside_a_flagged_call() -> None:
    redacted = Verdict(Action.REDACT, (), {("a",): "b"})
    assert with_tools(Policy("p", "r"), redacted, [tool_finding("tools.f", Action.FLAG)]).edits == {("a",): "b"}
