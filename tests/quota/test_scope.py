from __future__ import annotations

from dataclasses import replace

from guardproxy.core.quota import Metric, Quota
from guardproxy.quota.model import Account
from guardproxy.quota.scope import PLANS_PER_SCOPE, Scope

HOURLY = Quota(Metric.TOKENS, 3600, 100)
NOW = 1_772_366_400_000


def test_quotas_that_count_the_same_share_a_window_which_is_charged_once() -> None:
    stricter = replace(HOURLY, limit=10)
    first, again = Scope().limits_for(Account("key:a", (HOURLY, stricter)), NOW)
    assert first.window is again.window
    assert [first.repeated, again.repeated] == [False, True]
    assert [first.most, again.most] == [100, 10]


def test_a_changed_limit_keeps_what_was_used() -> None:
    scope = Scope()
    (before,) = scope.limits_for(Account("key:a", (HOURLY,)), NOW)
    before.window.correct(before.window.newest, 7)
    (after,) = scope.limits_for(Account("key:a", (replace(HOURLY, limit=500),)), NOW)
    assert (after.most, after.window.total) == (500, 7)


def test_as_many_plans_are_remembered_as_policies_can_be_in_use() -> None:
    scope = Scope()
    for limit in range(3 * PLANS_PER_SCOPE):
        scope.limits_for(Account("key:a", (replace(HOURLY, limit=limit),)), NOW)
        assert 1 <= len(scope.limits) <= PLANS_PER_SCOPE
    assert len(scope.windows) == 1


def test_a_window_is_forgotten_when_its_charges_have_slid_out() -> None:
    scope = Scope()
    (limit,) = scope.limits_for(Account("key:a", (HOURLY,)), NOW)
    limit.window.correct(limit.window.newest, 7)
    limit.window.advance(NOW)
    assert not scope.forget_past(NOW)
    assert scope.forget_past(limit.window.empties_at)
    assert (scope.windows, scope.limits) == ({}, {})
