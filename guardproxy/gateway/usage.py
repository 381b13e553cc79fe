"""`GET /v1/guardproxy/usage`: how the accounts of the caller's own key stand, exactly and now.

The headers of a stream are sent before its usage is known; here it can be asked for afterwards. Asking costs nothing.
`?model=NAME` adds the quotas that count each model by itself. Quotas that depend on what only a request has, a surface
or metadata, are told as for one without.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qs

from guardproxy.core.principal import Principal
from guardproxy.core.quota import Metric
from guardproxy.errors import MethodNotAllowed, RouteNotFound
from guardproxy.gateway.answers import base_headers, json_answer
from guardproxy.gateway.callers import check_use, known_caller
from guardproxy.gateway.policies import choose, facts_of
from guardproxy.gateway.running import Running
from guardproxy.gateway.sending import Answer
from guardproxy.quota.headers import DEGRADED
from guardproxy.quota.model import QuotaState

USAGE: Final = "/v1/guardproxy/usage"
_MOST_QUERY: Final = 300


async def tell_usage(running: Running) -> Answer:
    """Raises `RequestError` for a caller without a key, and where the store of the quotas is away."""
    gateway, request, draft = running.gateway, running.request, running.draft
    path, _, query = request.raw_path.partition("?")
    if path != USAGE or len(query) > _MOST_QUERY:
        raise RouteNotFound("this path is not served; the usage of a key is at GET /v1/guardproxy/usage")
    if request.method != "GET":
        raise MethodNotAllowed(f"{request.method} is not allowed on this path")
    draft.method, draft.route = request.method, USAGE
    principal = known_caller(running)
    if not isinstance(principal, Principal):
        principal = await principal
    draft.principal = principal
    check_use(running, principal, None)
    model = parse_qs(query).get("model", [None])[0]
    choice = choose(gateway.policies.current, principal, request.headers)
    policy = draft.policy = choice.among(facts_of(principal, "", {"model": model}))
    plan = gateway.planner.plan(policy, principal, model, True)
    states = await gateway.ledger.look(plan.accounts)
    document = {"object": "guardproxy.usage", "quotas": [told_state(state) for state in states]}
    headers = base_headers(draft, DEGRADED if gateway.ledger.degraded else {})
    return json_answer(draft, 200, document, headers)


def told_state(state: QuotaState) -> dict[str, Any]:
    """How a quota stands, as it is told over HTTP."""
    quota = state.quota
    told: dict[str, Any] = {
        "id": quota.id,
        "metric": quota.measure,
        "scope": [share.value for share in quota.shares],
        "limit": quota.limit,
        "used": state.used,
        "remaining": state.remaining,
        "reset_ms": state.reset_ms,
        "mode": "shadow" if quota.shadow else "enforce",
    }
    if quota.metric is Metric.COST:
        told["unit"] = "nano_usd"
    return told
