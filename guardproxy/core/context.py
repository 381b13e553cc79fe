"""Who may speak as whom: operator and user text are kept apart before anything else is decided.

The role a message carries is a claim of the caller. Whether a key may speak as the operator is the policy's decision;
what such a caller may not say is refused, never silently re-labelled.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from guardproxy.core.exchange import Opaque, Provenance, Reference, Turn
from guardproxy.core.policy import Context, OperatorMessages, Policy
from guardproxy.core.principal import Principal
from guardproxy.core.verdict import Action, Finding, Severity

OPERATOR_ROLES: Final = frozenset({"system", "developer"})
_ANYBODYS: Final = frozenset({"user", "assistant", "tool", "function"})
KNOWN_ROLES: Final = OPERATOR_ROLES | _ANYBODYS

# Findings of the proxy itself, in the same place of a log line as a rule's id.
OPERATOR_MESSAGE: Final = "context.operator-message"
UNKNOWN_ROLE: Final = "context.unknown-role"
SERVER_STATE: Final = "context.server-state"
OPAQUE: Final = "opaque."


def is_operator_role(role: str) -> bool:
    """Some servers fold case and space before they compare, so ` System` is a system message too."""
    return role.strip().casefold() in OPERATOR_ROLES


def speaks_as_operator(context: Context, principal: Principal) -> bool:
    """Whether system text of this caller has the operator's provenance. Being *allowed* to send it is not enough."""
    return principal.operator and context.operator_messages is not OperatorMessages.NOBODY


def separate(context: Context, principal: Principal, turns: Iterable[Turn]) -> list[Finding]:
    """The turns this caller may not take, as findings that block. Empty when all is well."""
    refused = []
    for turn in turns:
        if turn.role in _ANYBODYS:  # as most are
            continue
        if is_operator_role(turn.role):
            if not _may_send_operator_messages(context, principal):
                refused.append(_finding(OPERATOR_MESSAGE, turn))
        elif turn.role not in KNOWN_ROLES and context.unknown_roles is Action.BLOCK:
            refused.append(_finding(UNKNOWN_ROLE, turn))
    return refused


def refuse_opaque(policy: Policy, opaque: Iterable[Opaque]) -> list[Finding]:
    """Content that cannot be read and that the policy does not let through unread."""
    return [
        Finding(OPAQUE + item.kind.value, Severity.MEDIUM, item.provenance, item.path, 0, 0)
        for item in opaque
        if not item.passes and policy.opaque.get(item.kind, Action.BLOCK) is Action.BLOCK
    ]


def refuse_state(references: Iterable[Reference]) -> list[Finding]:
    """References to stored things which this caller may not make."""
    return [Finding(SERVER_STATE, Severity.HIGH, Provenance.USER, item.path, 0, 0) for item in references]


def _may_send_operator_messages(context: Context, principal: Principal) -> bool:
    match context.operator_messages:
        case OperatorMessages.ANY_KEY:
            return True
        case OperatorMessages.OPERATOR_KEYS:
            return principal.operator
        case OperatorMessages.NOBODY:
            return False


def _finding(rule: str, turn: Turn) -> Finding:
    path = turn.path if turn.member is None else (*turn.path, turn.member)
    return Finding(rule, Severity.HIGH, Provenance.USER, path, 0, 0)
