"""A real proxy on loopback, in this process, with what it wrote at hand."""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
from openai import AsyncOpenAI

from guardproxy.audit.sinks import EventLog, configure_logging
from guardproxy.cli.compose import RunningProxy, start
from guardproxy.settings import Settings

UPSTREAM_KEY = "upstream-" + secrets.token_hex(16)
SESSION_KEY = "session-" + secrets.token_hex(16)


class Captured(io.StringIO):
    """A log stream that can be read back as events."""

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@dataclass
class Proxy:
    running: RunningProxy
    log: EventLog
    captured: Captured
    incidents: Path
    base_url: str
    admin_url: str

    def client(self, key: str = SESSION_KEY, **options: Any) -> AsyncOpenAI:
        return AsyncOpenAI(base_url=self.base_url, api_key=key, **{"max_retries": 0, "timeout": 60, **options})

    def sync_client(self, key: str = SESSION_KEY, **options: Any) -> openai.OpenAI:
        return openai.OpenAI(base_url=self.base_url, api_key=key, **{"max_retries": 0, "timeout": 60, **options})

    def events(self, *names: str) -> list[dict[str, Any]]:
        """The log so far; with `names` only events of these names."""
        self.log.flush()
        return [event for event in self.captured.events() if not names or event["event"] in names]

    def exchange(self) -> dict[str, Any]:
        """The record of the last exchange."""
        return [event for event in self.events() if "request_id" in event][-1]


@asynccontextmanager
async def running_proxy(
    upstream_url: str, folder: Path, *, policy: str | Path | None = None, **settings: Any
) -> AsyncIterator[Proxy]:
    """`policy` is a file, or the text of one. Every quota, key and log line is real."""
    if isinstance(policy, str):
        written = folder / "policy.yaml"
        written.write_text(policy, encoding="utf-8")
        policy = written
    incidents = folder / "incidents.jsonl"
    captured = Captured()
    log = configure_logging("json", captured)
    values = {
        "listen": {"port": 0},
        "admin": {"port": 0},
        "upstream": {"base_url": upstream_url, **settings.pop("upstream", {})},
        "policy": str(policy) if policy else None,
        "log": {"format": "json", "incidents": str(incidents)},
        "drain_timeout": 2.0,
        **settings,
    }
    environ = {"OPENAI_API_KEY": UPSTREAM_KEY, "GUARDPROXY_KEY": SESSION_KEY}
    running = await start(Settings.model_validate(values), log, environ)
    ports = running.listeners
    try:
        yield Proxy(
            running, log, captured, incidents,
            f"http://127.0.0.1:{ports.port}/v1", f"http://127.0.0.1:{ports.admin_port}",
        )  # fmt: skip
    finally:
        await running.close()
