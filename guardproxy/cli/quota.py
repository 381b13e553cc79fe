"""`guardproxy quota`: the accounts in a shared store: how they stand, beginning anew, putting right after a loss."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from guardproxy.cli.read_settings import ConfigOption, PolicyOption, read_settings_for_policies
from guardproxy.core.excerpt import printable

# What talks to the store is imported by the commands: `guardproxy --help` must not wait for it.
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from guardproxy.core.choice import PolicySet
    from guardproxy.core.principal import Principal
    from guardproxy.quota.model import Account
    from guardproxy.quota.redis_ledger import RedisLedger
    from guardproxy.settings import Settings

quota_app = typer.Typer(
    name="quota",
    no_args_is_help=True,
    help="The accounts in a shared store: how they stand, begin one anew, put one right after a loss of data.",
)

KeyOption = Annotated[
    str | None,
    typer.Option(
        metavar="ID|NAME",
        help="The accounts of this key, and of its team; of a caller with a token: its id in the log (oidc_...).",
    ),
]
TeamOption = Annotated[str | None, typer.Option(help="The accounts of this team.")]
ModelOption = Annotated[str | None, typer.Option(help="The accounts of this model.")]


@quota_app.command()
def show(
    key: KeyOption = None,
    team: TeamOption = None,
    model: ModelOption = None,
    config: ConfigOption = None,
    policy: PolicyOption = None,
) -> None:
    """How the accounts stand: of everybody, and of a key, a team or a model where one is named.

    guardproxy quota show --key chat-widget

    guardproxy quota show --team research --model gpt-5
    """
    settings, loaded = _loaded(config, policy)
    accounts = _accounts(settings, loaded, key, team, model, every=False)

    async def ask(ledger: RedisLedger) -> Any:
        return await ledger.look(accounts)

    states = _with_ledger(settings, ask)
    names = [printable(account.scope, 60) for account in accounts for _ in account.quotas]
    for name, state in zip(names, states, strict=True):
        quota = state.quota
        resets = f", unused again in {state.reset_ms / 1000:.0f} s" if state.reset_ms else ""
        typer.echo(f"{name}  {quota.id}: {quota.shown(state.used)} of {quota.shown(quota.limit)} used{resets}")


@quota_app.command()
def reset(
    key: KeyOption = None,
    team: TeamOption = None,
    model: ModelOption = None,
    config: ConfigOption = None,
    policy: PolicyOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Let accounts begin anew: nothing is used any more. What runs keeps its place among what runs.

    guardproxy quota reset --key chat-widget
    """
    settings, loaded = _loaded(config, policy)
    accounts = _accounts(settings, loaded, key, team, model, every=True)
    names = ", ".join(dict.fromkeys(printable(account.scope, 60) for account in accounts))
    if not yes and not typer.confirm(f"Forget what was used of {names}?"):
        raise typer.Exit(1)

    async def forget(ledger: RedisLedger) -> None:
        await ledger.forget(accounts)

    _with_ledger(settings, forget)
    typer.echo(f"{names}: nothing is used any more")


