"""`guardproxy doctor`: can this installation do what its settings ask for?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from guardproxy.cli.read_settings import ConfigOption, PolicyOption, read_settings_for_policies

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guardproxy.quota.redis_ledger import RedisLedger
    from guardproxy.settings import Settings

_OLDEST: Final = {"redis": (6, 2), "valkey": (7, 2)}
_MOST_SKEW_MS: Final = 1000
_MOST_MEDIAN_MS: Final = 5.0
_PINGS: Final = 21


class Findings:
    """What was found. `failed` is whether something does not work. What several checks stumble over is told once."""

    def __init__(self) -> None:
        self.failed = False
        self._told: set[str] = set()

    def good(self, said: str) -> None:
        typer.echo(f"ok    {said}")

    def doubt(self, said: str) -> None:
        typer.echo(f"warn  {said}")

    def bad(self, said: str) -> None:
        self.failed = True
        if said not in self._told:
            typer.echo(f"FAIL  {said}")
        self._told.add(said)


def doctor(config: ConfigOption = None, policy: PolicyOption = None) -> None:
    """Check settings, policy, keys, admins, identity providers, and the shared store: version, memory, clock,
    speed, permissions.

    Exit code 1 where something does not work.
    """
    import asyncio
    import os

    from guardproxy.cli.compose import check_listeners
    from guardproxy.cli.compose_quota import check_prices, make_tokenizer
    from guardproxy.cli.examine_issuers import examine_issuers
    from guardproxy.cli.examine_state import examine_state
    from guardproxy.policyfile.catalogue import Wanted, load_policies
    from guardproxy.policyfile.history import History
    from guardproxy.settings import wanted_policies

    settings = read_settings_for_policies(config, policy)
    check_listeners(settings)
    policies = load_policies(wanted_policies(settings)).policies
    if settings.policies.candidate is not None:
        load_policies(Wanted((Path(settings.policies.candidate),)))
    if settings.policies.state is not None:
        History(Path(settings.policies.state)).pinned()
    check_prices(settings, policies)
    make_tokenizer(settings)
    found = Findings()
    tags = [f"{choice.policy.name}@{choice.policy.revision}" for choice in policies.named.values()]
    found.good(f"settings and {'policy' if len(tags) == 1 else 'policies'} {', '.join(tags)} can be used")
    check_speed(found)
    found.good(f"tokens are told before a call by: {settings.quota.tokenizer}")
    if settings.quota.redis.url is None:
        found.good("no store of quotas is named: each process counts by itself, and forgets when it stops")
    else:
        asyncio.run(_check_store(settings, found))
        asyncio.run(examine_state(settings, os.environ, found))
    check_keys(settings, os.environ, found)
    if settings.keys.store == "redis":
        asyncio.run(check_shared_keys(settings, os.environ, found))
    asyncio.run(examine_issuers(settings, found))
    check_roles(settings, found)
    check_admins(settings, os.environ, found)
    check_incidents(settings, found)
    if found.failed:
        raise typer.Exit(1)


def check_admins(settings: Settings, environ: Mapping[str, str], found: Findings) -> None:
    """Whether the admin API would start, and could record what is done with it."""
    from guardproxy.cli.compose_admin import open_authority
    from guardproxy.errors import ConfigurationError

    try:
        authority = open_authority(settings, environ)
    except ConfigurationError as error:
        found.bad(error.message)
        return
    if authority is None:
        found.good("there is no admin API: admin.tokens_file names no file of admins")
        return
    record = Path(settings.admin.log_file)
    if not _can_be_written(record):
        found.bad(f"{record}: the record of admin actions cannot be written, so nothing could be changed")
        return
    found.good(f"the admin API knows {len(authority)} admins, and records what they do in {record}")


def check_incidents(settings: Settings, found: Findings) -> None:
    """Whether what is blocked could be left for review: the proxy serves without, and only counts what was lost."""
    if settings.log.incidents is not None and not _can_be_written(Path(settings.log.incidents)):
        found.bad(f"{settings.log.incidents}: the file of incidents cannot be written, so what is blocked gets lost")


def _can_be_written(file: Path) -> bool:
    import os

    place = file if file.exists() else next(folder for folder in file.absolute().parents if folder.exists())
    return (file.is_file() or (place.is_dir() and not file.exists())) and os.access(place, os.W_OK)


def check_speed(found: Findings) -> None:
    """Whether clean text is passed over at full speed."""
    from guardproxy.match.native import is_installed

    if is_installed():
        found.good("clean text is passed over with a native library")
    else:
        found.doubt("clean text is looked at in Python alone: pip install 'guardproxy[fast]' makes that quicker")


def check_keys(settings: Settings, environ: Mapping[str, str], found: Findings) -> None:
    """Whether `guardproxy serve` would find the keys it needs."""
    from guardproxy.cli.compose import open_keys
    from guardproxy.errors import ConfigurationError

    try:
        secret, keyring, made = open_keys(settings, environ)
    except ConfigurationError as error:
        found.bad(error.message)
        return
    if settings.upstream.credentials == "passthrough":
        found.good("each caller brings its own provider key")
    else:
        found.good("the upstream's key is there" if secret else f"{settings.upstream.base_url} is asked without a key")
    if made:
        found.doubt("no keys of callers: name their file in keys.file, or each start makes a new key and prints it")
    elif len(keyring):
        found.good("the keys of callers are there")
    elif settings.auth.oidc and settings.keys.store == "file":
        found.good("callers come with tokens of identity providers, and there are no keys")


def check_roles(settings: Settings, found: Findings) -> None:
    """Whether anybody is given roles, from which nothing follows: whoever gave them may believe otherwise."""
    from guardproxy.errors import ConfigurationError
    from guardproxy.identity.keyfile import read_keys

    file = Path(settings.keys.file) if settings.keys.file else None
    try:
        keys = read_keys(file) if file is not None else ()
    except ConfigurationError:  # which was told with the keys
        keys = ()
    given = [f"the key {key.name}" for key in keys if key.roles]
    given += [f"callers of {one.name}" for one in settings.auth.oidc if one.callers.roles or one.claims.roles]
    more = " ..." if len(given) > 5 else ""
    if given:
        found.doubt(
            f"roles have no effect ({', '.join(given[:5])}{more}): the admin API takes only "
            "tokens made with `guardproxy admins create`"
        )


async def check_shared_keys(settings: Settings, environ: Mapping[str, str], found: Findings) -> None:
    """Whether the keys of the shared store can be read, and were made under this pepper."""
    from guardproxy.cli.compose_keys import make_redis_key_store, shared_pepper
    from guardproxy.errors import ConfigurationError
    from guardproxy.identity.redis_store import ASK_DOCTOR, OTHER_PEPPER
    from guardproxy.identity.store import KeyStoreError

    try:
        store = make_redis_key_store(settings, environ, shared_pepper(settings, environ))
    except ConfigurationError as error:
        found.bad(error.message)
        return
    store.open()
    try:
        _, same_pepper = await store.state()
        if same_pepper:
            found.good(f"the shared store holds {len(await store.list())} keys of callers")
        else:
            found.bad(OTHER_PEPPER)
    except KeyStoreError as error:
        found.bad(error.message.removesuffix(ASK_DOCTOR))
    finally:
        await store.close()


async def _check_store(settings: Settings, found: Findings) -> None:
    import os

    from guardproxy.cli.compose_quota import make_redis_ledger, store_address
    from guardproxy.quota.connect import make_client
    from guardproxy.quota.store import Store, StoreUnreachable

    client = make_client(store_address(settings, os.environ), patience=20.0)
    store = Store(client)
    ledger = make_redis_ledger(settings, os.environ)
    ledger.open()
    try:
        await store.command("PING")
        found.good("the store of the quotas answers")
        await check_server(store, found)
        await check_clock_and_speed(store, found)
        await check_scripts(ledger, found)
    except StoreUnreachable as error:
        found.bad(f"the store of the quotas does not answer ({error})")
    finally:
        await store.close()
        await ledger.drain()


async def check_server(store: Any, found: Findings) -> None:
    """Version, eviction, durability, as far as this user may ask."""
    from guardproxy.quota.store import StoreUnreachable

    try:
        info: dict[str, Any] = await store.command("INFO")
    except StoreUnreachable as error:
        found.doubt(f"version and memory policy cannot be asked for ({error})")
        return
    kind = "valkey" if "valkey_version" in info else "redis"
    version = str(info.get(f"{kind}_version", "0"))
    oldest = ".".join(map(str, _OLDEST[kind]))
    recent = tuple(map(int, version.split(".")[:2])) >= _OLDEST[kind]
    (found.good if recent else found.bad)(f"{kind} {version} (at least {oldest} is needed)")
    policy = info.get("maxmemory_policy", "unknown")
    if policy == "noeviction" or not info.get("maxmemory", 0):
        found.good(f"it evicts no counters (maxmemory-policy {policy})")
    else:
        found.bad(f"it may evict counters that still count: set maxmemory-policy noeviction (it is {policy})")
    if not info.get("aof_enabled"):
        found.doubt("it has no append-only file: a restart forgets what was used since its last snapshot")


async def check_clock_and_speed(store: Any, found: Findings) -> None:
    """The store's clock counts; a proxy's own only has to know the day."""
    import time
    from statistics import median

    times = []
    for _ in range(_PINGS):
        started = time.perf_counter()
        seconds, micros = await store.command("TIME")
        times.append((time.perf_counter() - started) * 1000)
    skew = int(time.time() * 1000) - (int(seconds) * 1000 + int(micros) // 1000)
    said = f"its clock and this machine's differ by {abs(skew)} ms (only the store's counts)"
    (found.good if abs(skew) <= _MOST_SKEW_MS else found.doubt)(said)
    typical = median(times)
    said = f"a round trip takes {typical:.2f} ms (median of {_PINGS})"
    (found.good if typical <= _MOST_MEDIAN_MS else found.doubt)(said)


async def check_scripts(ledger: RedisLedger, found: Findings) -> None:
    """A reservation like any other, and its end, on an account of its own."""
    import secrets

    from guardproxy.core.quota import Metric, Period, Quota
    from guardproxy.quota.model import Account
    from guardproxy.quota.store import StoreUnreachable

    quotas = [Quota(Metric.REQUESTS, 60, 2**53), Quota(Metric.COST, 0, 2**53, period=Period.DAY)]
    account = (Account("doctor", [*quotas, Quota(Metric.CONCURRENCY, 0, 2**53)]),)
    name = f"doctor-{secrets.token_hex(8)}"
    try:
        await ledger.admit(name, account, {Metric.REQUESTS: 1, Metric.COST: 1})
        await ledger.renew()
        await ledger.look(account)
    except StoreUnreachable as error:
        found.bad(f"its user may not run the scripts of guardproxy ({error})")
        return
    ledger.cancel(name)
    await ledger.settled()
    found.good("its user may do all that is needed")
