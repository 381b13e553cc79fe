"""Is one policy at least as strict as another? Compared part by part, and never guessed.

A policy tightens another one if, whatever the exchange, it lets nothing pass that the other one stops: every rule of
the other is there, looks for the same in at least the same texts and does at least as much; no limit and no quota is
higher, nobody may say more. What has no order of strictness - how a stopped stream ends, and any part this file does
not know - has to be equal, so that a new part of a policy can never be loosened by being overlooked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from math import inf
from typing import Any, Final

from guardproxy.core.exchange import OpaqueKind
from guardproxy.core.policy import Context, OperatorMessages, Policy, RequestLimits, Rule, ServerState, Unknown
from guardproxy.core.quota import OnStoreError, Quota, Share
from guardproxy.core.separation.strictness import separation_loosenings
from guardproxy.core.tools.rules import ToolRules
from guardproxy.core.verdict import Action

_OPERATOR_ORDER: Final = (OperatorMessages.ANY_KEY, OperatorMessages.OPERATOR_KEYS, OperatorMessages.NOBODY)
_STORE_ORDER: Final = (OnStoreError.OPEN, OnStoreError.DEGRADED, OnStoreError.CLOSED)
_STATE_ORDER: Final = (ServerState.ALLOW, ServerState.OWN, ServerState.DENY)
_UNKNOWN_ORDER: Final = (Unknown.PASS, Unknown.STRIP, Unknown.REJECT)

# What follows from the other parts, or names the policy, or only words something; and the quotas, for which the names
# count, too.
_NOT_COMPARED: Final = frozenset({"name", "revision", "detectors", "masking", "quotas", "block_message"})


def loosenings(base: Policy, other: Policy) -> list[str]:
    """In what `other` is looser than `base`; empty if it is at least as strict in everything."""
    found: list[str] = []
    for part in fields(Policy):
        if part.name in _NOT_COMPARED or not part.init:
            continue
        ours, theirs = getattr(base, part.name), getattr(other, part.name)
        compare = _COMPARED.get(part.name)
        if compare is not None:
            found += compare(ours, theirs)
        elif ours != theirs:
            found.append(f"{part.name} differs, and has no order of strictness")
    return [*found, *_quotas(base, other)]


def _rules(ours: Mapping[str, Rule], theirs: Mapping[str, Rule]) -> Iterator[str]:
    for name, rule in ours.items():
        if rule.action is Action.ALLOW:
            continue
        other = theirs.get(name)
        if other is None:
            yield f"the rule {name} is missing"
        elif other.meaning != rule.meaning:
            yield f"the rule {name} looks for something else"
        elif other.action < rule.action:
            yield f"the rule {name} does {other.action.word} instead of {rule.action.word}"
        elif missing := rule.applies_to - other.applies_to:
            yield f"the rule {name} does not look at {', '.join(sorted(missing))} text"


def _context(ours: Context, theirs: Context) -> Iterator[str]:
    for part in fields(Context):
        one, other = getattr(ours, part.name), getattr(theirs, part.name)
        match part.name:
            case "operator_messages":
                looser = _OPERATOR_ORDER.index(other) < _OPERATOR_ORDER.index(one)
            case "unknown_roles":
                looser = other < one
            case _:
                yield from separation_loosenings(one, other)
                continue
        if looser:
            yield f"context.{part.name} is looser"


def _opaque(ours: Mapping[OpaqueKind, Action], theirs: Mapping[OpaqueKind, Action]) -> Iterator[str]:
    for kind in OpaqueKind:
        if theirs.get(kind, Action.BLOCK) < ours.get(kind, Action.BLOCK):
            yield f"opaque.{kind.value} is looser"


def _limits(ours: RequestLimits, theirs: RequestLimits) -> Iterator[str]:
    for part in fields(RequestLimits):
        one, other = getattr(ours, part.name), getattr(theirs, part.name)
        if part.name == "excess":  # either way a limit is kept
            continue
        if not (isinstance(one, int | None) and isinstance(other, int | None)):
            if one != other:
                yield f"limits.{part.name} differs, and has no order of strictness"
        elif (inf if other is None else other) > (inf if one is None else one):
            yield f"limits.{part.name} is higher"


def _quotas(base: Policy, other: Policy) -> Iterator[str]:
    """Only a quota of the same account can stand for another one: with two, a caller could use up both in turn."""
    theirs = {_account(other, quota): quota for quota in other.quotas if not quota.shadow}
    for quota in base.quotas:
        if quota.shadow:
            continue
        same = theirs.get(_account(base, quota))
        if same is None or same.limit > quota.limit:
            yield f"the quota {quota.id} of {' and '.join(sorted(quota.shares))} is higher or missing"
        elif quota.hard and not same.hard:
            yield f"the quota {quota.id} is not hard"
        elif _STORE_ORDER.index(same.on_store_error) < _STORE_ORDER.index(quota.on_store_error):
            yield f"the quota {quota.id} is looser while the store is away"


def _account(policy: Policy, quota: Quota) -> tuple[str, frozenset[Share], str]:
    """What is counted together. `id` holds the metric, the window and which requests it is about."""
    return quota.id, frozenset(quota.shares), policy.name if Share.POLICY in quota.shares else ""


def _shadow(ours: bool, theirs: bool) -> Iterator[str]:
    if theirs and not ours:
        yield "it is in shadow mode"


def _server_state(ours: ServerState, theirs: ServerState) -> Iterator[str]:
    if _STATE_ORDER.index(theirs) < _STATE_ORDER.index(ours):
        yield "server_state is looser"


def _unknown_events(ours: Unknown, theirs: Unknown) -> Iterator[str]:
    if _UNKNOWN_ORDER.index(theirs) < _UNKNOWN_ORDER.index(ours):
        yield "answers.unknown_events is looser"


def _tools(ours: ToolRules | None, theirs: ToolRules | None) -> Iterator[str]:
    """Rules about tools only forbid, so having some is stricter than having none; two sets of them have no order."""
    if ours is not None and ours != theirs:
        yield "the rules about tools differ, and have no order of strictness"


_COMPARED: Final[Mapping[str, Callable[[Any, Any], Iterator[str]]]] = {
    "rules": _rules,
    "context": _context,
    "opaque": _opaque,
    "limits": _limits,
    "shadow": _shadow,
    "server_state": _server_state,
    "tools": _tools,
    "unknown_events": _unknown_events,
}
