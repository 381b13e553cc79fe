"""A policy in shadow mode: what it would refuse before it looks at a text, told instead of done.

Its rules and its quotas are in shadow by themselves: the quotas count everything that passes, and tell what they would
have refused. What is left are the sizes, the roles and the content nobody can look at.
"""

from __future__ import annotations

from guardproxy.core.context import refuse_opaque, separate
from guardproxy.core.exchange import Provenance, RequestReading
from guardproxy.core.policy import Excess, Policy, RequestLimits
from guardproxy.core.principal import Principal
from guardproxy.core.verdict import Finding, Severity
from guardproxy.errors import InvalidRequest, NotAllowed
from guardproxy.gateway.draft import Draft
from guardproxy.gateway.limits import check_content, check_limits
from guardproxy.surfaces import MemberNames, Surface
from guardproxy.surfaces.parameters import judge_parameters, strip_parameters

LIMIT = "limits."
PARAMETER = "parameters."


def what_would_be_refused(
    policy: Policy, principal: Principal, reading: RequestReading, names: MemberNames
) -> list[Finding]:
    """Findings for a size over a limit (the first one), and for roles and content the policy does not let through."""
    return [
        *_over_limits(policy, reading, names),
        *separate(policy.context, principal, reading.turns),
        *refuse_opaque(policy, reading.opaque),
    ]


def check_parameters(draft: Draft, policy: Policy, surface: Surface, document: object) -> None:
    """Strip what the policy strips. Raises `InvalidRequest` for what may not pass; in shadow notes it."""
    verdict = judge_parameters(document, surface.name, policy.parameters)
    if not (verdict.refused or verdict.strip):
        return
    error = verdict.error()
    if policy.shadow:
        draft.pass_over(refused_parameters(error))
    elif error is not None:
        raise error
    else:
        strip_parameters(document, verdict)


def refused_parameters(error: InvalidRequest | None) -> list[Finding]:
    """The first member of a request that may not go on."""
    return [] if error is None else [_finding(PARAMETER, error.param or "request")]


def would_cap(limits: RequestLimits, reading: RequestReading) -> int:
    """How many numbers of the request, of tokens and of answers, would be lowered."""
    if limits.excess is not Excess.CAP:
        return 0
    pairs = ((reading.output_tokens, limits.output_tokens), (reading.choices, limits.choices))
    return sum(asked is not None and most is not None and asked > most for asked, most in pairs)


def _over_limits(policy: Policy, reading: RequestReading, names: MemberNames) -> list[Finding]:
    try:
        check_limits(policy.limits, reading, names)
        check_content(policy.limits, reading, names)
    except (InvalidRequest, NotAllowed) as error:
        return [_finding(LIMIT, error.param or "request")]
    return []


def _finding(kind: str, member: str) -> Finding:
    return Finding(kind + member, Severity.LOW, Provenance.USER, (member,), 0, 0)
