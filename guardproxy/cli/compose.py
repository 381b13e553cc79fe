"""The composition root: everything is put together here and nowhere else."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from guardproxy.admin.plane import AdminPlane
from guardproxy.audit.comparisons import ComparisonFile
from guardproxy.audit.events import Event
from guardproxy.audit.incidents import IncidentFile
from guardproxy.audit.sinks import EventLog, Recorder
from guardproxy.cli.cases.reloaded import failing_cases
from guardproxy.cli.compose_admin import make_admin_plane, open_authority
from guardproxy.cli.compose_keys import OpenKeys, load_keyring, make_entrance, open_live_keys
from guardproxy.cli.compose_quota import check_prices, make_ledger, make_planner, make_tokenizer
from guardproxy.cli.compose_state import make_remembered
from guardproxy.cli.compose_tokens import make_verifier, telling, with_tokens
from guardproxy.core.memo import Memo
from guardproxy.credentials import upstream_key
from guardproxy.errors import ConfigurationError
from guardproxy.gateway.app import Listeners
from guardproxy.gateway.candidate import Candidate
from guardproxy.gateway.gateway import Bounds, Gateway, epoch_ms
from guardproxy.gateway.lifecycle import Lifecycle
from guardproxy.gateway.policies import Policies
from guardproxy.gateway.reloading import Reloader, tell_not_kept
from guardproxy.gateway.upstream import HttpUpstream, UpstreamTimeouts
from guardproxy.identity.keyring import Keyring
from guardproxy.policyfile.catalogue import Wanted
from guardproxy.policyfile.history import History
from guardproxy.policyfile.store import PolicyStore
from guardproxy.quota.headers import rate_limit_headers, with_ietf_headers
from guardproxy.settings import DEFAULT_BASE_URL, Settings, UpstreamSettings, is_loopback, wanted_policies
from guardproxy.surfaces.conventions import KeyForm

if TYPE_CHECKING:
    from guardproxy.oidc.verifier import TokenVerifier


_EVERY_HOST: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - only compared


@dataclass(frozen=True, slots=True)
class RunningProxy:
    """An open proxy."""

    gateway: Gateway
    listeners: Listeners
    reloaders: tuple[Reloader, ...]
    drain_timeout_s: float
    keys: OpenKeys
    verifier: TokenVerifier | None = None
    admin: AdminPlane | None = None

    @property
    def new_key(self) -> str | None:
        """The key that was made for this run, if one was."""
        return self.keys.made

    async def close(self) -> bool:
        """Let running exchanges end, close everything; whether all of them ended in time."""
        for reloader in self.reloaders:
            await reloader.stop()
        drained = await self.listeners.close(self.drain_timeout_s)
        if self.admin is not None:
            await self.admin.close()
            for reloader in self.reloaders:  # an admin may have asked for a reload meanwhile
                await reloader.stop()
        await self.keys.stop()
        if self.gateway.candidate is not None:
            await self.gateway.candidate.stop()
        if self.verifier is not None:
            await self.verifier.close()
        self.gateway.recorder.close()
        return drained

    def look_at_policies(self) -> None:
        """Take over changed policies and keys now: what SIGHUP asks for."""
        if self.keys.watcher is not None:
            self.keys.watcher.ask()
        for reloader in self.reloaders:
            reloader.ask()


async def start(settings: Settings, log: EventLog, environ: Mapping[str, str]) -> RunningProxy:
    """Build a proxy from settings and open its listeners. Raises `ConfigurationError`."""
    check_listeners(settings)
    secret = _upstream_secret(settings, environ)
    authority = open_authority(settings, environ)
    opened = open_live_keys(settings, environ, log)
    store = policy_store(settings)
    loaded = store.load()
    policies = loaded.policies
    for choice in policies.named.values():
        policy = choice.policy
        log.emit(Event.POLICY_LOADED, policy=policy.name, revision=policy.revision, rules=len(policy.rules))
    tell_not_kept(log, loaded)
    candidate = _candidate(settings)
    if opened.made:
        log.emit(Event.SESSION_KEY_GENERATED)
    upstream = settings.upstream
    passthrough = upstream.credentials == "passthrough"
    verifier = make_verifier(settings, telling(log))
    remembered = make_remembered(settings, log, environ, opened.made or environ.get("GUARDPROXY_KEY"))
    gateway = Gateway(
        policies=Policies(policies, epoch_ms(), pinned=loaded.pinned),
        keyring=opened.keys if verifier is None else with_tokens(opened.keys, verifier),
        entrance=make_entrance(settings, log),
        planner=make_planner(settings),
        tokenizer=make_tokenizer(settings),
        keys_away=lambda: opened.away,
        headers_of=with_ietf_headers if settings.quota.ietf_headers else rate_limit_headers,
        ledger=make_ledger(settings, log, environ),
        ownership=remembered.ownership,
        seen=remembered.seen,
        state=remembered.state,
        upstream=HttpUpstream(
            upstream.base_url,
            secret,
            UpstreamTimeouts(upstream.connect_timeout, upstream.read_timeout),
            max_connections=upstream.max_connections,
            rate_limits=upstream.rate_limits,
            key_form=None if upstream.auth == "auto" else KeyForm(upstream.auth),
            passthrough=passthrough,
        ),
        recorder=Recorder(log, IncidentFile(Path(settings.log.incidents)) if settings.log.incidents else None),
        lifecycle=Lifecycle(),
        bounds=Bounds(
            settings.body_timeout, settings.exchange_timeout, upstream.max_response_bytes, settings.head_timeout
        ),
        memo=Memo(policies.revision, secrets.token_bytes(32)),
        passthrough=passthrough,
        upstream_secret=secret,
        separation_secret=opened.keys.keyring.derived("separation"),
        candidate=Candidate(candidate[1], ComparisonFile(Path(settings.policies.candidate_log)), epoch_ms)
        if candidate
        else None,
    )
    present = Reloader(store, gateway.policies, log, settings.policies.poll)
    admin = make_admin_plane(settings, log, environ, authority, gateway, opened, store, present) if authority else None
    listeners = Listeners(gateway, log, admin.answer if admin else None, open_metrics=settings.admin.metrics == "open")
    try:
        await opened.start()
        await listeners.open(settings.listen.host, settings.listen.port, settings.admin.host, settings.admin.port)
    except ConfigurationError:
        await opened.stop()
        await listeners.close(0)
        raise
    reloaders = [present]
    if candidate is not None and gateway.candidate is not None:
        reloaders.append(Reloader(*candidate, log, settings.policies.poll, role="candidate"))
        gateway.candidate.start()
    for reloader in reloaders:
        reloader.start()
    if verifier is not None:
        verifier.start()
    return RunningProxy(gateway, listeners, tuple(reloaders), settings.drain_timeout, opened, verifier, admin)


def check_listeners(settings: Settings) -> None:
    """Raises `ConfigurationError` where the data plane and the admin listener would want the same address."""
    data, admin = settings.listen, settings.admin
    hosts = {"127.0.0.1" if host == "localhost" else host for host in (data.host, admin.host)}
    if data.port == admin.port != 0 and (len(hosts) == 1 or not hosts.isdisjoint(_EVERY_HOST)):
        raise ConfigurationError(
            f"listen.port and admin.port are both {data.port}: the data plane and the admin listener (health, metrics, "
            "admin API) need a port each; change one in the settings, or with --port or --admin-port"
        )


def policy_store(settings: Settings) -> PolicyStore:
    """What the settings name, and where its last revisions are kept."""
    history = History(Path(settings.policies.state)) if settings.policies.state else None
    limit_s = settings.policies.cases_timeout
    play = None if limit_s is None else partial(failing_cases, limit_s=limit_s)
    return PolicyStore(wanted_policies(settings), history, epoch_ms, partial(check_prices, settings), play)


def _candidate(settings: Settings) -> tuple[PolicyStore, Policies] | None:
    """The policy that is only compared, and where it comes from."""
    if settings.policies.candidate is None:
        return None
    store = PolicyStore(Wanted((Path(settings.policies.candidate),)), None, epoch_ms, partial(check_prices, settings))
    return store, Policies(store.load().policies)


def tell_address(settings: Settings, running: RunningProxy) -> None:
    """Say on stdout what to put into the application. A key made for this run is shown here and nowhere else."""
    host = settings.listen.host if settings.listen.host not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104
    shown = f"[{host}]" if ":" in host else host
    typer.echo(
        f"guardproxy listens on http://{shown}:{running.listeners.port}/v1 (upstream {settings.upstream.base_url})"
    )
    if running.new_key:
        typer.echo(f"key for this run, shown once: {running.new_key}")
    if not is_loopback(settings.listen.host):
        typer.echo("it is reachable from other machines: put TLS in front of it", err=True)


def open_keys(settings: Settings, environ: Mapping[str, str]) -> tuple[str | None, Keyring, str | None]:
    """The upstream's key, the keys of callers, and the one that was made for this run. Raises `ConfigurationError`."""
    secret = _upstream_secret(settings, environ)
    return secret, *load_keyring(settings, environ)


def _upstream_secret(settings: Settings, environ: Mapping[str, str]) -> str | None:
    if settings.upstream.credentials == "passthrough":
        _check_passthrough(settings)
        return None
    secret = upstream_key(settings, environ)
    if secret is None and settings.upstream.base_url == DEFAULT_BASE_URL:
        raise ConfigurationError(
            f"no key for the upstream: set {settings.upstream.api_key_env} (or upstream.api_key_file in "
            "guardproxy.yaml), or set OPENAI_BASE_URL for a server that needs none"
        )
    return secret


def _check_passthrough(settings: Settings) -> None:
    """Settings of a key that nobody would use are a mistake, and so is saying how it is presented."""
    usual = UpstreamSettings()
    for name in ("api_key_file", "api_key_env", "auth"):
        if getattr(settings.upstream, name) != getattr(usual, name):
            raise ConfigurationError(
                f"upstream.{name}: with credentials: passthrough each caller brings its own provider key, which "
                "travels as it came"
            )
