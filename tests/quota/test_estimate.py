from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.policy import Metric, Quota
from guardproxy.quota.estimate import (
    DEFAULT_OUTPUT_TOKENS,
    MOST_TOKENS,
    estimate_input_tokens,
    format_duration,
    rate_limit_headers,
    reserve_tokens,
    tightest_limit,
    usage_tokens,
)
from guardproxy.quota.model import QuotaState

COUNTS = st.integers(0, 10**7)


def test_ascii_prose_takes_a_token_for_three_bytes() -> None:
    assert estimate_input_tokens(["a" * 300]) == 100


def test_prose_with_accents_is_still_prose() -> None:
    assert estimate_input_tokens(["Größe und Maß: ein Café am Fluss, sagt sie"]) == 16


def test_other_scripts_take_a_token_for_two_bytes() -> None:
    assert estimate_input_tokens(["漢字かな"]) == 6


def test_every_text_rounds_up() -> None:
    assert estimate_input_tokens(["a", "b", "", "cccc"]) == 4


@given(st.lists(st.text(st.characters(codec=None))))
def test_any_text_has_an_estimate_between_its_bytes_by_three_and_by_two(texts: list[str]) -> None:
    sizes = [len(text.encode("utf-8", "surrogatepass")) for text in texts]
    assert sum(sizes) / 3 <= estimate_input_tokens(texts) <= sum(-(-size // 2) for size in sizes)


@given(COUNTS, st.integers(-2, 9), COUNTS)
def test_without_a_cap_of_the_client_a_request_is_never_reserved_out_of_its_limit(
    input_tokens: int, choices: int, limit: int
) -> None:
    reserved = reserve_tokens(input_tokens, None, choices, limit)
    assert input_tokens <= reserved <= max(input_tokens, limit)
    assert reserved - input_tokens <= min(limit // 4, DEFAULT_OUTPUT_TOKENS * max(1, choices))


@given(COUNTS, COUNTS, st.integers(1, 9), COUNTS)
def test_what_the_client_allows_is_reserved_in_full(input_tokens: int, cap: int, choices: int, limit: int) -> None:
    assert reserve_tokens(input_tokens, cap, choices, limit) == input_tokens + cap * choices


def test_a_negative_cap_reserves_no_less_than_the_input() -> None:
    assert reserve_tokens(10, -50, 1, 100) == 10


def test_the_tightest_limit_is_the_smallest_of_its_metric() -> None:
    quotas = [Quota(Metric.TOKENS, 60, 500), Quota(Metric.TOKENS, 1, 90), Quota(Metric.REQUESTS, 60, 3)]
    assert tightest_limit(quotas, Metric.TOKENS) == 90
    assert tightest_limit(quotas[2:], Metric.TOKENS) is None


def test_usage_is_the_total_the_upstream_reports() -> None:
    assert usage_tokens({"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}) == 12


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        "12",
        12,
        {},
        {"total_tokens": None},
        {"total_tokens": True},
        {"total_tokens": -1},
        {"total_tokens": 12.0},
        {"total_tokens": "12"},
        {"total_tokens": [12]},
        {"total_tokens": MOST_TOKENS + 1},
        {"usage": {"total_tokens": 12}},
    ],
)
def test_usage_that_cannot_be_believed_is_no_usage(usage: object) -> None:
    assert usage_tokens(usage) is None


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
