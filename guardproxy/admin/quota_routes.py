"""The accounts: how they stand, begin one anew, put one right after a loss of data."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from guardproxy.admin.errors import NotFound
from guardproxy.admin.route import Call, Controls, Told
from guardproxy.core.principal import Principal
from guardproxy.gateway.usage import told_state
from guardproxy.identity.changes import chosen
from guardproxy.identity.keyring import SESSION
from guardproxy.oidc.mapping import is_caller_id
from guardproxy.quota.choosing import NoSuchAccount, choose_accounts
from guardproxy.quota.model import Account
from guardproxy.quota.spent import spent_of


async def show_quotas(controls: Controls, call: Call) -> Told:
    """Of everybody, and of a key (id or name), a team or a model where one is named."""
    try:
        accounts = await _accounts(controls, call.query, every=False)
    except NoSuchAccount:
        accounts = ()
    states = await controls.gateway.ledger.look(accounts)
    scopes = [account.scope for account in accounts for _ in account.quotas]
    data = [{"account": scope, **told_state(state)} for scope, state in zip(scopes, states, strict=True)]
    document = {"object": "list", "data": data, "degraded": controls.gateway.ledger.degraded}
    return Told(document, _named(call.query), {"quotas": len(data)})


async def reset_quotas(controls: Controls, call: Call) -> Told:
    """Nothing is used any more. What runs keeps its place among what runs."""
    asked = {name: value for name in ("key", "team", "model") if (value := getattr(call.body, name)) is not None}
    accounts = await _accounts(controls, asked, every=True)
    await controls.gateway.ledger.forget(accounts)
    scopes = list(dict.fromkeys(account.scope for account in accounts))
    return Told({"object": "guardproxy.quota_reset", "accounts": scopes}, _named(asked), {"accounts": len(scopes)})


async def reconcile_quotas(controls: Controls, call: Call) -> Told:
    """Raise the budgets of the calendar to what the lines of logs say was spent. Doing it again changes nothing."""
    gateway = controls.gateway
    policies, now = gateway.policies.current, gateway.now_ms()
    # A planner of its own: that of the data plane is not for two threads.
    planner = gateway.planner.again()
    spent = await asyncio.to_thread(lambda: spent_of(call.body.split("\n"), planner, policies, now))
    data: list[dict[str, Any]] = []
    for account, charge in spent.charges:
        (short,) = await gateway.ledger.raise_to(account, charge, now)
        quota = account.quotas[0]
        data.append(
            {"account": account.scope, "id": quota.id, "spent": charge.get(quota.measure, 0), "was_short_of": short}
        )
    raised = sum(each["was_short_of"] > 0 for each in data)
    lines = {name: getattr(spent, name) for name in ("lines", "exchanges", "repeated", "unusable")}
    document = {"object": "list", "data": data, **lines, "first_unusable": list(spent.first_unusable)}
    return Told(document, None, {"accounts": len(data), "raised": raised, **lines})


async def _accounts(controls: Controls, asked: Mapping[str, str], *, every: bool) -> tuple[Account, ...]:
    which = asked.get("key")
    key = None if which is None else await _principal(controls, which)
    # A token tells the team of its caller; its id does not.
    knows_team = which is None or not is_caller_id(which)
    policies, team, model = controls.gateway.policies.current, asked.get("team"), asked.get("model")
    return choose_accounts(policies, key, team, model, every=every, knows_team=knows_team)


async def _principal(controls: Controls, which: str) -> Principal:
    """The holder of a key of this id or name, also of one that was revoked: its account outlives it.

    Or a caller with a token, by the id the log knows it by.
    """
    if which == SESSION.key_id:
        return SESSION
    if is_caller_id(which):
        return Principal(which, which)
    if controls.keys is None:
        raise NotFound(f"the only key of this proxy is '{SESSION.key_id}'")
    return chosen(await controls.keys.list(), which).principal


def _named(asked: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in asked.items()) or "everybody"
