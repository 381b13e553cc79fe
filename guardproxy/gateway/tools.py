"""The rules about tools for one exchange: what its conversation is, as far as it can be seen."""

from __future__ import annotations

from typing import Any

from guardproxy.core.context import speaks_as_operator
from guardproxy.core.exchange import RequestReading
from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.core.separation.documents import NO_LABELS, Labels, without_labelled
from guardproxy.core.tools.conversation import UNKNOWN, Found
from guardproxy.core.tools.judge import ToolGuard
from guardproxy.core.tools.rules import CHANGED_DEFINITION
from guardproxy.core.tools.verdicts import with_tools
from guardproxy.core.verdict import Verdict
from guardproxy.gateway.draft import Draft
from guardproxy.gateway.gateway import Gateway
from guardproxy.gateway.refusals import open_incident
from guardproxy.surfaces import Surface


def tool_guard(
    policy: Policy,
    surface: Surface,
    document: Any,
    principal: Principal,
    reading: RequestReading | None = None,
    labels: Labels = NO_LABELS,
) -> ToolGuard | None:
    """None where the policy says nothing about tools, or the API has none. `document` is None for a fetched answer.

    What is labelled in the request (`reading`, `labels`) is what an application found, whoever's message it stands in.
    """
    if policy.tools is None or surface.read_calls is None:
        return None
    if document is None or surface.read_conversation is None:
        return ToolGuard(policy.tools, UNKNOWN, principal.name)
    operator = speaks_as_operator(policy.context, principal)
    if not labels or reading is None:
        return ToolGuard(policy.tools, surface.read_conversation(document, operator=operator), principal.name)
    found = Found(tuple(segment.text for segment in reading.segments if labels.over(segment.path)))
    conversation = surface.read_conversation(without_labelled(document, labels), operator=operator)
    conversation = conversation._replace(steps=(*conversation.steps, found))
    return ToolGuard(policy.tools, conversation, principal.name)


def judge_request(gateway: Gateway, draft: Draft, verdict: Verdict, tools: ToolGuard) -> Verdict:
    """The verdict with what is wrong with a request's tools. A changed definition is an incident, even if it passes."""
    found = tools.request_findings()
    if any(finding.rule == CHANGED_DEFINITION for finding in found):
        open_incident(gateway, draft)
    assert draft.policy is not None  # noqa: S101 - nothing is decided without one
    return with_tools(draft.policy, verdict, found)
