"""Which accounts an exchange is charged to, found out once for each key and model.

A quota names the kind of its account; the key, its team and the model say which one it is. Keys without a team share
one account of a team quota: otherwise whoever is in no team would have no limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.core.quota import OF_TEXT, Metric, Quota, Share
from guardproxy.quota.model import Account
from guardproxy.quota.price import Price, PriceTable

NO_TEAM: Final = "-"
MOST_PLANS: Final = 10_000


_REQUESTS: Final = Metric.REQUESTS
_TOKENS: Final = Metric.TOKENS
_PLAIN: Final = frozenset({_REQUESTS.value, _TOKENS.value, Metric.CONCURRENCY.value})


class Plan(NamedTuple):
    """`quotas` are those of all accounts. `of_text`: some count what only texts use. `hard`: some may not be exceeded.
    `budget`: some are spent and not waited for. `plain`: only requests and tokens count. `tightest`: the smallest limit
    of each metric of text.

    `price` is None where nothing counts money; `units` are charged for each request.
    """

    accounts: tuple[Account, ...]
    quotas: tuple[Quota, ...]
    of_text: bool
    hard: bool
    budget: bool
    plain: bool
    tightest: Mapping[Metric, int]
    price: Price | None
    units: Mapping[str, int]

    def charge(self, input_tokens: int, output_tokens: int, total: int | None = None) -> dict[str, int]:
        """One request that uses so much. `total` where the upstream's own sum is known."""
        if self.plain:
            return {_REQUESTS: 1, _TOKENS: input_tokens + output_tokens if total is None else total}
        amounts: dict[str, int] = {
            Metric.REQUESTS: 1,
            Metric.TOKENS: input_tokens + output_tokens if total is None else total,
            Metric.INPUT_TOKENS: input_tokens,
            Metric.OUTPUT_TOKENS: output_tokens,
        }
        if self.price is not None:
            amounts[Metric.COST] = self.price.cost(input_tokens, output_tokens)
        if self.units:
            amounts.update(self.units)
        return amounts


NO_PLAN: Final = Plan((), (), False, False, False, True, {}, None, {})


class Planner:
    """`enforce=False` is the switch that turns every quota into one that counts and refuses nothing."""

    def __init__(self, prices: PriceTable | None = None, *, enforce: bool = True) -> None:
        self._prices = prices or PriceTable()
        self._enforce = enforce
        self._plans: dict[tuple[str, str, str, str | None, str | None, bool], Plan] = {}
        self._accounts: dict[tuple[str, tuple[Quota, ...]], Account] = {}

    def again(self) -> Planner:
        """Another one that plans the same, with nothing remembered."""
        return Planner(self._prices, enforce=self._enforce)

    def plan(self, policy: Policy, principal: Principal, model: str | None, has_text: bool) -> Plan:
        """The plan of a request; without a model only quotas for all of them, without text none that counts tokens."""
        name = (policy.revision, principal.key_id, principal.name, principal.team, model, has_text)
        known = self._plans.get(name)
        if known is None:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
                self._accounts.clear()
            known = self._plans[name] = self._made(policy, principal, model, has_text)
        return known

    def _made(self, policy: Policy, principal: Principal, model: str | None, has_text: bool) -> Plan:
        of_scope: dict[str, list[Quota]] = {}
        for quota in policy.quotas:
            if _is_about(quota, principal, model, has_text):
                scope = _scope(quota.shares, policy, principal, model or "")
                of_scope.setdefault(scope, []).append(quota if self._enforce else replace(quota, shadow=True))
        if not of_scope:
            return NO_PLAN
        accounts = tuple(self._account(scope, quotas) for scope, quotas in of_scope.items())
        quotas = tuple(quota for account in accounts for quota in account.quotas)
        price = self._prices.of(model or "")
        measures = {quota.measure for quota in quotas}
        units = {f"{Metric.UNITS.value}.{unit}": count for unit, count in price.units.items()}
        return Plan(
            accounts,
            quotas,
            any(quota.metric in OF_TEXT for quota in quotas),
            any(quota.hard and not quota.shadow for quota in quotas),
            any(quota.is_budget for quota in quotas),
            measures <= _PLAIN,
            tightest_limits(quotas),
            price if Metric.COST in measures else None,
            {unit: count for unit, count in units.items() if unit in measures},
        )

    def _account(self, scope: str, quotas: Sequence[Quota]) -> Account:
        """The same account for the same scope and quotas, whoever shares it."""
        name = (scope, tuple(quotas))
        known = self._accounts.get(name)
        if known is None:
            known = self._accounts[name] = Account(scope, quotas)
        return known


def tightest_limits(quotas: Sequence[Quota]) -> dict[Metric, int]:
    """The smallest limit of each metric that only texts use."""
    tightest: dict[Metric, int] = {}
    for quota in quotas:
        if quota.metric in OF_TEXT:
            tightest[quota.metric] = min(quota.limit, tightest.get(quota.metric, quota.limit))
    return tightest


def _is_about(quota: Quota, principal: Principal, model: str | None, has_text: bool) -> bool:
    if model is None and (Share.MODEL in quota.shares or quota.only.models):
        return False
    if not has_text and quota.metric in OF_TEXT:
        return False
    return quota.only.chooses(model=model or "", team=principal.team or NO_TEAM, key=principal.name)


def _scope(shares: Sequence[Share], policy: Policy, principal: Principal, model: str) -> str:
    values = {
        Share.KEY: principal.key_id,
        Share.TEAM: principal.team or NO_TEAM,
        Share.MODEL: model,
        Share.POLICY: policy.name,
        Share.GLOBAL: "",
    }
    # A name may hold any character, so its length goes first: no two scopes are written alike.
    return "|".join(f"{share.value}:{len(values[share])}:{values[share]}" for share in sorted(shares))
