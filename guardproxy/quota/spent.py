"""What was spent, from the lines of logs: the durable account behind the one in the store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from guardproxy.core.choice import Choice, PolicySet
from guardproxy.core.conditions import Facts
from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.core.quota import Quota
from guardproxy.quota.grid import grid_of
from guardproxy.quota.model import Account, Charge
from guardproxy.quota.plan import Planner

Spent = list[tuple[Account, Charge]]
# What no line of ours exceeds: a calendar goes on from such a year, and a store adds up such amounts exactly.
_YEARS: Final = range(2000, 9000)
_MOST: Final = 2**53


def spent_of(lines: Iterable[str], planner: Planner, policies: PolicySet, now_ms: int) -> Spent:
    """For each calendar quota of each account in the lines what was charged in its current period.

    An exchange that stands there several times counts once. Other lines, and what is no JSON, are not ours.
    """
    sums: dict[tuple[str, Quota], int] = {}
    seen: set[str] = set()
    for text in lines:
        line = _object(text) if '"charged"' in text else None
        if line is None or line["request_id"] in seen:
            continue
        seen.add(line["request_id"])
        at = int(datetime.fromisoformat(line["time"]).timestamp() * 1000)
        for scope, quota in _calendar_quotas(planner, policies, line):
            if grid_of(quota).slot_at(at) == grid_of(quota).slot_at(now_ms):
                place = scope, quota
                sums[place] = sums.get(place, 0) + line["charged"].get(quota.measure, 0)
    return [(Account(scope, [quota]), {quota.measure: total}) for (scope, quota), total in sums.items()]


def _calendar_quotas(planner: Planner, policies: PolicySet, line: dict[str, Any]) -> Iterator[tuple[str, Quota]]:
    principal = Principal(line["key_id"], line["key_name"], team=line.get("team"))
    policy = _policy_of(line, policies.named.get(line.get("policy") or "") or policies.assigned(principal))
    for account in planner.plan(policy, principal, line.get("model"), True).accounts:
        for quota in account.quotas:
            if quota.period is not None:
                yield account.scope, quota


def _policy_of(line: dict[str, Any], choice: Choice) -> Policy:
    """The form of the policy the exchange was charged by; if it has changed since, the one it would get today."""
    same = (form for form in choice.every if form.revision == line.get("revision"))
    facts = Facts(line["key_name"], line.get("team") or "", "", line.get("model") or "", {})
    return next(same, None) or choice.among(facts)


def _object(text: str) -> dict[str, Any] | None:
    """The line, if it is one that says what was charged to whom and when."""
    try:
        line = json.loads(text)
        if not all(isinstance(line[name], str) for name in ("request_id", "time", "key_id", "key_name")):
            return None
        if not all(isinstance(line.get(name, ""), str | None) for name in ("team", "model", "policy", "revision")):
            return None
        moment = datetime.fromisoformat(line["time"])
        if moment.tzinfo is None or moment.year not in _YEARS:
            return None
        charged = line["charged"].values()
        return line if all(type(amount) is int and 0 <= amount <= _MOST for amount in charged) else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # cut off by a crash, or of somebody else
