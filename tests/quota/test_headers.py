"""OpenAI's rate limit headers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.quota import Metric, Quota
from guardproxy.quota.headers import format_duration, rate_limit_headers
from guardproxy.quota.model import QuotaState


def test_headers_tell_the_quota_of_each_metric_with_least_left() -> None:
    states = [
        QuotaState(Quota(Metric.REQUESTS, 60, 10), 4, 6, 52_000),
        QuotaState(Quota(Metric.TOKENS, 60, 1000), 100, 900, 52_000),
        QuotaState(Quota(Metric.TOKENS, 3600, 5000), 4990, 10, 3_600_000),
    ]
    assert rate_limit_headers(states) == {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "6",
        "x-ratelimit-reset-requests": "52s",
        "x-ratelimit-limit-tokens": "5000",
        "x-ratelimit-remaining-tokens": "10",
        "x-ratelimit-reset-tokens": "1h0m0s",
    }


def test_a_metric_without_quota_has_no_headers() -> None:
    assert rate_limit_headers([]) == {}


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [
        ("0s", 0),
        ("12ms", 12),
        ("120ms", 120),
        ("1s", 1000),
        ("1.5s", 1500),
        ("10s", 10_000),
        ("6m0s", 360_000),
        ("1h0m0s", 3_600_000),
        ("23h18m29.144s", 83_909_144),
    ],
)
def test_durations_are_written_as_openai_writes_them(written: str, milliseconds: int) -> None:
    assert format_duration(milliseconds) == written


@given(st.integers(0, 10**10))
def test_a_duration_reads_back_as_the_same_number_of_milliseconds(milliseconds: int) -> None:
    units = {"h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1_000}
    parts = re.findall(r"(\d+)(?:\.(\d{1,3}))?(ms|[hms])", format_duration(milliseconds))
    micros = sum(
        int(whole) * units[unit] + int((part or "0").ljust(3, "0")) * units[unit] // 1000 for whole, part, unit in parts
    )
    assert micros == milliseconds * 1000


def test_other_metrics_and_shadows_have_no_headers() -> None:
    states = [
        QuotaState(Quota(Metric.COST, 60, 10), 4, 6, 52_000),
        QuotaState(Quota(Metric.CONCURRENCY, 0, 10), 4, 6, 0),
        QuotaState(Quota(Metric.REQUESTS, 60, 10, shadow=True), 4, 6, 52_000),
    ]
    assert rate_limit_headers(states) == {}
