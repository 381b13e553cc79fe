"""The way to the model: one hardened client, one fixed origin.

Nothing a caller sends can change where a request goes: the origin comes from the settings, the path is built by us,
redirects are not followed, cookies are not kept, proxies from the environment are not used, and only listed headers
travel. Compression is not asked for and not accepted, so what is inspected is what was sent.

`Upstream` and `UpstreamReply` are the seam for a leaner client than aiohttp's session.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from guardproxy import __version__
from guardproxy.errors import UpstreamTimeout, UpstreamUnavailable

# What travels from the caller to the upstream, and back. Everything else stays here.
_FORWARDED: Final = ("idempotency-key", "traceparent", "tracestate")
RETURNED: Final = ("openai-model", "openai-processing-ms", "openai-version", "retry-after", "retry-after-ms")
_TIMEOUT = "the upstream did not answer in time"
_UNREACHABLE = "the upstream could not be reached"
_BROKEN = "the upstream broke off its answer"


@dataclass(frozen=True, slots=True)
class UpstreamTimeouts:
    """Seconds. `read` bounds each silence: before the first byte and between two pieces of a stream."""

    connect: float = 5.0
    read: float = 120.0


class UpstreamReply(Protocol):
    """An answer whose head has arrived."""

    status: int
    content_type: str

    def header(self, name: str) -> str | None: ...

    def pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Not read further while the caller is slow to ask: that is the backpressure."""

    async def body(self, limit: int) -> bytes:
        """The whole body, at most `limit` bytes."""

    def close(self) -> None:
        """Drop the connection unless the body was read to its end. Safe to call twice."""


class Upstream(Protocol):
    async def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> UpstreamReply: ...

    async def close(self) -> None: ...


class AiohttpUpstream:
    """`Upstream` over one `aiohttp.ClientSession` for the life of the process."""

    def __init__(
        self, base_url: str, api_key: str | None, timeouts: UpstreamTimeouts, *, max_connections: int = 1000
    ) -> None:
        self._base = base_url.rstrip("/")
        self._fixed = {
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": f"guardproxy/{__version__}",
        }
        if api_key:
            self._fixed["authorization"] = f"Bearer {api_key}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=max_connections, keepalive_timeout=15, ttl_dns_cache=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=None, connect=2 * timeouts.connect, sock_connect=timeouts.connect, sock_read=timeouts.read
            ),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=("content-type",),
            requote_redirect_url=False,
        )
        self._urls: dict[str, URL] = {}

    async def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> UpstreamReply:
        """Send and wait for the head of the answer. Raises `UpstreamUnavailable`, `UpstreamTimeout`."""
        outbound = CIMultiDict(self._fixed)
        if body is not None:
            outbound["content-type"] = "application/json"
        for name in _FORWARDED:
            if name in headers:
                outbound[name] = headers[name]
        try:
            reply = await self._session.request(
                method, self._url(path), data=body, headers=outbound, allow_redirects=False
            )
        except TimeoutError as error:
            raise UpstreamTimeout(_TIMEOUT) from error
        except aiohttp.ClientConnectorError as error:
            raise UpstreamUnavailable(_UNREACHABLE, reason="unreachable") from error
        except (aiohttp.ClientError, ValueError) as error:
            raise UpstreamUnavailable(_BROKEN, reason="bad_answer") from error
        return _AiohttpReply(reply)

    async def close(self) -> None:
        await self._session.close()

    def _url(self, path: str) -> URL:
        url = self._urls.get(path)
        if url is None:
            url = URL(self._base + path, encoded=True)
            if len(self._urls) < 64:  # the few fixed routes; model names are many
                self._urls[path] = url
        return url


class _AiohttpReply:
    def __init__(self, reply: aiohttp.ClientResponse) -> None:
        self._reply = reply
        self.status = reply.status
        self.content_type = reply.content_type
        if reply.headers.get("content-encoding", "identity").lower() != "identity":
            reply.close()
            raise UpstreamUnavailable("the upstream compressed its answer unasked", reason="compressed")

    def header(self, name: str) -> str | None:
        return self._reply.headers.get(name)

    async def pieces(self) -> AsyncIterator[bytes]:
        content = self._reply.content
        try:
            while piece := await content.readany():
                yield piece
        except TimeoutError as error:
            raise UpstreamTimeout("the upstream fell silent in the middle of its answer") from error
        except aiohttp.ClientError as error:
            raise UpstreamUnavailable(_BROKEN, reason="broken") from error

    async def body(self, limit: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for piece in self.pieces():
            size += len(piece)
            if size > limit:
                raise UpstreamUnavailable("the upstream's answer is too large", reason="too_large")
            parts.append(piece)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        self._reply.close()
