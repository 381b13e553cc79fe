"""A gateway whose upstream is a script behind the `Upstream` protocol, not a socket: the data plane on its own."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import inf
from typing import Any, NamedTuple

from guardproxy.audit.sinks import EventLog, Recorder, configure_logging
from guardproxy.core.policy import Policy
from guardproxy.gateway.app import Listeners
from guardproxy.gateway.gateway import Bounds, Gateway
from guardproxy.gateway.lifecycle import Lifecycle
from guardproxy.gateway.policies import Policies
from guardproxy.gateway.upstream import RETURNED
from guardproxy.identity.keyring import Keyring
from guardproxy.match.scanner import MeteredScanner, Span
from guardproxy.quota.ledger import MemoryLedger
from tests.support.caller import Answer, ask
from tests.support.proxy import Captured
from tests.support.upstream import completion

KEY = "session-" + secrets.token_hex(16)
CHAT = "/v1/chat/completions"
NOON_MS = 1_772_366_400_250


class Reply:
    """An answer of the upstream: `parts` as they arrive, an exception among them where it breaks."""

    def __init__(
        self,
        *parts: bytes | Exception,
        status: int = 200,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.content_type = content_type
        self.closed = False
        self._parts = iter(parts)
        self._headers = headers or {}

    def returned(self) -> Sequence[tuple[str, str]]:
        return [(name, self._headers[name]) for name in RETURNED if name in self._headers]

    async def read(self) -> bytes:
        part = next(self._parts, b"")
        if isinstance(part, Exception):
            raise part
        return part

    async def body(self, limit: int) -> bytes:
        parts = []
        while part := await self.read():
            parts.append(part)
        return b"".join(parts)

    def close(self) -> None:
        self.closed = True


def replies(document: Any, status: int = 200, **more: Any) -> Reply:
    return Reply(json.dumps(document).encode(), status=status, **more)


def streamed(*parts: bytes | Exception) -> Reply:
    return Reply(*parts, content_type="text/event-stream")


class Sent(NamedTuple):
    method: str
    path: str
    body: bytes | None
    headers: dict[str, str]
    until: float


@dataclass
class ScriptedUpstream:
    """Answers with `reply()`; keeps what it was sent and whether it was closed."""

    reply: Callable[[], Reply] = lambda: replies(completion())
    sent: list[Sent] = field(default_factory=list)
    replied: list[Reply] = field(default_factory=list)
    closed: bool = False

    async def send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        until: float = inf,
        content_type: str = "application/json",
    ) -> Reply:
        self.sent.append(Sent(method, path, body, dict(headers), until))
        self.replied.append(self.reply())
        return self.replied[-1]

    async def close(self) -> None:
        self.closed = True


# Strings of every event, which are looked at before its text.
LABELS = frozenset({"chatcmpl-1", "chat.completion.chunk", "stand-in", "assistant"})


class BrokenDetector:
    """A detector that has a bug, which labels do not show."""

    work = 0
    accelerated = False

    def scan_in_steps(self, text: str) -> Generator[None, None, Sequence[Span]]:
        yield
        return self.scan(text)

    def accelerate(self) -> None:
        """There is nothing to accelerate."""

    def may_match(self, text: str) -> bool:
        if text in LABELS:
            return False
        raise LookupError("a bug that quotes " + text)

    def scan(self, text: str) -> Sequence[Span]:
        raise LookupError

    def scanner(self) -> MeteredScanner:
        return BrokenScanner()


class BrokenScanner:
    """Is never sure, and breaks with the second text it is fed."""

    safe = 0
    work = 0

    def __init__(self) -> None:
        self._fed = False

    def feed(self, text: str) -> Sequence[Span]:
        if self._fed:
            raise LookupError("a bug that quotes " + text)
        self._fed = True
        self.safe = len(text)
        return ()

    def finish(self) -> Sequence[Span]:
        raise LookupError

    def fork(self) -> BrokenScanner:
        raise LookupError


@dataclass
class DataPlane:
    """A gateway on open listeners, and what is needed to talk to it and to see what it noted."""

    gateway: Gateway
    listeners: Listeners
    upstream: ScriptedUpstream
    captured: Captured
    log: EventLog

    def events(self, *names: str) -> list[dict[str, Any]]:
        self.log.flush()
        return [event for event in self.captured.events() if not names or event["event"] in names]

    @property
    def record(self) -> dict[str, Any]:
        """The record of the last exchange."""
        return [event for event in self.events() if "request_id" in event][-1]

    async def chat(self, text: Any = "hi", **members: Any) -> Answer:
        body = {"model": "m", "messages": [{"role": "user", "content": text}], **members}
        return await ask(self.listeners.port, "POST", CHAT, json.dumps(body).encode(), KEY)

    async def get(self, path: str) -> Answer:
        return await ask(self.listeners.port, "GET", path, None, KEY)


def make_gateway(policy: Policy | None = None, **changes: Any) -> tuple[Gateway, EventLog, Captured]:
    """A gateway that knows one key, `KEY`. `changes` replace its parts."""
    captured = Captured()
    log = configure_logging("json", captured)
    parts: dict[str, Any] = {
        "policies": Policies.of(policy or Policy("bare", "r1")),
        "keyring": Keyring.empty().with_session_key(KEY),
        "ledger": MemoryLedger(lambda: 0),
        "upstream": ScriptedUpstream(),
        "recorder": Recorder(log),
        "lifecycle": Lifecycle(),
        "bounds": Bounds(),
        "now_ms": lambda: NOON_MS,
    }
    return Gateway(**{**parts, **changes}), log, captured


@asynccontextmanager
async def data_plane(
    reply: Callable[[], Reply] | None = None, policy: Policy | None = None, **changes: Any
) -> AsyncIterator[DataPlane]:
    upstream = ScriptedUpstream(reply) if reply else ScriptedUpstream()
    gateway, log, captured = make_gateway(policy, upstream=upstream, **changes)
    listeners = Listeners(gateway, log)
    await listeners.open("127.0.0.1", 0, "127.0.0.1", 0)
    try:
        yield DataPlane(gateway, listeners, upstream, captured, log)
        if isinstance(gateway.ledger, MemoryLedger):  # others settle a little later
            assert gateway.ledger.unsettled == 0
        assert all(reply.closed for reply in upstream.replied)
    finally:
        await listeners.close(1.0)
