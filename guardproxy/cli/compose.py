"""The composition root: everything is put together here and nowhere else."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import typer

from guardproxy.audit.comparisons import ComparisonFile
from guardproxy.audit.events import Event
from guardproxy.audit.incidents import IncidentFile
from guardproxy.audit.sinks import EventLog, Recorder
from guardproxy.cli.cases.reloaded import failing_cases
from guardproxy.cli.compose_quota import check_prices, make_ledger, make_planner, make_tokenizer
from guardproxy.core.memo import Memo
from guardproxy.credentials import upstream_key
from guardproxy.errors import ConfigurationError
from guardproxy.gateway.app import Listeners
from guardproxy.gateway.candidate import Candidate
from guardproxy.gateway.gateway import Bounds, Gateway, epoch_ms
from guardproxy.gateway.keyring import Keyring
from guardproxy.gateway.keys import new_key
from guardproxy.gateway.lifecycle import Lifecycle
from guardproxy.gateway.policies import Policies
from guardproxy.gateway.reloading import Reloader, tell_not_kept
from guardproxy.gateway.upstream import HttpUpstream, UpstreamTimeouts
from guardproxy.policyfile.catalogue import Wanted
from guardproxy.policyfile.history import History
from guardproxy.policyfile.schema import suggestion
from guardproxy.policyfile.store import PolicyStore
from guardproxy.settings import DEFAULT_BASE_URL, Settings, is_loopback, wanted_policies
from guardproxy.surfaces.conventions import KeyForm


@dataclass(frozen=True, slots=True)
class RunningProxy:
    """An open proxy. `new_key` is the key that was made for this run, if one was."""

    gateway: Gateway
    listeners: Listeners
    reloaders: tuple[Reloader, ...]
    drain_timeout_s: float
    new_key: str | None

    async def close(self) -> bool:
        """Let running exchanges end, close everything; whether all of them ended in time."""
        for reloader in self.reloaders:
            await reloader.stop()
        drained = await self.listeners.close(self.drain_timeout_s)
        if self.gateway.candidate is not None:
            await self.gateway.candidate.stop()
        self.gateway.recorder.close()
        return drained

    def look_at_policies(self) -> None:
        """Take over changed policies now: what SIGHUP asks for."""
        for reloader in self.reloaders:
            reloader.ask()


async def start(settings: Settings, log: EventLog, environ: Mapping[str, str]) -> RunningProxy:
    """Build a proxy from settings and open its listeners. Raises `ConfigurationError`."""
    secret, keyring, made = open_keys(settings, environ)
    store = policy_store(settings)
    loaded = store.load()
    policies = loaded.policies
    for choice in policies.named.values():
        policy = choice.policy
        log.emit(Event.POLICY_LOADED, policy=policy.name, revision=policy.revision, rules=len(policy.rules))
    tell_not_kept(log, loaded)
    candidate = _candidate(settings)
    if made:
        log.emit(Event.SESSION_KEY_GENERATED)
    upstream = settings.upstream
    gateway = Gateway(
        policies=Policies(policies),
        keyring=keyring,
        planner=make_planner(settings),
        tokenizer=make_tokenizer(settings),
        ledger=make_ledger(settings, log, environ),
        upstream=HttpUpstream(
            upstream.base_url,
            secret,
            UpstreamTimeouts(upstream.connect_timeout, upstream.read_timeout),
            max_connections=upstream.max_connections,
            key_form=None if upstream.auth == "auto" else KeyForm(upstream.auth),
        ),
        recorder=Recorder(log, IncidentFile(Path(settings.log.incidents)) if settings.log.incidents else None),
        lifecycle=Lifecycle(),
        bounds=Bounds(
            settings.body_timeout, settings.exchange_timeout, upstream.max_response_bytes, settings.head_timeout
        ),
        memo=Memo(policies.revision, secrets.token_bytes(32)),
        upstream_secret=secret,
        separation_secret=keyring.derived("separation"),
        candidate=Candidate(candidate[1], ComparisonFile(Path(settings.policies.candidate_log)), epoch_ms)
        if candidate
        else None,
    )
    listeners = Listeners(gateway, log)
    try:
        await listeners.open(settings.listen.host, settings.listen.port, settings.admin.host, settings.admin.port)
    except ConfigurationError:
        await listeners.close(0)
        raise
    reloaders = [Reloader(store, gateway.policies, log, settings.policies.poll)]
    if candidate is not None and gateway.candidate is not None:
        reloaders.append(Reloader(*candidate, log, settings.policies.poll, role="candidate"))
        gateway.candidate.start()
    for reloader in reloaders:
        reloader.start()
    return RunningProxy(gateway, listeners, tuple(reloaders), settings.drain_timeout, made)


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
    keyring, made = _keyring(settings, environ)
    _check_assigned_keys(settings, keyring)
    return secret, keyring, made


def _upstream_secret(settings: Settings, environ: Mapping[str, str]) -> str | None:
    secret = upstream_key(settings, environ)
    if secret is None and settings.upstream.base_url == DEFAULT_BASE_URL:
        raise ConfigurationError(
            f"no key for the upstream: set {settings.upstream.api_key_env} (or upstream.api_key_file in "
            "guardproxy.yaml), or set OPENAI_BASE_URL for a server that needs none"
        )
    return secret


def _check_assigned_keys(settings: Settings, keyring: Keyring) -> None:
    """A key that is given a policy of its own has to exist: a mistyped name would leave the key with the default."""
    for name in settings.policies.keys:
        if name not in keyring.names:
            hint = suggestion(name, keyring.names)
            raise ConfigurationError(f"policies.keys.{name}: there is no key of this name{hint}")


def _keyring(settings: Settings, environ: Mapping[str, str]) -> tuple[Keyring, str | None]:
    """The keys of the file and of the environment; without either a new one, which is returned too."""
    keyring = Keyring.load(Path(settings.keys.file), environ) if settings.keys.file else Keyring.empty()
    session = environ.get("GUARDPROXY_KEY", "")
    if session:
        return keyring.with_session_key(session), None
    if settings.keys.file:
        if len(keyring) == 0:
            raise ConfigurationError(f"{settings.keys.file} holds no key: make one with `guardproxy keys create NAME`")
        return keyring, None
    made = new_key(secrets.token_bytes).token
    return keyring.with_session_key(made), made
