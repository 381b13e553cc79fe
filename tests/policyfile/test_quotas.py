"""Quotas as they are written, and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from guardproxy.core.quota import Metric, Only, OnStoreError, Period, Quota, Share
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.load import read_policy
from guardproxy.policyfile.quotas import compile_quotas
from tests.policyfile.workshop import write_policy


def quotas(folder: Path, *written: dict[str, Any]) -> tuple[Quota, ...]:
    return compile_quotas(read_policy(write_policy(folder, quotas=list(written))))


def test_the_short_form_is_a_limit_of_each_key_on_a_sliding_window(tmp_path: Path) -> None:
    (quota,) = quotas(tmp_path, {"metric": "tokens", "per": "hour", "limit": 5})
    assert quota == Quota(Metric.TOKENS, 3600, 5)
    assert (quota.shares, quota.hard, quota.shadow) == ((Share.KEY,), False, False)


def test_everything_that_can_be_written_has_its_meaning(tmp_path: Path) -> None:
    (quota,) = quotas(
        tmp_path,
        {
            "metric": "cost", "per": "month", "limit": 12.5, "scope": ["team", "model"], "zone": "Europe/Zurich",
            "hard": True, "mode": "shadow", "only": {"models": ["gpt-*"], "teams": ["red"], "keys": ["a"]},
        },
    )  # fmt: skip
    assert quota == Quota(
        Metric.COST, 0, 12_500_000_000, period=Period.MONTH, zone="Europe/Zurich",
        shares=(Share.MODEL, Share.TEAM), hard=True, shadow=True,
        only=Only(("gpt-*",), ("red",), ("a",)), on_store_error=OnStoreError.CLOSED,
    )  # fmt: skip


def test_all_quotas_of_a_policy_in_shadow_are_in_shadow(tmp_path: Path) -> None:
    path = write_policy(tmp_path, mode="shadow", quotas=[{"metric": "requests", "per": "day", "limit": 1}])
    assert [quota.shadow for quota in compile_quotas(read_policy(path))] == [True]


def test_without_its_store_a_hard_limit_is_closed_and_another_degraded_unless_written(tmp_path: Path) -> None:
    base = {"metric": "tokens", "limit": 5}
    found = quotas(
        tmp_path,
        {**base, "per": "minute"},
        {**base, "per": "hour", "hard": True},
        {**base, "per": "day", "hard": True, "on_store_error": "open"},
    )
    assert [quota.on_store_error.value for quota in found] == ["degraded", "closed", "open"]


def test_concurrency_units_and_calendar_days_are_written_like_the_rest(tmp_path: Path) -> None:
    found = quotas(
        tmp_path,
        {"metric": "concurrency", "limit": 5, "scope": "global"},
        {"metric": "units", "unit": "premium", "per": "calendar_day", "limit": 5},
    )
    assert [quota.id for quota in found] == ["concurrency", "units.premium/day@UTC"]


def test_a_limit_may_be_enforced_and_another_shadowed_on_the_same_window(tmp_path: Path) -> None:
    base = {"metric": "tokens", "per": "minute"}
    found = quotas(tmp_path, {**base, "limit": 500}, {**base, "limit": 300, "mode": "shadow"})
    assert found[0].id == found[1].id


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ({"metric": "concurrency", "per": "minute", "limit": 1}, "it has no 'per'"),
        ({"metric": "tokens", "limit": 1}, "'per' is missing"),
        ({"metric": "units", "per": "minute", "limit": 1}, "'unit' names"),
        ({"metric": "tokens", "per": "minute", "limit": 1, "unit": "x"}, "'unit' names"),
        ({"metric": "tokens", "per": "minute", "limit": 1.5}, "whole number"),
        ({"metric": "cost", "per": "month", "limit": 10_000_000}, "US dollars"),
        ({"metric": "requests", "per": "minute", "limit": 1, "hard": True}, "never exceeded anyway"),
        ({"metric": "tokens", "per": "minute", "limit": 1, "zone": "UTC"}, "know no midnight"),
        ({"metric": "tokens", "per": "week", "limit": 1, "zone": "Mars/Base"}, "unknown time zone 'Mars/Base'"),
        ({"metric": "tokens", "per": "week", "limit": 1, "zone": "../etc/passwd"}, "unknown time zone"),
        ({"metric": "tokens", "per": "week", "limit": 1, "scope": "kee"}, "unknown scope 'kee'; use key, team"),
        ({"metric": "tokens", "per": "week", "limit": 0}, "greater than 0"),
    ],
)
def test_what_makes_no_sense_is_told_where_it_stands(tmp_path: Path, written: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        quotas(tmp_path, {"metric": "requests", "per": "day", "limit": 1}, written)
    assert problem in raised.value.message
    assert "policy.yaml:" in raised.value.message


def test_the_same_account_and_window_twice_is_a_mistake(tmp_path: Path) -> None:
    twice = {"metric": "tokens", "per": "minute", "limit": 1}
    with pytest.raises(ConfigurationError, match="already has a limit"):
        quotas(tmp_path, {**twice, "scope": ["key", "team"]}, {**twice, "scope": ["team", "key"], "limit": 2})
