"""A policy in shadow mode: what it would refuse before it looks at a text, told instead of done.

Its rules and its quotas are in shadow by themselves: the quotas count everything that passes, and tell what they would
have refused. What is left are the sizes, the roles and the content nobody can look at.
"""

from __future__ import annotations

from guardproxy.core.context import refuse_opaque, separate
from guardproxy.core.exchange import Provenance, RequestReading
from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.core.verdict import Finding, Severity
from guardproxy.errors import InvalidRequest, NotAllowed
from guardproxy.gateway.limits import check_content, check_limits
from guardproxy.surfaces import MemberNames

LIMIT = "limits."


def what_would_be_refused(
    policy: Policy, principal: Principal, reading: RequestReading, names: MemberNames
) -> list[Finding]:
    """Findings for a size over a limit (the first one), and for roles and content the policy does not let through."""
    return [
        *_over_limits(policy, reading, names),
        *separate(policy.context, principal, reading.turns),
        *refuse_opaque(policy, reading.opaque),
    ]


def _over_limits(policy: Policy, reading: RequestReading, names: MemberNames) -> list[Finding]:
    try:
        check_limits(policy.limits, reading, names)
        check_content(policy.limits, reading, names)
    except (InvalidRequest, NotAllowed) as error:
        member = error.param or "request"
        return [Finding(LIMIT + member, Severity.LOW, Provenance.USER, (member,), 0, 0)]
    return []
