"""What was spent, from the lines of logs: the durable account behind the one in the store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from guardproxy.core.choice import Choice, PolicySet
from guardproxy.core.conditions import Facts
from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.core.quota import Quota
from guardproxy.quota.grid import grid_of
from guardproxy.quota.model import Account, Charge
from guardproxy.quota.plan import Planner

FIRST_TOLD: Final = 5
_CHARGED: Final = '"charged"'
# What no line of ours exceeds: a calendar goes on from such a year, and a store adds up such amounts exactly.
_YEARS: Final = range(2000, 9000)
_MOST: Final = 2**53


class Spent(NamedTuple):
    """`charges`: for each calendar quota of each account what was charged in its current period.

    Of all `lines`, `exchanges` hold a charge, and `repeated` one that stood there before. `unusable` ones may have held
    one too: cut off by a crash, changed, or not JSON lines at all; `first_unusable` are their numbers, from 1.
    """

    charges: Sequence[tuple[Account, Charge]]
    lines: int = 0
    exchanges: int = 0
    repeated: int = 0
    unusable: int = 0
    first_unusable: tuple[int, ...] = ()


def spent_of(lines: Iterable[str], planner: Planner, policies: PolicySet, now_ms: int) -> Spent:
    """What the lines say was spent. An exchange that stands there several times counts once; events without a charge
    are passed over, and what cannot be used is counted.
    """
    sums: dict[tuple[str, Quota], int] = {}
    seen: set[str] = set()
    number = repeated = unusable = 0
    first_unusable: tuple[int, ...] = ()
    for number, text in enumerate(lines, start=1):
        line = _object(text) if _CHARGED in text else None
        if line is None:
            if _CHARGED in text or _is_no_line(text.strip()):
                unusable += 1
                first_unusable = (*first_unusable, number)[:FIRST_TOLD]
            continue
        if line["request_id"] in seen:
            repeated += 1
            continue
        seen.add(line["request_id"])
        at = int(datetime.fromisoformat(line["time"]).timestamp() * 1000)
        for scope, quota in _calendar_quotas(planner, policies, line):
            if grid_of(quota).slot_at(at) == grid_of(quota).slot_at(now_ms):
                place = scope, quota
                sums[place] = sums.get(place, 0) + line["charged"].get(quota.measure, 0)
    charges = [(Account(scope, [quota]), {quota.measure: total}) for (scope, quota), total in sums.items()]
    return Spent(charges, number, len(seen), repeated, unusable, first_unusable)


def _is_no_line(text: str) -> bool:
    """Whether it cannot be a whole line of a log in JSON; without parsing what holds no charge."""
    return bool(text) and not (text.startswith("{") and text.endswith("}"))


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