@quota_app.command()
def reconcile(
    logs: Annotated[list[Path], typer.Argument(metavar="LOG...", help="Logs of all proxies (JSON lines).")],
    config: ConfigOption = None,
    policy: PolicyOption = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 where a line could not be used, after all else was done.")
    ] = False,
) -> None:
    """Raise the budgets of the calendar to what the logs say was spent in the current periods.

    For a store that lost data. An account is only ever raised, so doing it twice does no harm; give the logs of all
    proxies since the longest period began. Lines that cannot be used (cut off, changed, no JSON) are counted and told.

    guardproxy quota reconcile /var/log/guardproxy/*.jsonl
    """
    import time

    from guardproxy.cli.spent import read_spent

    settings, loaded = _loaded(config, policy)
    read_at = time.time_ns() // 1_000_000
    spent, unusable = read_spent(logs, settings, loaded)

    async def raise_all(ledger: RedisLedger) -> list[tuple[Account, int]]:
        return [(account, (await ledger.raise_to(account, charge, read_at))[0]) for account, charge in spent.charges]

    for account, missing in _with_ledger(settings, raise_all):
        quota = account.quotas[0]
        said = f"was short of {quota.shown(missing)}, put right" if missing else "holds all that was spent"
        typer.echo(f"{printable(account.scope, 60)}  {quota.id}: {said}")
    if not spent.charges:
        typer.echo("the logs hold no charge of a current period of a calendar budget", err=True)
    typer.echo(
        f"{spent.lines} lines read: {spent.exchanges} exchanges with a charge, {spent.repeated} of them told again, "
        f"{spent.unusable} lines unusable",
        err=True,
    )
    if spent.unusable:
        more = " ..." if spent.unusable > len(unusable) else ""
        typer.echo(f"what these lines charged is missing: {', '.join(unusable)}{more}", err=True)
        if strict:
            raise typer.Exit(1)


def _loaded(config: Path | None, policy: Path | None) -> tuple[Settings, PolicySet]:
    import os

    from guardproxy.cli.compose_quota import store_address
    from guardproxy.policyfile.catalogue import load_policies
    from guardproxy.settings import wanted_policies

    settings = read_settings_for_policies(config, policy)
    store_address(settings, os.environ)  # without a store there is nothing else to say
    return settings, load_policies(wanted_policies(settings)).policies


def _with_ledger(settings: Settings, work: Callable[[RedisLedger], Awaitable[Any]]) -> Any:
    import asyncio
    import os

    from guardproxy.cli.compose_quota import make_redis_ledger
    from guardproxy.quota.store import StoreUnreachable

    async def run() -> Any:
        ledger = make_redis_ledger(settings, os.environ)
        ledger.open()
        try:
            return await work(ledger)
        finally:
            await ledger.drain()

    try:
        return asyncio.run(run())
    except StoreUnreachable as error:
        typer.echo(f"The store of the quotas does not answer ({error}); `guardproxy doctor` says more.", err=True)
        raise typer.Exit(1) from error


def _accounts(
    settings: Settings, policies: PolicySet, key: str | None, team: str | None, model: str | None, *, every: bool
) -> tuple[Account, ...]:
    from guardproxy.oidc.mapping import is_caller_id
    from guardproxy.quota.choosing import NoSuchAccount, choose_accounts

    principal, knows_team = (_principal(settings, key), not is_caller_id(key)) if key else (None, True)
    try:
        return choose_accounts(policies, principal, team, model, every=every, knows_team=knows_team)
    except NoSuchAccount as error:
        typer.echo(error.message.replace("a key, a team or a model", "a --key, a --team or a --model"), err=True)
        raise typer.Exit(1) from error


def _principal(settings: Settings, which: str) -> Principal:
    from guardproxy.cli.keys_place import known_keys
    from guardproxy.core.principal import Principal
    from guardproxy.identity.keyring import SESSION
    from guardproxy.oidc.mapping import is_caller_id

    if which == SESSION.key_id:
        return SESSION
    if is_caller_id(which):
        return Principal(which, which)
    if not settings.keys.file and settings.keys.store == "file":
        typer.echo(
            "The settings name no file of keys: write it under keys.file in guardproxy.yaml, or in GUARDPROXY_KEYS.",
            err=True,
        )
        raise typer.Exit(1)
    found = [key for key in known_keys(settings) if which in (key.id, key.name)]
    if not found:
        shared = settings.keys.store == "redis"
        place, option = ("the shared store", "") if shared else (settings.keys.file, f" --file {settings.keys.file}")
        typer.echo(f"No key in {place} has this id or name; `guardproxy keys list{option}` shows them.", err=True)
        raise typer.Exit(1)
    return found[-1].principal
