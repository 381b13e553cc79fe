"""From a verdict that blocks to the error a caller sees: which place, which category, never what matched."""

from __future__ import annotations

import os
from types import TracebackType

from guardproxy.audit.incidents import RANDOM_BYTES, new_incident_id
from guardproxy.core.allowance import MATCHING_WORK
from guardproxy.core.context import OPAQUE, OPERATOR_MESSAGE, SERVER_STATE, UNKNOWN_ROLE
from guardproxy.core.inspection import UNKNOWN_EVENT
from guardproxy.core.policy import Policy, ServerState
from guardproxy.core.separation.apart import CONTROL_TOKEN, FAKE_TURN, HIDDEN_CHARACTERS, UNFENCED
from guardproxy.core.separation.history import UNSEEN
from guardproxy.core.separation.signature import UNSIGNED
from guardproxy.core.separation.speakers import DEFINITION, ROLE_ORDER, UNPINNED
from guardproxy.core.verdict import Action, Finding, Verdict
from guardproxy.errors import GuardUnavailable, PolicyBlocked, RequestError
from guardproxy.gateway.answers import policy_tag
from guardproxy.gateway.draft import Draft
from guardproxy.gateway.gateway import Gateway
from guardproxy.wire.path import format_path

# What the caller is told: of what its key may not say, and of what nobody may.
_NOT_ALLOWED = {
    OPERATOR_MESSAGE: (
        "this key may not send system or developer messages: send the text as a user message, or use a key made with "
        "`guardproxy keys create NAME --speaks-as operator`"
    ),
    DEFINITION: "this key may not define tools or response formats: use a key made with "
    "`guardproxy keys create NAME --speaks-as operator`",
    UNSIGNED: "system messages and tools of this key must be signed: send the header x-guardproxy-signature that "
    "`guardproxy sign` makes",
    UNPINNED: "the policy lets only known system messages through, and this is none of them",
}
_TOLD = {
    UNKNOWN_ROLE: "a message has a role that is not known here; use system, developer, user, assistant or tool",
    ROLE_ORDER: "the policy does not let a message of this role stand here, or not so many of them",
    UNSEEN: "the policy lets only those assistant and tool messages through that belong to answers given before",
    UNFENCED: "beside the content of this message only names, ids and links may stand: put the text into its content",
    CONTROL_TOKEN: "the text holds control tokens of a chat template, which the policy does not let through",
    HIDDEN_CHARACTERS: "the text holds invisible characters, which the policy does not let through",
    UNKNOWN_EVENT: "the upstream's stream holds an event that no API documents, which the policy does not let through "
    "(answers: {unknown_events: reject})",
    FAKE_TURN: "the text imitates turns of a conversation, which the policy does not let through",
}


_STATE_MESSAGES = {
    ServerState.DENY: (
        "this refers to something stored on the server, which the guard has not seen; the policy does not allow that: "
        "send the whole conversation, or set server_state in the policy to own or allow"
    ),
    ServerState.OWN: (
        "this refers to something stored on the server that this key is not known to have made here; the policy's "
        "server_state is own: a key may refer to its own responses, and to nothing else"
    ),
    ServerState.ALLOW: "",
}

_WORK_MESSAGE = (
    "this text costs more to inspect than the policy allows, so nothing was let through; send less text that looks "
    "like what the policy looks for and is not, or have its operator raise `limits: matching_work`"
)


def refusal(gateway: Gateway, draft: Draft, verdict: Verdict) -> RequestError:
    """The error for an exchange its policy blocks. Gives the incident its id."""
    policy = draft.policy
    assert policy is not None  # noqa: S101 - nothing is decided without one
    open_incident(gateway, draft)
    finding = deciding_finding(policy, verdict)
    detail = {"policy": policy_tag(policy), "category": finding.rule.partition(".")[0]}
    if draft.incident_id:
        detail["incident_id"] = draft.incident_id
    param = format_path(finding.path) or None
    if finding.rule in _NOT_ALLOWED:
        error = PolicyBlocked(_NOT_ALLOWED[finding.rule], param=param, code="role_not_allowed", detail=detail)
        error.status = 403
        return error
    if finding.rule == SERVER_STATE:
        message = _STATE_MESSAGES[policy.server_state]
        error = PolicyBlocked(message, param=param, code="server_state_not_allowed", detail=detail)
        error.status = 403
        return error
    if finding.rule == MATCHING_WORK:
        return PolicyBlocked(_WORK_MESSAGE, param=param, code="limit_exceeded", detail=detail)
    return PolicyBlocked(_message(finding), param=param, detail=detail)


def open_incident(gateway: Gateway, draft: Draft) -> None:
    """Give the exchange an incident id, once, so that the caller and the incident file name it alike."""
    if draft.incident_id is None:
        draft.incident_id = new_incident_id(gateway.now_ms(), os.urandom(RANDOM_BYTES))


def deciding_finding(policy: Policy, verdict: Verdict) -> Finding:
    """The first finding whose rule blocks; the proxy's own findings (`context`, `opaque`) always do."""
    for finding in verdict.findings:
        rule = policy.rules.get(finding.rule)
        if rule is None or rule.action is Action.BLOCK:
            return finding
    return verdict.findings[0]


def could_not_run() -> GuardUnavailable:
    return GuardUnavailable("a guard could not run, so nothing was let through; try again later")


class _Guarding:
    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, cause: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(cause, Exception) and not isinstance(cause, RequestError):
            raise could_not_run() from cause


_GUARDING = _Guarding()


def guarding() -> _Guarding:
    """A guard that breaks is an outage: 503, never a violation and never a pass."""
    return _GUARDING


def _message(finding: Finding) -> str:
    if finding.rule in _TOLD:
        return _TOLD[finding.rule]
    if finding.rule.startswith(OPAQUE):
        kind = finding.rule.removeprefix(OPAQUE)
        return (
            f"the policy does not let {kind} content through, since it cannot be inspected (opaque: {{{kind}: block}})"
        )
    return "the request was blocked by the content policy"
