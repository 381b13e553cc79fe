"""What the logs say was spent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from guardproxy.cli.spent import read_spent
from guardproxy.core.choice import Choice, PolicySet
from guardproxy.core.conditions import Condition, OneOf
from guardproxy.core.policy import Policy
from guardproxy.core.quota import Metric, Period, Quota, Share
from guardproxy.errors import ConfigurationError
from guardproxy.settings import Settings

MONTH = Quota(Metric.COST, 0, 10**12, period=Period.MONTH, shares=(Share.TEAM,))
DAY = Quota(Metric.TOKENS, 0, 10**9, period=Period.DAY)
POLICY = Policy("p", "r", quotas=(MONTH, DAY, Quota(Metric.TOKENS, 60, 100)))
ALONE = PolicySet.of(POLICY)
SETTINGS = Settings.model_validate_json(json.dumps({"quota": {"prices": [{"models": ["*"], "input": 1.0}]}}))
NOON = int(datetime(2026, 3, 5, 12, tzinfo=UTC).timestamp() * 1000)


def line(number: int, time: str, team: str | None, cost: int, tokens: int) -> dict[str, Any]:
    return {
        "time": time, "request_id": f"r{number}", "key_id": "k1", "key_name": "ada", "team": team, "model": "m",
        "charged": {"cost": cost, "tokens": tokens},
    }  # fmt: skip


def spent(*logs: Path, policies: PolicySet = ALONE) -> dict[tuple[str, str], int]:
    return {
        (account.scope, account.quotas[0].id): sum(charge.values())
        for account, charge in read_spent(logs, SETTINGS, policies, NOON).spent.charges
    }


def test_charges_of_the_current_periods_are_summed_by_account(tmp_path: Path) -> None:
    log, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    lines = [
        line(1, "2026-03-05T00:00:00.000Z", "red", 5, 10),
        line(2, "2026-03-04T23:59:59.999Z", "red", 7, 20),
        line(3, "2026-02-28T23:59:59.999Z", "red", 100, 100),
        line(4, "2026-03-05T01:00:00.000Z", None, 11, 30),
        {"event": "proxy_started"},
    ]
    log.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    other.write_text(json.dumps(lines[0]) + '\nno json "charged"\n{"charged": {}}\n', encoding="utf-8")
    found = spent(log, other)
    _, unusable = read_spent([log, tmp_path / "b.jsonl", log], SETTINGS, ALONE, NOON)
    assert unusable == (f"{other}:2", f"{other}:3")
    assert sorted(found.values()) == [11, 12, 40]
    assert {quota for _, quota in found} == {"cost/month@UTC", "tokens/day@UTC"}


def test_each_line_is_charged_by_the_policy_it_was_decided_by(tmp_path: Path) -> None:
    form = Policy("p", "r-1", quotas=(DAY,))
    choice = Choice(POLICY, (Condition((OneOf("metadata.tier", frozenset({"x"})),)),), {0: POLICY, 1: form})
    other = Choice(Policy("other", "q"))
    policies = PolicySet("s", choice, {"p": choice, "other": other})
    log = tmp_path / "a.jsonl"
    decided = [("p", "r"), ("p", "r-1"), ("other", "q"), ("gone", "x"), ("p", "before a change")]
    lines = [
        {**line(10**number, "2026-03-05T00:00:00.000Z", "red", 0, 10**number), "policy": name, "revision": revision}
        for number, (name, revision) in enumerate(decided)
    ]
    log.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert {quota: total for (_, quota), total in spent(log, policies=policies).items()} == {
        "cost/month@UTC": 0, "tokens/day@UTC": 11_011,
    }  # fmt: skip


def test_a_log_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        spent(tmp_path / "none.jsonl")
