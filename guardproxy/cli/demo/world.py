"""What the demo plays in: a stand-in model and a real proxy in this process, both on loopback, with real keys.

Everything the proxy writes stands in a temporary folder that goes away at the end. Nothing of the environment is
used: neither its keys nor its proxies, so no word of the demo leaves this machine.
"""

from __future__ import annotations

import asyncio
import io
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal

from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from guardproxy.admin_settings import Admin
from guardproxy.audit.sinks import EventLog, configure_logging
from guardproxy.cli.compose import RunningProxy, start
from guardproxy.cli.demo.script import PREFIX
from guardproxy.cli.demo.standin import StandIn, stand_in
from guardproxy.core.policy import Policy
from guardproxy.identity.key_settings import KeySettings
from guardproxy.identity.keyfile import ensure_pepper, rewrite_keys
from guardproxy.identity.keys import digest, new_key
from guardproxy.identity.stored import StoredKey
from guardproxy.settings import Listen, LogSettings, Settings, UpstreamSettings

CALL_TIMEOUT_S: Final = 10.0
_DRAIN_S: Final = 2.0
_TELLING: Final = 12
QUOTA_REQUESTS: Final = 3
QUOTA_LINES: Final = ("quotas:", f"  - {{metric: requests, per: minute, limit: {QUOTA_REQUESTS}}}")
_QUOTA_POLICY: Final = "\n".join(("version: 1", "name: small-quota", "packs: [secrets, injection]", *QUOTA_LINES, ""))


class CapturedLog(io.StringIO):
    """The proxy's JSON lines. Once `on_line` is set it sees each new one, and nothing is kept any more."""

    on_line: Callable[[dict[str, Any]], object] | None = None

    def write(self, text: str) -> int:
        if self.on_line is not None:
            for line in text.splitlines():
                self.on_line(json.loads(line))
            return len(text)
        return super().write(text)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@dataclass(frozen=True, slots=True)
class World:
    """A stand-in, a proxy in front of it, and the keys: `app` may speak as the operator, the others may not."""

    folder: Path
    model: StandIn
    proxy: RunningProxy
    log: CapturedLog
    events: EventLog
    app: str
    visitor: str
    batch: str
    clients: dict[tuple[str, str], AsyncOpenAI] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        return _base_url(self.proxy)

    @property
    def policy(self) -> Policy:
        return self.proxy.gateway.policies.current.default.policy

    @property
    def incidents(self) -> Path:
        return self.folder / "incidents.jsonl"

    def secret_in(self, text: str) -> bool:
        """Whether any part of a key or of the planted credential stands in the text: 12 characters are enough."""
        return any(
            secret[start : start + _TELLING] in text
            for secret in self._secrets()
            for start in range(len(secret) - _TELLING + 1)
        )

    def _secrets(self) -> tuple[str, ...]:
        """Without the parts that are public: prefixes, and the ids of keys."""
        keys = (key.rpartition("_")[2] for key in (self.app, self.visitor, self.batch))
        return self.model.credential.removeprefix(PREFIX), self.model.key.rpartition("-")[2], *keys

    def client(self, key: str, base_url: str | None = None) -> AsyncOpenAI:
        """The real client; all that differs from everyday use is `base_url`, `api_key` and that it does not retry."""
        base_url = base_url or self.base_url
        if (key, base_url) not in self.clients:
            self.clients[key, base_url] = AsyncOpenAI(
                base_url=base_url,
                api_key=key,
                max_retries=0,
                timeout=CALL_TIMEOUT_S,
                # Without the environment's proxies, which need not know this machine's loopback.
                http_client=DefaultAsyncHttpxClient(trust_env=False),
            )
        return self.clients[key, base_url]

    @asynccontextmanager
    async def quota_proxy(self) -> AsyncIterator[str]:
        """A second proxy, whose policy allows `QUOTA_REQUESTS` a minute; its base URL."""
        policy = self.folder / "small-quota.yaml"
        policy.write_text(_QUOTA_POLICY, encoding="utf-8")
        proxy = await start(_settings(self.folder, self.model, policy), self.events, {})
        try:
            yield _base_url(proxy)
        finally:
            await proxy.close()

    async def settled(self) -> None:
        """Return when every exchange so far has been recorded."""
        while self.proxy.gateway.lifecycle.in_flight:  # noqa: ASYNC110 - an event would say too early that all is idle
            await asyncio.sleep(0.01)
        self.events.flush()


@asynccontextmanager
async def open_world(policy: Path | None = None, delay_s: float = 0.02) -> AsyncIterator[World]:
    """Everything running; all of it is gone after the block. `policy` instead of the shipped default policy."""
    log = CapturedLog()
    events = configure_logging("json", log)
    with TemporaryDirectory(prefix="guardproxy-demo-") as name:
        folder = Path(name)
        async with stand_in(delay_s) as model:
            (folder / "upstream.key").write_text(model.key, encoding="utf-8")
            app, visitor, batch = (_make_key(folder, "my-app", "operator"), *_user_keys(folder))
            proxy = await start(_settings(folder, model, policy), events, {})
            world = World(folder, model, proxy, log, events, app, visitor, batch)
            try:
                yield world
            finally:
                for client in world.clients.values():
                    await client.close()
                await proxy.close()


def _user_keys(folder: Path) -> tuple[str, str]:
    return _make_key(folder, "visitor", "user"), _make_key(folder, "night-batch", "user")


def _make_key(folder: Path, name: str, speaks_as: Literal["operator", "user"]) -> str:
    """A key as `guardproxy keys create NAME --speaks-as ...` makes it."""
    made = new_key(secrets.token_bytes)
    pepper = ensure_pepper(folder / "keys.yaml", {}, secrets.token_bytes)
    now = datetime.now(UTC).replace(microsecond=0)
    stored = StoredKey(id=made.key_id, name=name, digest=digest(made.token, pepper), speaks_as=speaks_as, created=now)
    rewrite_keys(folder / "keys.yaml", lambda keys: (*keys, stored))
    return made.token


def _settings(folder: Path, model: StandIn, policy: Path | None) -> Settings:
    return Settings(
        listen=Listen(port=0),
        admin=Admin(port=0),
        upstream=UpstreamSettings(base_url=model.base_url, api_key_file=str(folder / "upstream.key")),
        policy=str(policy) if policy else None,
        keys=KeySettings(file=str(folder / "keys.yaml")),
        log=LogSettings(format="json", incidents=str(folder / "incidents.jsonl")),
        drain_timeout=_DRAIN_S,
    )


def _base_url(proxy: RunningProxy) -> str:
    return f"http://127.0.0.1:{proxy.listeners.port}/v1"
