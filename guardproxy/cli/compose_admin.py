"""The part of the composition root that is about the admin API: who may use it, what it reaches, its record."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from guardproxy.admin.attempts import Attempts
from guardproxy.admin.authority import Authority, utc_now
from guardproxy.admin.journal import Journal
from guardproxy.admin.plane import AdminPlane
from guardproxy.admin.route import Controls
from guardproxy.admin.routes import make_router
from guardproxy.admin.visit import Desk
from guardproxy.audit.sinks import EventLog
from guardproxy.errors import ConfigurationError
from guardproxy.gateway.gateway import Gateway
from guardproxy.gateway.reloading import Reloader
from guardproxy.identity.store import KeyStore
from guardproxy.policyfile.store import PolicyStore
from guardproxy.settings import Settings


def make_admin_plane(
    settings: Settings,
    log: EventLog,
    environ: Mapping[str, str],
    gateway: Gateway,
    keys: KeyStore | None,
    policies: PolicyStore,
    reloader: Reloader,
) -> AdminPlane | None:
    """The admin API; None without a file of admins. Raises `ConfigurationError`."""
    admin = settings.admin
    if admin.tokens_file is None:
        if admin.metrics == "token":
            raise ConfigurationError("admin.metrics: token needs a file of admins: name it under admin.tokens_file")
        return None
    authority = Authority(Path(admin.tokens_file), environ)
    return AdminPlane(
        Desk(
            controls=Controls(gateway, keys, policies, reloader, authority, environ, utc_now),
            router=make_router(with_metrics=admin.metrics == "token"),
            journal=Journal(Path(admin.log_file), log),
            actions=gateway.recorder.metrics.admin_actions,
            attempts=Attempts(time.monotonic),
            hosts=frozenset(host.lower() for host in admin.hosts),
        )
    )
