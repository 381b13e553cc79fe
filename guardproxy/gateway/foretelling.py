"""What a policy would make of a request that is not to be changed: what it would refuse, and what it would alter.

For a candidate policy that is compared with the present one. A word tells what would be done: that of an action, or
`fence`, `neutralise`, `remove`, `cap`, `write`. Left out is what only a running exchange knows: used-up quotas, answers
that were seen, signatures, and what a key has stored at the upstream. An operator prompt changes every request alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from guardproxy.core.context import refuse_state, speaks_as_operator
from guardproxy.core.exchange import Provenance, RequestReading
from guardproxy.core.policy import Excess, Policy, ServerState
from guardproxy.core.principal import Principal
from guardproxy.core.separation.apart import CONTROL_TOKEN, FAKE_TURN, HIDDEN_CHARACTERS, keep_apart
from guardproxy.core.separation.documents import Labels
from guardproxy.core.separation.speakers import refuse_speakers
from guardproxy.core.separation.terms import Separation, Treatment
from guardproxy.core.verdict import MAX_FINDINGS, Action, Finding, Severity, Verdict
from guardproxy.gateway.shadowing import refused_parameters, what_would_be_refused
from guardproxy.surfaces import Surface
from guardproxy.surfaces.parameters import judge_parameters

FENCE: Final = "context.fence"
_CLOSED: Final = "surfaces."
# Nobody reads a nonce of a request that is never sent.
_NO_SECRET: Final = b"\0"
_FEATURES: Final = {
    "control_tokens": (CONTROL_TOKEN, "neutralise"),
    "hidden_characters": (HIDDEN_CHARACTERS, "remove"),
    "fenced": (FENCE, "fence"),
}


def refused(
    policy: Policy, principal: Principal, surface: Surface, document: Any, reading: RequestReading
) -> list[Finding]:
    """Why the policy would refuse the request before it looks at a text. A policy in shadow refuses nothing."""
    if policy.shadow:
        return []
    found: list[Finding] = []
    if not policy.surface(surface.name).open:
        found.append(Finding(_CLOSED + surface.name, Severity.LOW, Provenance.USER, (), 0, 0))
    found += refused_parameters(judge_parameters(document, surface.name, policy.parameters).error())
    found += what_would_be_refused(policy, principal, reading, surface.members)
    if policy.server_state is ServerState.DENY:
        found += refuse_state(reading.state)
    if policy.context.separation is not None:
        found += refuse_speakers(policy.context.separation, reading)
    return found


def set_apart(
    policy: Policy, principal: Principal, reading: RequestReading, verdict: Verdict, labels: Labels
) -> Verdict:
    """The verdict of the rules with what the separation would find and count."""
    terms = policy.context.separation
    if terms is None or policy.shadow or verdict.action is Action.BLOCK:
        return verdict
    trusted = speaks_as_operator(policy.context, principal)
    apart = keep_apart(terms, reading, verdict.edits, principal, _NO_SECRET, labels, trusted=trusted)
    action, findings = max(verdict.action, apart.action), (*verdict.findings, *apart.findings)[:MAX_FINDINGS]
    return verdict._replace(action=action, findings=findings, features=apart.features)


def done(policy: Policy, verdict: Verdict | None) -> dict[str, str]:
    """What each rule did or would do, and what the separation did, in words."""
    if verdict is None:
        return {}
    words = {finding.rule: _word(policy, finding.rule) for finding in verdict.findings}
    if verdict.action is not Action.BLOCK and not policy.shadow:
        words |= _altered(policy.context.separation, verdict.features)
    return words


def capped(policy: Policy, surface: Surface, reading: RequestReading) -> dict[str, str]:
    """The numbers of a request that the policy would lower or write."""
    limits, names, found = policy.limits, surface.members, {}
    if policy.shadow or surface.open_stream is None:
        return {}
    if limits.output_tokens is not None and reading.output_tokens is None:
        found[f"limits.{names.output_tokens}"] = "write"
    if limits.excess is Excess.CAP:
        if limits.output_tokens is not None and (reading.output_tokens or 0) > limits.output_tokens:
            found[f"limits.{names.output_tokens}"] = "cap"
        if limits.choices is not None and reading.choices > limits.choices:
            found[f"limits.{names.choices}"] = "cap"
    return found


def _word(policy: Policy, rule: str) -> str:
    """What follows from a finding; the proxy's own ones block, but where the policy says what follows."""
    if rule in policy.rules:
        return policy.rules[rule].action.word
    terms = policy.context.separation
    own = (
        {}
        if terms is None
        else {
            CONTROL_TOKEN: terms.control_tokens,
            HIDDEN_CHARACTERS: terms.hidden_characters,
            FAKE_TURN: terms.fake_turns,
        }
    )
    return Action.FLAG.word if own.get(rule) is Treatment.FLAG else Action.BLOCK.word


def _altered(terms: Separation | None, features: Mapping[str, int]) -> dict[str, str]:
    if terms is None:
        return {}
    cleans = {
        "control_tokens": terms.control_tokens is Treatment.CLEAN,
        "hidden_characters": terms.hidden_characters is Treatment.CLEAN,
        "fenced": True,
    }
    return {rule: word for name, (rule, word) in _FEATURES.items() if features.get(name) and cleans[name]}
