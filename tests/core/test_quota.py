"""What a quota is called, and how it is told."""

from __future__ import annotations

import pytest

from guardproxy.core.quota import Metric, Only, Period, Quota, Share


def test_the_id_of_a_quota_stays_when_its_limit_changes() -> None:
    assert Quota(Metric.TOKENS, 60, 100).id == "tokens/60s" == Quota(Metric.TOKENS, 60, 200, hard=True).id
    assert Quota(Metric.TOKENS, 60, 100, shadow=True).id == "tokens/60s"


def test_what_counts_something_else_has_another_id() -> None:
    quotas = [
        Quota(Metric.REQUESTS, 60, 1),
        Quota(Metric.REQUESTS, 3600, 1),
        Quota(Metric.TOKENS, 60, 1),
        Quota(Metric.TOKENS, 0, 1, period=Period.DAY),
        Quota(Metric.TOKENS, 0, 1, period=Period.DAY, zone="Asia/Kathmandu"),
        Quota(Metric.TOKENS, 60, 1, only=Only(models=("a",))),
        Quota(Metric.TOKENS, 60, 1, only=Only(teams=("a",))),
        Quota(Metric.UNITS, 60, 1, unit="a"),
        Quota(Metric.UNITS, 60, 1, unit="b"),
        Quota(Metric.CONCURRENCY, 0, 1),
    ]
    assert len({quota.id for quota in quotas}) == len(quotas)


def test_the_order_of_names_makes_no_other_quota() -> None:
    one, other = (Quota(Metric.TOKENS, 60, 1, only=Only(models=names)) for names in (("a", "b"), ("b", "a")))
    assert one.id == other.id


def test_patterns_choose_by_model_team_and_key_together() -> None:
    only = Only(models=("gpt-*", "tiny"), teams=("red",))
    assert only.chooses(model="gpt-4", team="red", key="anybody")
    assert not only.chooses(model="gpt-4", team="blue", key="anybody")
    assert not only.chooses(model="big", team="red", key="anybody")
    assert Only().chooses(model="", team="", key="")


@pytest.mark.parametrize(
    ("quota", "amount", "told"),
    [
        (Quota(Metric.TOKENS, 60, 1), 12_000, "12,000 tokens"),
        (Quota(Metric.INPUT_TOKENS, 60, 1), 1, "1 input tokens"),
        (Quota(Metric.COST, 60, 1), 250_000_000, "$0.25"),
        (Quota(Metric.COST, 60, 1), 200_000_000_000, "$200"),
        (Quota(Metric.UNITS, 60, 1, unit="premium"), 3, "3 premium"),
        (Quota(Metric.CONCURRENCY, 0, 1), 3, "3 requests"),
    ],
)
def test_amounts_are_told_in_words(quota: Quota, amount: int, told: str) -> None:
    assert quota.shown(amount) == told


def test_spans_are_told_in_words() -> None:
    month = Quota(Metric.COST, 0, 1, period=Period.MONTH, zone="Europe/Zurich")
    assert [q.span for q in (Quota(Metric.TOKENS, 60, 1), month, Quota(Metric.CONCURRENCY, 0, 1))] == [
        "per 60 s",
        "per month (Europe/Zurich)",
        "at a time",
    ]


def test_money_and_calendars_are_budgets_and_rates_are_not() -> None:
    assert Quota(Metric.COST, 60, 1).is_budget
    assert Quota(Metric.TOKENS, 0, 1, period=Period.WEEK).is_budget
    assert not Quota(Metric.TOKENS, 86_400, 1).is_budget


def test_each_key_has_an_account_of_its_own_unless_written_otherwise() -> None:
    assert Quota(Metric.TOKENS, 60, 1).shares == (Share.KEY,)
