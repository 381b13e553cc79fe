"""The part of the composition root that is about the admin API: who may use it, what it reaches, its record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from guardproxy.admin.authority import Authority, utc_now
from guardproxy.admin.joined import JoinedKeys
from guardproxy.admin.journal import Journal
from guardproxy.admin.plane import AdminPlane
from guardproxy.admin.route import Controls
from guardproxy.admin.routes import make_router
from guardproxy.admin.visit import Desk
from guardproxy.audit.sinks import EventLog
from guardproxy.cli.compose_keys import OpenKeys
from guardproxy.errors import ConfigurationError
from guardproxy.gateway.gateway import Gateway
from guardproxy.gateway.reloading import Reloader
from guardproxy.policyfile.store import PolicyStore
from guardproxy.settings import Settings


def open_authority(settings: Settings, environ: Mapping[str, str]) -> Authority | None:
    """Who may use the admin API; None where there is none. Raises `ConfigurationError`."""
    admin = settings.admin
    if admin.tokens_file is not None:
        return Authority(Path(admin.tokens_file), environ)
    if admin.metrics == "token":
        raise ConfigurationError("admin.metrics: token needs a file of admins: name it under admin.tokens_file")
    return None


def make_admin_plane(
    settings: Settings,
    log: EventLog,
    environ: Mapping[str, str],
    authority: Authority,
    gateway: Gateway,
    keys: OpenKeys,
    policies: PolicyStore,
    reloader: Reloader,
) -> AdminPlane:
    """The admin API of a gateway."""

    def look_at_keys() -> None:
        if keys.watcher is not None:
            keys.watcher.ask()

    admin = settings.admin
    # The store new keys belong to stands first there, and the file, whose keys count before others, last.
    joined = JoinedKeys(tuple(reversed(keys.stores)), utc_now, look_at_keys) if keys.stores else None
    return AdminPlane(
        Desk(
            controls=Controls(gateway, joined, policies, reloader, authority, environ, utc_now),
            router=make_router(with_metrics=admin.metrics == "token"),
            journal=Journal(Path(admin.log_file), log),
            actions=gateway.recorder.metrics.admin_actions,
            hosts=frozenset(host.lower() for host in admin.hosts),
        )
    )
