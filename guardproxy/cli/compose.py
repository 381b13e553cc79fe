"""The composition root: everything is put together here and nowhere else."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import typer

from guardproxy.audit.events import Event
from guardproxy.audit.incidents import IncidentFile
from guardproxy.audit.sinks import EventLog, Recorder
from guardproxy.cli.compose_quota import make_ledger, make_planner
from guardproxy.core.memo import Memo
from guardproxy.errors import ConfigurationError
from guardproxy.gateway.app import Listeners
from guardproxy.gateway.gateway import Bounds, Gateway
from guardproxy.gateway.keyring import Keyring
from guardproxy.gateway.keys import new_key
from guardproxy.gateway.lifecycle import Lifecycle
from guardproxy.gateway.upstream import HttpUpstream, UpstreamTimeouts
from guardproxy.policyfile.compile import load_policy
from guardproxy.settings import DEFAULT_BASE_URL, Settings, is_loopback, upstream_key
from guardproxy.surfaces.conventions import KeyForm


@dataclass(frozen=True, slots=True)
class RunningProxy:
    """An open proxy. `new_key` is the key that was made for this run, if one was."""

    gateway: Gateway
    listeners: Listeners
    drain_timeout_s: float
    new_key: str | None

    async def close(self) -> bool:
        """Let running exchanges end, close everything; whether all of them ended in time."""
        drained = await self.listeners.close(self.drain_timeout_s)
        self.gateway.recorder.close()
        return drained


async def start(settings: Settings, log: EventLog, environ: Mapping[str, str]) -> RunningProxy:
    """Build a proxy from settings and open its listeners. Raises `ConfigurationError`."""
    secret = _upstream_secret(settings, environ)
    keyring, made = _keyring(settings, environ)
    policy = load_policy(Path(settings.policy) if settings.policy else None)
    log.emit(Event.POLICY_LOADED, policy=policy.name, revision=policy.revision, rules=len(policy.rules))
    if made:
        log.emit(Event.SESSION_KEY_GENERATED)
    upstream = settings.upstream
    gateway = Gateway(
        policy=policy,
        keyring=keyring,
        planner=make_planner(settings, policy),
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
        memo=Memo(policy.revision, secrets.token_bytes(32)),
        upstream_secret=secret,
        separation_secret=keyring.derived("separation"),
    )
    listeners = Listeners(gateway, log)
    try:
        await listeners.open(settings.listen.host, settings.listen.port, settings.admin.host, settings.admin.port)
    except ConfigurationError:
        await listeners.close(0)
        raise
    return RunningProxy(gateway, listeners, settings.drain_timeout, made)


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


def _upstream_secret(settings: Settings, environ: Mapping[str, str]) -> str | None:
    secret = upstream_key(settings, environ)
    if secret is None and settings.upstream.base_url == DEFAULT_BASE_URL:
        raise ConfigurationError(
            f"no key for the upstream: set {settings.upstream.api_key_env} (or upstream.api_key_file in "
            "guardproxy.yaml), or set OPENAI_BASE_URL for a server that needs none"
        )
    return secret


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
