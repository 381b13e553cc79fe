"""A real proxy with one policy and a stand-in for the model, on loopback, and what a case came to in it."""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import aiohttp

from guardproxy.audit.events import Event
from guardproxy.audit.record import AuditRecord
from guardproxy.audit.sinks import Recorder, configure_logging
from guardproxy.cli.cases.standin import StandInModel, message_of
from guardproxy.core.choice import Choice
from guardproxy.gateway.app import Listeners
from guardproxy.gateway.gateway import Gateway
from guardproxy.gateway.lifecycle import Lifecycle
from guardproxy.gateway.policies import Policies
from guardproxy.identity.keyring import Keyring
from guardproxy.identity.keys import digest, new_key
from guardproxy.identity.stored import StoredKey
from guardproxy.policyfile.cases import Case
from guardproxy.quota.ledger import MemoryLedger

# Longer than any window, and than any period of the calendar.
_APART_MS: Final = 40 * 24 * 60 * 60 * 1000


class Outcome(NamedTuple):
    """What became of an exchange. `sent` is None if nothing reached the model, `received` if no answer came."""

    decision: str
    code: str | None
    rules: dict[str, int]
    shadow_rules: dict[str, int]
    sent: Any
    received: dict[str, Any] | None


class _Kept(Recorder):
    """Keeps the record of the last exchange, and writes nothing."""

    last: AuditRecord | None = None

    def record(self, record: AuditRecord) -> None:
        self.last = record


class _Clock:
    """The time of the accounts."""

    ms = 0


class Stage:
    """Plays cases, each with a key of its own and in a time of its own, so that none uses up the quota of another."""

    def __init__(
        self, session: aiohttp.ClientSession, port: int, model: StandInModel, kept: _Kept, clock: _Clock
    ) -> None:
        self._session = session
        self._url = f"http://127.0.0.1:{port}/v1/chat/completions"
        self._model = model
        self._kept = kept
        self._clock = clock
        self.tokens: dict[str, str] = {}

    async def play(self, case: Case, *, stream: bool) -> Outcome:
        """Send the case, and wait for its end."""
        self._clock.ms += _APART_MS
        self._model.answer, self._model.sent, self._kept.last = message_of(case.written.answer), None, None
        headers = {"authorization": f"Bearer {self.tokens[case.where]}"}
        body = {**case.body, **({"stream": True} if stream else {})}
        async with self._session.post(self._url, json=body, headers=headers) as response:
            raw = await response.read()
            code = json.loads(raw)["error"]["code"] if response.status != 200 else None
            streamed = response.content_type == "text/event-stream"
        received = None if code else streamed_message(raw) if streamed else json.loads(raw)["choices"][0]["message"]
        record: AuditRecord | None = self._kept.last
        if record is None:
            raise AssertionError("an exchange ended without a record")
        return Outcome(
            decision_of(record), code, dict(record.rules), dict(record.shadow_rules), self._model.sent, received
        )


def decision_of(record: AuditRecord) -> str:
    """The decision in the words of a case; `failed` where a guard could not run or the model's half broke."""
    match record.event:
        case Event.EXCHANGE_REFUSED | Event.QUOTA_REFUSED:
            return "refuse"
        case Event.EXCHANGE_COMPLETED | Event.EXCHANGE_FLAGGED | Event.EXCHANGE_REDACTED | Event.EXCHANGE_BLOCKED:
            return record.action or "failed"
    return "failed"


@asynccontextmanager
async def open_stage(choice: Choice, cases: Sequence[Case]) -> AsyncIterator[Stage]:
    """A proxy that serves the policy as long as the block runs, with a key for each of the cases."""
    log = configure_logging("json", io.StringIO())
    model, kept, clock = StandInModel(), _Kept(log), _Clock()
    pepper, keys, tokens = secrets.token_bytes(32), [], {}
    for case in cases:
        made, caller = new_key(secrets.token_bytes), case.written.caller
        tokens[case.where] = made.token
        keys.append(
            StoredKey(
                id=made.key_id,
                name=caller.key,
                digest=digest(made.token, pepper),
                speaks_as=caller.speaks_as,
                team=caller.team,
                created=datetime.now(UTC),
            )
        )
    gateway = Gateway(
        policies=Policies.of(choice),
        keyring=Keyring(keys, pepper),
        ledger=MemoryLedger(lambda: clock.ms),
        upstream=model,
        recorder=kept,
        lifecycle=Lifecycle(),
    )
    listeners = Listeners(gateway, log)
    try:
        await listeners.open("127.0.0.1", 0, "127.0.0.1", 0)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            stage = Stage(session, listeners.port, model, kept, clock)
            stage.tokens = tokens
            yield stage
    finally:
        await listeners.close(1.0)


def streamed_message(raw: bytes) -> dict[str, Any]:
    """The message a client puts together from a stream."""
    message: dict[str, Any] = {}
    calls: dict[int, dict[str, Any]] = {}
    for line in raw.splitlines():
        if not line.startswith(b"data: {"):
            continue
        for choice in json.loads(line[6:]).get("choices", ()):
            delta = choice.get("delta") or {}
            for name, value in delta.items():
                if name != "tool_calls" and isinstance(value, str):
                    message[name] = value if name == "role" else message.get(name, "") + value
            for part in delta.get("tool_calls") or ():
                _add_call(calls.setdefault(part.get("index", 0), {}), part)
    return {**message, "tool_calls": [calls[index] for index in sorted(calls)]} if calls else message


def _add_call(call: dict[str, Any], part: dict[str, Any]) -> None:
    function = call.setdefault("function", {})
    call |= {name: value for name, value in part.items() if name not in ("index", "function")}
    said = part.get("function") or {}
    if "name" in said:
        function["name"] = said["name"]
    function["arguments"] = function.get("arguments", "") + (said.get("arguments") or "")
