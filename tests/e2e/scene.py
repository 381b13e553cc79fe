"""A caller, a proxy and an upstream on one stage, and what must be true whenever the curtain falls."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.caller import Answer, ask
from tests.support.proxy import SESSION_KEY, Proxy, running_proxy
from tests.support.rest import at_rest, tasks
from tests.support.upstream import Script, Upstream, answers, completion, running_upstream, whole

MARK = "marzipan"
CHAT = "/v1/chat/completions"

# Small, so that it is ready at once; it redacts and blocks on both sides and counts requests and tokens.
POLICY = """
version: 1
name: small
limits: {body_bytes: 1_000_000, messages: 2_000}
opaque: {image: allow}
quotas:
  - {metric: requests, per: minute, limit: 1000}
  - {metric: tokens, per: minute, limit: 1_000_000}
rules:
  - id: own.codeword
    title: A codeword
    detector: pattern
    with: {pattern: 'codeword-[a-z]{4,20}'}
    applies_to: [user, model]
    severity: high
    action: redact
    examples: {match: ['the codeword-tulip is'], pass: ['a codeword']}
  - id: own.forbidden
    title: A forbidden phrase
    detector: pattern
    with: {pattern: 'forbidden phrase'}
    applies_to: [user, tool, model]
    severity: high
    action: block
    examples: {match: ['a forbidden phrase'], pass: ['a phrase']}
"""


class Scene(NamedTuple):
    proxy: Proxy
    upstream: Upstream

    @property
    def port(self) -> int:
        return self.proxy.running.listeners.port

    async def post(
        self, body: bytes, path: str = CHAT, key: str | None = SESSION_KEY, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return await ask(self.port, "POST", path, body, key, headers)

    async def chat(self, **members: Any) -> Answer:
        return await self.post(chat(**members))

    @property
    def ended(self) -> str:
        """The event of the last exchange."""
        return str(self.proxy.exchange()["event"])


def chat(**members: Any) -> bytes:
    """A chat request; `members` replace or add to it."""
    return json.dumps({"model": "m", "messages": said(MARK), **members}).encode()


def said(text: Any, role: str = "user") -> list[Any]:
    return [{"role": role, "content": text}]


@asynccontextmanager
async def scene(folder: Path, script: Script | None = None, **settings: Any) -> AsyncIterator[Scene]:
    """Asserts at its end that nothing is left running and that the log holds nothing anybody said."""
    async with (
        running_upstream(script or answers(whole(completion()))) as upstream,
        playing(folder, upstream, upstream.base_url, **settings) as opened,
    ):
        yield opened


@asynccontextmanager
async def playing(folder: Path, behind: Upstream, base_url: str, **settings: Any) -> AsyncIterator[Scene]:
    """The same in front of any address, which need not be that of `behind`."""
    async with running_proxy(base_url, folder, **{"policy": POLICY, **settings}) as proxy:
        before = tasks()
        yield Scene(proxy, behind)
        await at_rest(proxy.running.gateway, behind, before)
        proxy.log.flush()
        assert MARK not in proxy.captured.getvalue()
