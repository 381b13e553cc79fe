"""Which accounts are meant."""

from __future__ import annotations

import pytest

from guardproxy.core.choice import Choice, PolicySet
from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.core.quota import Metric, Period, Quota, Share
from guardproxy.quota.choosing import NoSuchAccount, choose_accounts

QUOTAS = (
    Quota(Metric.REQUESTS, 60, 10),
    Quota(Metric.TOKENS, 0, 1000, period=Period.MONTH, shares=(Share.TEAM,)),
    Quota(Metric.TOKENS, 60, 10, shares=(Share.MODEL,)),
    Quota(Metric.TOKENS, 60, 5000, shares=(Share.GLOBAL,)),
)
SMALL = PolicySet.of(Policy("small", "r1", quotas=QUOTAS))
ADA = Principal("k1", "ada", team="red")


def chosen(
    policies: PolicySet = SMALL,
    key: Principal | None = None,
    team: str | None = None,
    model: str | None = None,
    every: bool = False,
) -> list[str]:
    accounts = choose_accounts(policies, key, team, model, every=every)
    return sorted(account.scope for account in accounts for _ in account.quotas)


def test_nobody_named_means_the_accounts_of_everybody() -> None:
    assert chosen() == ["global:0:"]


def test_a_key_brings_its_team_and_a_model_its_own() -> None:
    assert chosen(key=ADA) == ["global:0:", "key:2:k1", "team:3:red"]
    assert chosen(key=ADA, team="blue") == ["global:0:", "key:2:k1", "team:4:blue"]
    assert chosen(team="blue") == ["global:0:", "team:4:blue"]
    assert chosen(model="m") == ["global:0:", "model:1:m"]


def test_of_several_policies_the_callers_is_looked_at_and_all_are_changed() -> None:
    other = Choice(Policy("other", "r2", quotas=(Quota(Metric.REQUESTS, 3600, 5),)))
    small = SMALL.default
    policies = PolicySet("r", small, {"small": small, "other": other}, teams={"red": "other"})
    assert chosen(policies, ADA) == ["key:2:k1"]
    assert chosen(policies, ADA, every=True) == ["global:0:", "key:2:k1", "key:2:k1", "team:3:red"]


def test_where_there_is_no_quota_there_is_no_account() -> None:
    with pytest.raises(NoSuchAccount, match="no quotas in none"):
        chosen(PolicySet.of(Policy("none", "r")))
    of_keys = PolicySet.of(Policy("keys", "r", quotas=QUOTAS[:1]))
    with pytest.raises(NoSuchAccount, match="name a key"):
        chosen(of_keys)
