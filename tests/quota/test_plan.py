"""Who is charged."""

from __future__ import annotations

from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.core.quota import Metric, Only, Period, Quota, Share
from guardproxy.quota.plan import MOST_PLANS, NO_PLAN, Planner
from guardproxy.quota.price import Price, PriceTable

ADA = Principal("k1", "ada", team="red")
BOB = Principal("k2", "bob", team="red")
EVE = Principal("k3", "eve")
KEY = Quota(Metric.REQUESTS, 60, 3)
TEAM = Quota(Metric.TOKENS, 60, 100, shares=(Share.TEAM,))
BOTH = Quota(Metric.TOKENS, 60, 100, shares=(Share.KEY, Share.MODEL))
ALL = Quota(Metric.COST, 0, 100, period=Period.MONTH, shares=(Share.GLOBAL,))


def policy(*quotas: Quota, revision: str = "r") -> Policy:
    return Policy("p", revision, quotas=quotas)


def test_quotas_of_one_scope_share_an_account_and_each_scope_has_its_own() -> None:
    plan = Planner().plan(policy(KEY, TEAM, BOTH, ALL), ADA, "m", True)
    assert [account.quotas for account in plan.accounts] == [(KEY,), (TEAM,), (BOTH,), (ALL,)]
    assert len({account.scope for account in plan.accounts}) == 4
    assert plan.quotas == (KEY, TEAM, BOTH, ALL)


def test_keys_of_a_team_share_its_account_and_nothing_else() -> None:
    planner = Planner()
    plans = [planner.plan(policy(KEY, TEAM, ALL), who, "m", True) for who in (ADA, BOB, EVE)]
    ada, bob, eve = ([account.scope for account in plan.accounts] for plan in plans)
    assert ada[0] != bob[0]
    assert ada[1] == bob[1] != eve[1]
    assert ada[2] == bob[2] == eve[2]
    assert plans[0].accounts[1] is plans[1].accounts[1]


def test_no_two_scopes_are_written_alike_whatever_the_names() -> None:
    one = Principal("k", "x", team="a|model:1:b")
    other = Principal("k", "x", team="a")
    shared = policy(Quota(Metric.REQUESTS, 60, 1, shares=(Share.TEAM, Share.MODEL)))
    planner = Planner()
    scopes = {
        planner.plan(shared, one, "c", True).accounts[0].scope,
        planner.plan(shared, other, "b", True).accounts[0].scope,
    }
    assert len(scopes) == 2


def test_a_plan_is_made_once() -> None:
    planner = Planner()
    assert planner.plan(policy(KEY), ADA, "m", True) is planner.plan(policy(KEY), ADA, "m", True)
    assert planner.plan(policy(TEAM, revision="s"), ADA, "m", True).quotas == (TEAM,)


def test_a_key_that_changes_its_team_is_charged_to_the_new_one() -> None:
    planner = Planner()
    teams = (Principal("k1", "ada", team=team) for team in "ab")
    scopes = {planner.plan(policy(TEAM), who, "m", True).accounts[0].scope for who in teams}
    assert len(scopes) == 2


def test_many_models_do_not_fill_the_memory() -> None:
    planner = Planner()
    for number in range(MOST_PLANS + 10):
        planner.plan(policy(BOTH), ADA, f"m{number}", True)
    assert len(planner._plans) <= MOST_PLANS
    assert len(planner._accounts) <= MOST_PLANS


def test_a_quota_applies_only_to_whom_it_names() -> None:
    only = Quota(Metric.REQUESTS, 60, 1, only=Only(models=("gpt-*",), teams=("red",), keys=("a*",)))
    planner = Planner()
    assert planner.plan(policy(only), ADA, "gpt-9", True).quotas == (only,)
    for who, model in ((ADA, "other"), (BOB, "gpt-9"), (EVE, "gpt-9")):
        assert planner.plan(policy(only), who, model, True) is NO_PLAN


def test_without_a_model_only_quotas_of_all_models_apply_and_without_text_none_of_text() -> None:
    about = Quota(Metric.REQUESTS, 60, 1, only=Only(models=("*",)))
    assert Planner().plan(policy(KEY, TEAM, BOTH, about), ADA, None, False).quotas == (KEY,)


def test_a_charge_names_money_and_units_only_where_they_count() -> None:
    prices = PriceTable([Price(("m",), 10**9, 2 * 10**9, {"premium": 3, "other": 1})])
    units = Quota(Metric.UNITS, 60, 9, unit="premium")
    plain = Planner(prices).plan(policy(KEY), ADA, "m", True).charge(10, 5)
    assert plain == {"requests": 1, "tokens": 15}
    full = Planner(prices).plan(policy(ALL, units), ADA, "m", True).charge(10, 5, 18)
    assert full == {
        "requests": 1, "tokens": 18, "input_tokens": 10, "output_tokens": 5, "cost": 20_000, "units.premium": 3,
    }  # fmt: skip


def test_the_switch_turns_every_quota_into_a_shadow() -> None:
    plan = Planner(enforce=False).plan(policy(KEY, Quota(Metric.TOKENS, 60, 9, hard=True)), ADA, "m", True)
    assert all(quota.shadow for quota in plan.quotas)
    assert not plan.hard


def test_another_planner_plans_the_same_and_remembers_nothing_of_the_first() -> None:
    planner = Planner(PriceTable([Price(("m",), 2, 3)]), enforce=False)
    plan, again = (each.plan(policy(KEY, ALL), ADA, "m", True) for each in (planner, planner.again()))
    assert again is not plan
    assert again.charge(5, 7) == plan.charge(5, 7)
    assert [quota.shadow for quota in again.quotas] == [True, True]
