"""What the rules about tools found, as a part of a verdict."""

from __future__ import annotations

from collections.abc import Sequence

from guardproxy.core.exchange import Provenance
from guardproxy.core.policy import Policy
from guardproxy.core.shown_name import shown_name
from guardproxy.core.tools.judge import ToolFinding
from guardproxy.core.verdict import MAX_FINDINGS, Action, Finding, Verdict


def with_tools(policy: Policy, verdict: Verdict, found: Sequence[ToolFinding]) -> Verdict:
    """A verdict with what the rules about tools found. Theirs come first where they decide."""
    if not found:
        return verdict
    if policy.shadow:
        shadow = tuple(told(policy, finding) for finding in found)
        would = max(verdict.would, *(finding.action for finding in found))
        return verdict._replace(shadow=(*verdict.shadow, *shadow)[:MAX_FINDINGS], would=would)
    action = max(verdict.action, *(finding.action for finding in found))
    blocking = tuple(told(policy, finding) for finding in found if finding.action is Action.BLOCK)
    others = tuple(told(policy, finding) for finding in found if finding.action is not Action.BLOCK)
    findings = (*blocking, *verdict.findings, *others)[:MAX_FINDINGS]
    edits = verdict.edits if action is Action.REDACT else {}
    return verdict._replace(action=action, findings=findings, edits=edits)


def told(policy: Policy, finding: ToolFinding) -> Finding:
    """The finding as a verdict has it, in which the tool's name shows nothing the policy hides."""
    shown = f"{shown_name(policy, finding.tool)}: {finding.reason}"
    return Finding(finding.rule, finding.severity, Provenance.MODEL, finding.path, 0, 0, shown)
