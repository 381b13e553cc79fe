"""OpenAI's rate limit headers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.quota import Metric, Period, Quota
from guardproxy.quota.headers import format_duration, rate_limit_headers, with_ietf_headers
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


def test_the_ietfs_headers_tell_every_quota_of_requests_and_what_runs_at_once() -> None:
    states = [
        QuotaState(Quota(Metric.REQUESTS, 60, 10), 4, 6, 51_001),
        QuotaState(Quota(Metric.TOKENS, 60, 1000), 100, 900, 52_000),
        QuotaState(Quota(Metric.REQUESTS, 0, 500, period=Period.DAY), 500, 0, 3_600_000),
        QuotaState(Quota(Metric.CONCURRENCY, 0, 8), 3, 5, 0),
        QuotaState(Quota(Metric.REQUESTS, 1, 1, shadow=True), 1, 0, 1000),
    ]
    headers = with_ietf_headers(states)
    assert headers.pop("ratelimit-policy") == (
        '"requests-1";q=10;w=60, "requests-2";q=500, "concurrency-3";q=8;qu="concurrent-requests"'
    )
    assert headers.pop("ratelimit") == '"requests-1";r=6;t=52, "requests-2";r=0;t=3600, "concurrency-3";r=5'
    assert headers == rate_limit_headers(states)


def test_without_such_a_quota_there_are_no_headers_of_the_ietf() -> None:
    states = [QuotaState(Quota(Metric.TOKENS, 60, 1000), 100, 900, 52_000)]
    assert with_ietf_headers(states) == rate_limit_headers(states)


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
