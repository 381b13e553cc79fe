from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.quota import Metric, Quota
from guardproxy.quota.estimate import (
    DEFAULT_OUTPUT_TOKENS,
    HARD_OUTPUT_TOKENS,
    MOST_TOKENS,
    Usage,
    most_input_tokens,
    probable_output,
    reported_usage,
)
from guardproxy.quota.plan import Plan, tightest_limits
from guardproxy.quota.price import Price

COUNTS = st.integers(0, 10**7)


def plan(*quotas: Quota, price: Price | None = None) -> Plan:
    hard = any(quota.hard for quota in quotas)
    return Plan((), quotas, True, hard, False, False, tightest_limits(quotas), price, {})


@given(COUNTS, st.integers(-2, 9), COUNTS)
def test_without_a_cap_of_the_client_a_request_is_never_reserved_out_of_its_limit(
    input_tokens: int, choices: int, limit: int
) -> None:
    output = probable_output(plan(Quota(Metric.TOKENS, 60, limit)), input_tokens, None, choices)
    assert 0 <= output <= max(0, limit - input_tokens)
    assert output <= min(limit // 4, DEFAULT_OUTPUT_TOKENS * max(1, choices))


@given(COUNTS, COUNTS, st.integers(1, 9), COUNTS)
def test_what_the_client_allows_is_reserved_in_full(input_tokens: int, cap: int, choices: int, limit: int) -> None:
    assert probable_output(plan(Quota(Metric.TOKENS, 60, limit)), input_tokens, cap, choices) == cap * choices


def test_a_negative_cap_reserves_nothing() -> None:
    assert probable_output(plan(Quota(Metric.TOKENS, 60, 100)), 10, -50, 1) == 0


def test_the_guess_fits_the_tightest_of_all_limits_also_of_money() -> None:
    price = Price(("m",), 10**9, 4 * 10**9)
    quotas = [Quota(Metric.TOKENS, 60, 10_000), Quota(Metric.OUTPUT_TOKENS, 60, 400), Quota(Metric.COST, 60, 8 * 10**5)]
    assert probable_output(plan(*quotas, price=price), 10, None, 1) == 50
    assert probable_output(plan(*quotas[:2], price=price), 10, None, 1) == 100
    assert probable_output(plan(*quotas[:1], price=price), 10, None, 9) == 9 * DEFAULT_OUTPUT_TOKENS
    assert probable_output(plan(*quotas, price=price), 790, None, 1) == 2


def test_where_it_is_known_how_long_answers_are_that_is_expected_of_each_choice() -> None:
    assert probable_output(plan(Quota(Metric.TOKENS, 60, 10**9)), 10, None, 3, usual=900) == 2700
    assert probable_output(plan(Quota(Metric.TOKENS, 60, 1000)), 10, None, 3, usual=900) == 250
    assert probable_output(plan(Quota(Metric.TOKENS, 60, 10**9)), 10, 5, 3, usual=900) == 15


def test_a_hard_limit_leaves_an_answer_without_cap_more_than_a_guess() -> None:
    hard = plan(Quota(Metric.TOKENS, 60, 10**9, hard=True))
    assert probable_output(hard, 10, None, 2) == 2 * HARD_OUTPUT_TOKENS


@given(st.lists(st.text(st.characters(codec=None))))
def test_no_text_has_more_tokens_than_bytes(texts: list[str]) -> None:
    most = most_input_tokens(texts)
    assert most >= sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def test_usage_is_the_total_the_upstream_reports() -> None:
    assert reported_usage({"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}, 1) == Usage(7, 5, 12)
    assert reported_usage({"input_tokens": 7, "output_tokens": 5}, 1) == Usage(7, 5, 12)


def test_a_total_alone_is_split_by_the_estimate_of_the_input() -> None:
    assert reported_usage({"total_tokens": 77}, 10) == Usage(10, 67, 77)
    assert reported_usage({"total_tokens": 7}, 10) == Usage(7, 0, 7)
    assert reported_usage({"total_tokens": 7, "prompt_tokens": 9}, 1) == Usage(1, 6, 7)


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
    assert reported_usage(usage, 5) is None
