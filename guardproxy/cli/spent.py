"""What was spent, from the logs: the durable account behind the one in the store."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from guardproxy.cli.compose_quota import check_prices, make_planner
from guardproxy.core.choice import Choice, PolicySet
from guardproxy.core.conditions import Facts
from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.core.quota import Quota
from guardproxy.errors import ConfigurationError
from guardproxy.quota.grid import grid_of
from guardproxy.quota.model import Account, Charge
from guardproxy.quota.plan import Planner
from guardproxy.settings import Settings

Spent = list[tuple[Account, Charge]]


def read_spent(logs: Sequence[Path], settings: Settings, policies: PolicySet, now_ms: int | None = None) -> Spent:
    """For each calendar quota of each account in the logs what was charged in its current period.

    An exchange that stands in several logs counts once. Raises `ConfigurationError` for a log that cannot be read.
    """
    now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    check_prices(settings, policies)
    planner = make_planner(settings)
    sums: dict[tuple[str, Quota], int] = {}
    seen: set[str] = set()
    for line in _charged_lines(logs):
        if line["request_id"] in seen:
            continue
        seen.add(line["request_id"])
        for scope, quota in _calendar_quotas(planner, policies, line):
            at = int(datetime.fromisoformat(line["time"]).timestamp() * 1000)
            if grid_of(quota).slot_at(at) == grid_of(quota).slot_at(now):
                place = scope, quota
                sums[place] = sums.get(place, 0) + line["charged"].get(quota.measure, 0)
    return [(Account(scope, [quota]), {quota.measure: total}) for (scope, quota), total in sums.items()]


def _calendar_quotas(planner: Planner, policies: PolicySet, line: dict[str, Any]) -> Iterator[tuple[str, Quota]]:
    principal = Principal(line["key_id"], line["key_name"], team=line.get("team"))
    policy = _policy_of(line, policies.named.get(line.get("policy", "")) or policies.assigned(principal))
    for account in planner.plan(policy, principal, line.get("model"), True).accounts:
        for quota in account.quotas:
            if quota.period is not None:
                yield account.scope, quota


def _policy_of(line: dict[str, Any], choice: Choice) -> Policy:
    """The form of the policy the exchange was charged by; if it has changed since, the one it would get today."""
    same = (form for form in choice.every if form.revision == line.get("revision"))
    facts = Facts(line["key_name"], line.get("team") or "", "", line.get("model") or "", {})
    return next(same, None) or choice.among(facts)


def _charged_lines(logs: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """The lines of exchanges that a budget counted. Other lines, and what is no JSON, are not ours."""
    for log in logs:
        try:
            with log.open(encoding="utf-8", errors="replace") as lines:
                for text in lines:
                    if '"charged"' not in text:
                        continue
                    line = _object(text)
                    if line is not None:
                        yield line
        except OSError as error:
            raise ConfigurationError(f"{log}: cannot be read: {error.strerror}") from error


def _object(text: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None  # a line that a crash cut off
    whole = isinstance(line, dict) and isinstance(line.get("charged"), dict)
    return line if whole and {"request_id", "time", "key_id", "key_name"} <= line.keys() else None
