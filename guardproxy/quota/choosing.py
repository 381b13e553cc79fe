"""Which accounts somebody means who names a key, a team or a model: for those who look at accounts and change them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from guardproxy.core.choice import PolicySet
from guardproxy.core.conditions import Facts
from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.core.quota import Quota, Share
from guardproxy.errors import GuardproxyError
from guardproxy.quota.model import Account
from guardproxy.quota.plan import Planner

_NOBODY = Principal("-", "-")


class NoSuchAccount(GuardproxyError):
    """No policy has a quota of an account like that."""


def choose_accounts(
    policies: PolicySet,
    key: Principal | None,
    team: str | None,
    model: str | None,
    *,
    every: bool,
    knows_team: bool = True,
) -> tuple[Account, ...]:
    """The accounts that key, team and model choose; without any only those of everybody.

    `knows_team` False: the key's team, if it has one, is not known here; only a token tells that of its caller.

    Of the policy that a caller of these is given, or, with `every`, of all that it can come to be given. Raises
    `NoSuchAccount`.
    """
    if not any(policy.quotas for policy in policies.every):
        names = sorted(choice.policy.name for choice in policies.named.values())
        raise NoSuchAccount(f"There are no quotas in {', '.join(names)}.")
    principal = key or _NOBODY
    if team:
        principal = replace(principal, team=team)
    unknown = {Share.KEY} if key is None else set()
    if principal.team is None and (key is None or not knows_team):
        unknown.add(Share.TEAM)
    anybody = key is None and team is None
    planner = Planner()
    accounts: dict[tuple[str, Sequence[Quota]], Account] = {}
    for policy in policies.every if every else _given(policies, None if anybody else principal, model):
        quotas = tuple(quota for quota in policy.quotas if not unknown & set(quota.shares))
        for account in planner.plan(replace(policy, quotas=quotas), principal, model, True).accounts:
            accounts.setdefault((account.scope, account.quotas), account)
    if not accounts:
        raise NoSuchAccount("The policy has no quota of such an account: name a key, a team or a model.")
    return tuple(accounts.values())


def _given(policies: PolicySet, principal: Principal | None, model: str | None) -> list[Policy]:
    """The policy of this caller, in the form for this model; without a caller all policies in that form."""
    choices = list(policies.named.values()) if principal is None else [policies.assigned(principal)]
    name, team = ("", "") if principal is None else (principal.name, principal.team or "")
    return [choice.among(Facts(key=name, team=team, surface="", model=model or "", metadata={})) for choice in choices]
