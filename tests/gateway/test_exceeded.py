"""What a caller is told about a used-up limit."""

from __future__ import annotations

import pytest

from guardproxy.core.quota import Metric, Period, Quota, Share
from guardproxy.errors import QuotaExceeded
from guardproxy.gateway.exceeded import exceeded, over_limit
from guardproxy.quota.model import Admission, QuotaState
from tests.support.gateway import NOON_MS


def told(quota: Quota, wait_ms: int | None, amount: int = 1) -> QuotaExceeded:
    state = QuotaState(quota, quota.limit, 0, 0)
    return exceeded(Admission(False, (state,), state, wait_ms), {quota.measure: amount}, NOON_MS)


@pytest.mark.parametrize(
    ("metric", "type_"),
    [(Metric.REQUESTS, "requests"), (Metric.TOKENS, "tokens"), (Metric.OUTPUT_TOKENS, "tokens")],
)
def test_a_rate_names_its_metric_and_the_wait_at_most_a_tenth_longer(metric: Metric, type_: str) -> None:
    waits = [told(Quota(metric, 60, 1000), 5001).retry.after_ms for _ in range(200)]
    assert all(wait is not None and 5001 <= wait <= 5502 for wait in waits)
    assert len(set(waits)) > 1
    error = told(Quota(metric, 60, 1000), 5001)
    assert (error.status, error.type, error.code) == (429, type_, "rate_limit_exceeded")
    assert "1,000" in error.message
    assert "5.001 s" in error.message


def test_a_request_larger_than_the_limit_is_told_both_numbers_and_not_to_come_back() -> None:
    error = told(Quota(Metric.TOKENS, 60, 1000), None, 5000)
    assert (error.status, error.type, error.code) == (429, "tokens", "rate_limit_exceeded")
    assert not error.retry.allowed
    assert "too large" in error.message
    assert "1,000 tokens" in error.message
    assert "5,000 tokens" in error.message
    assert error.message.endswith("send less, or ask for fewer output tokens")  # each API calls its cap otherwise


def test_concurrency_comes_back_soon_at_no_exact_time() -> None:
    waits = {told(Quota(Metric.CONCURRENCY, 0, 3), 0).retry.after_ms or 0 for _ in range(100)}
    assert all(250 <= wait <= 1000 for wait in waits)
    assert len(waits) > 10
    error = told(Quota(Metric.CONCURRENCY, 0, 3), 0)
    assert (error.status, error.type, error.code) == (429, "requests", "concurrency_limit_exceeded")
    assert "3 requests at a time" in error.message


@pytest.mark.parametrize(
    "quota",
    [
        Quota(Metric.COST, 60, 2_500_000_000),
        Quota(Metric.TOKENS, 0, 1000, period=Period.MONTH, shares=(Share.KEY, Share.TEAM)),
    ],
)
def test_a_budget_is_not_worth_a_retry_and_tells_when_there_is_room(quota: Quota) -> None:
    error = told(quota, 60_000)
    assert (error.status, error.type, error.code) == (429, "insufficient_quota", "insufficient_quota")
    assert not error.retry.allowed
    assert error.detail == {"resets_at": "2026-03-01T12:01:00Z"}


def test_money_is_told_in_dollars() -> None:
    assert "$2.5 per month (UTC)" in told(Quota(Metric.COST, 0, 2_500_000_000, period=Period.MONTH), 1).message


def test_an_answer_that_a_hard_limit_ends_is_told_as_a_used_up_budget() -> None:
    assert (over_limit().code, over_limit().retry.allowed) == ("insufficient_quota", False)
