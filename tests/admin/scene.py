"""A started proxy with its admin API, an admin of each role, and a key to begin with."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from guardproxy.admin.admins import AdminTerms, create_admin
from guardproxy.admin.journal import AdminRecord, read_journal
from guardproxy.admin.roles import Role
from guardproxy.audit.sinks import EventLog, configure_logging
from guardproxy.cli.compose import RunningProxy, start
from guardproxy.identity.file_store import FileKeyStore
from guardproxy.identity.store import Issued
from guardproxy.identity.stored import KeyTerms
from guardproxy.settings import Settings
from tests.support.caller import Answer, ask
from tests.support.proxy import Captured

POLICY = """
version: 1
name: small
quotas:
  - {metric: requests, per: hour, limit: 10}
  - {metric: tokens, per: month, limit: 1000, scope: team}
  - {metric: tokens, per: day, limit: 5000, scope: global}
"""
CALLERS_KEY = "callers-" + secrets.token_hex(16)


@dataclass
class AdminScene:
    """`tokens` has one for each role, `key` is the key `app` of the team `red`."""

    running: RunningProxy
    folder: Path
    tokens: Mapping[Role, str]
    key: Issued
    captured: Captured
    log: EventLog
    environ: Mapping[str, str] = field(default_factory=dict)

    async def ask(
        self,
        method: str,
        path: str,
        role: Role | None = Role.ADMIN,
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """`path` below `/admin/v1`, or whole. A body of bytes is lines of text, any other is written as JSON."""
        whole = path if path.startswith(("/admin/", "/metrics", "/health")) else f"/admin/v1{path}"
        presented = token if token is not None else self.tokens[role] if role is not None else None
        raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if isinstance(body, bytes):
            headers = {"content-type": "application/x-ndjson", **(headers or {})}
        return await ask(self.running.listeners.admin_port, method, whole, raw, presented, headers)

    async def get(self, path: str, role: Role | None = Role.VIEWER) -> Answer:
        return await self.ask("GET", path, role)

    async def post(self, path: str, body: Any = None, role: Role | None = Role.OPERATOR, **more: Any) -> Answer:
        return await self.ask("POST", path, role, body, **more)

    @property
    def records(self) -> list[AdminRecord]:
        """What was recorded so far; every line of the file is a record."""
        path = self.folder / "admin.jsonl"
        records = list(read_journal(path)) if path.exists() else []
        assert None not in records
        return [record for record in records if record is not None]

    def events(self, *names: str) -> list[dict[str, Any]]:
        self.log.flush()
        return [event for event in self.captured.events() if event["event"] in names]


def refused(answer: Answer) -> tuple[int, str]:
    """Status and code of an error in the one shape of the admin API."""
    document = answer.json
    assert list(document) == ["error"]
    assert list(document["error"]) == ["code", "message", "request_id"]
    assert document["error"]["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["cache-control"] == "no-store"
    return answer.status, document["error"]["code"]


def make_admins(path: Path) -> dict[Role, str]:
    """The tokens of one admin of each role."""
    now = datetime.now(UTC)
    return {role: create_admin(path, {}, AdminTerms(name=role.value, role=role.value), now).token for role in Role}


@asynccontextmanager
async def admin_scene(folder: Path, *, policy: str = POLICY, **settings: Any) -> AsyncIterator[AdminScene]:
    """`settings` are sections of the settings; `admin` is added to the scene's own."""
    (folder / "policy.yaml").write_text(policy, encoding="utf-8")
    tokens = make_admins(folder / "admins.yaml")
    key = await FileKeyStore(folder / "keys.yaml", {}).create(KeyTerms(name="app", team="red"))
    admin = {"port": 0, "tokens_file": str(folder / "admins.yaml"), "log_file": str(folder / "admin.jsonl")}
    values = {
        "listen": {"port": 0},
        "policy": str(folder / "policy.yaml"),
        "policies": {"poll": None, "state": str(folder / "state")},
        "keys": {"file": str(folder / "keys.yaml")},
        "log": {"incidents": None},
        "drain_timeout": 1.0,
        **settings,
        "admin": {**admin, **settings.get("admin", {})},
    }
    captured = Captured()
    log = configure_logging("json", captured)
    environ = {"OPENAI_API_KEY": "x" * 20, "GUARDPROXY_KEY": CALLERS_KEY}
    running = await start(Settings.model_validate_json(json.dumps(values)), log, environ)
    try:
        yield AdminScene(running, folder, tokens, key, captured, log)
    finally:
        await running.close()
