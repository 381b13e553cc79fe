"""The way to the model: one hardened client, one fixed origin.

Nothing a caller sends can change where a request goes: the origin comes from the settings, the path is built by us,
redirects are not followed, cookies are not kept, proxies from the environment are not used, and only listed headers
travel. Compression is not asked for and not accepted, so what is inspected is what was sent.

`Upstream` and `UpstreamReply` are all the rest of the gateway knows. `HttpUpstream` writes requests and lends itself
connections from `pool`; `http1` moves the bytes and `http1_response` reads them.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import Final, NamedTuple, Protocol
from urllib.parse import urlsplit

from guardproxy import __version__
from guardproxy.errors import ConfigurationError, UpstreamUnavailable
from guardproxy.gateway.http1 import Connection
from guardproxy.gateway.passthrough import PROVIDER_HEADERS
from guardproxy.gateway.pool import ConnectionPool, Origin, PoolLimits
from guardproxy.surfaces.conventions import KeyForm, conventions_of

# What travels from the caller to the upstream, and back, beside what single APIs need (`Conventions.forwarded`).
# Everything else stays here. Each in its own form, so that neither text nor a key travels in it.
_FORWARDED: Final = {
    "idempotency-key": re.compile(r"[0-9a-f]{64}"),  # a digest, made of the caller's
    "traceparent": re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"),
}
JSON: Final = "application/json"
RETURNED: Final = ("openai-model", "openai-processing-ms", "openai-version", "retry-after", "retry-after-ms")
_FIXED: Final = f"accept: application/json\r\naccept-encoding: identity\r\nuser-agent: guardproxy/{__version__}\r\n"
_RETURNED: Final = tuple((name, name.encode()) for name in RETURNED)
# What is left at the upstream is not what is left here, so it gets names of its own.
_RATE_LIMITS: Final = tuple(
    (f"x-upstream-ratelimit-{what}-{metric}", f"x-ratelimit-{what}-{metric}".encode())
    for what in ("limit", "remaining", "reset")
    for metric in ("requests", "tokens")
)
# What may stand in a request line and in a header: no control characters, hence no line of somebody else's making.
_METHOD: Final = re.compile(r"[A-Z]{1,16}")
_PATH: Final = re.compile(r"/[!\"$-~]*")  # no "#", and nothing outside of visible ASCII
_VALUE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?|")
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]+")


@dataclass(frozen=True, slots=True)
class UpstreamTimeouts:
    """Seconds. `read` bounds each silence: before the first byte and between two pieces of a stream."""

    connect: float = 5.0
    read: float = 120.0


class UpstreamReply(Protocol):
    """An answer whose head has arrived."""

    status: int
    content_type: str

    def returned(self) -> Sequence[tuple[str, str]]:
        """The headers that may travel to the caller (`RETURNED`), those there are: (name in lower case, value)."""

    async def read(self) -> bytes:
        """What has come of the body, empty at its end. Nothing more is taken from the upstream while nobody reads."""

    async def body(self, limit: int) -> bytes:
        """The whole body, at most `limit` bytes."""

    def close(self) -> None:
        """Drop the connection unless the body was read to its end. Safe to call twice."""


class Upstream(Protocol):
    async def send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        until: float = inf,
        content_type: str = JSON,
    ) -> UpstreamReply:
        """Send a request and wait for the head of its answer. Nothing of the exchange waits longer than `until`.

        `until` is a time of the event loop's clock, `content_type` says what the body is.
        """

    async def close(self) -> None: ...


class _Start(NamedTuple):
    """How requests to a path begin, and which headers of a caller travel with them."""

    head: str
    forwarded: Mapping[str, re.Pattern[str]]


class HttpUpstream:
    """`Upstream` over a pool of HTTP/1.1 connections, for the life of the process.

    `ca_file` (PEM) replaces the system's certificate authorities. `key_form`: how the upstream takes its key, if not
    as each API says. `passthrough`: the header with the caller's own provider key travels. `rate_limits`: what the
    upstream says is left there is told, as `x-upstream-ratelimit-*`. Raises `ConfigurationError` for a base URL, key or
    file that cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        timeouts: UpstreamTimeouts,
        *,
        max_connections: int = 1000,
        ca_file: str | None = None,
        key_form: KeyForm | None = None,
        passthrough: bool = False,
        rate_limits: bool = False,
    ) -> None:
        origin, authority, self._prefix = _parse_base(base_url, ca_file)
        self._pool = ConnectionPool(origin, PoolLimits(timeouts.connect, timeouts.read, max_connections))
        if api_key and not _VALUE.fullmatch(api_key):
            raise ConfigurationError("the upstream's key holds characters that cannot stand in a header")
        self._fixed = f"host: {authority}\r\n{_FIXED}"
        self._key = api_key
        self._key_form = key_form
        self._forwarded = {**_FORWARDED, **PROVIDER_HEADERS} if passthrough else _FORWARDED
        self._returned = _RETURNED + _RATE_LIMITS if rate_limits else _RETURNED
        self._heads: dict[tuple[str, str], _Start] = {}

    async def send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        until: float = inf,
        content_type: str = JSON,
    ) -> UpstreamReply:
        """Send and wait for the head of the answer. Raises `UpstreamUnavailable`, `UpstreamTimeout`.

        Nothing is sent twice: a connection found closed before the request was begun is replaced, later it is an
        error, since the upstream may have done the work already. A header of the caller that is not of its form stays
        here.
        """
        head = self._head(method, path, body, headers, content_type)
        connection = self._pool.borrow_idle() or await self._pool.borrow()
        await connection.exchange(head, body, bodiless=method == "HEAD", until=until)
        reply = _HttpReply(connection, self._pool, self._returned)
        if connection.answer.headers.get(b"content-encoding", b"identity").lower() != b"identity":
            reply.close()
            raise UpstreamUnavailable("the upstream compressed its answer unasked", reason="compressed")
        return reply

    async def close(self) -> None:
        await self._pool.close()

    def _head(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], content_type: str = JSON
    ) -> bytes:
        """The request up to its body: our own lines, and what may travel of the caller's."""
        head, forwarded = self._heads.get((method, path)) or self._start(method, path)
        if body is not None:
            if content_type is not JSON and not _VALUE.fullmatch(content_type):
                raise ValueError("a content type does not look like this")
            head += f"content-type: {content_type}\r\ncontent-length: {len(body)}\r\n"
        elif method not in ("GET", "HEAD"):
            head += "content-length: 0\r\n"
        for name, form in forwarded.items():
            value = headers.get(name)
            if value is not None and form.fullmatch(value):
                head += f"{name}: {value}\r\n"
        return (head + "\r\n").encode("ascii")

    def _start(self, method: str, path: str) -> _Start:
        if not _METHOD.fullmatch(method) or not _PATH.fullmatch(path):
            raise ValueError("a method and a path of our own making do not look like this")
        conventions = conventions_of(path)
        key = (self._key_form or conventions.upstream_key).lines(self._key) if self._key else ""
        head = f"{method} {self._prefix}{path} HTTP/1.1\r\n{self._fixed}{key}"
        start = _Start(head, {**self._forwarded, **conventions.forwarded})
        if len(self._heads) >= 64:  # the fixed routes are few; names of models and responses are many
            self._heads.clear()
        self._heads[method, path] = start
        return start


def _parse_base(base_url: str, ca_file: str | None) -> tuple[Origin, str, str]:
    """The origin, how the `host` header names it, and what goes before each path."""
    try:
        parts = urlsplit(base_url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port
    except ValueError:
        raise ConfigurationError("the upstream's base URL cannot be read") from None
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host):
        raise ConfigurationError("the upstream's base URL must be http:// or https:// and name a host")
    prefix = parts.path.rstrip("/")
    if parts.query or parts.fragment or "@" in parts.netloc or (prefix and not _PATH.fullmatch(prefix)):
        raise ConfigurationError("the upstream's base URL must hold neither user, query, fragment nor spaces")
    authority = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    secure = parts.scheme == "https"
    return Origin(host, port or (443 if secure else 80), _trust(ca_file) if secure else None), authority, prefix


def _trust(ca_file: str | None) -> ssl.SSLContext:
    """Certificate and name are verified, TLS 1.2 at least."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # `ssl.SSLError` is one
        raise ConfigurationError(f"{ca_file}: cannot be used as certificate authority: {error.strerror}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


@lru_cache(maxsize=64)
def _media_type(content_type: bytes) -> str:
    return content_type.partition(b";")[0].strip().lower().decode("latin-1") or "application/octet-stream"


class _HttpReply:
    """An answer on a borrowed connection, which goes back as soon as the answer has been read to its end."""

    __slots__ = ("_connection", "_ended", "_headers", "_pool", "_returned", "content_type", "status")

    def __init__(
        self, connection: Connection, pool: ConnectionPool, returned: Sequence[tuple[str, bytes]] = _RETURNED
    ) -> None:
        self._returned = returned
        self._connection: Connection | None = connection
        self._pool = pool
        self._ended = False
        self._headers = connection.answer.headers
        self.status = connection.answer.status
        self.content_type = _media_type(self._headers.get(b"content-type", b""))

    def returned(self) -> Sequence[tuple[str, str]]:
        headers = self._headers
        return [(name, headers[raw].decode("latin-1")) for name, raw in self._returned if raw in headers]

    async def body(self, limit: int) -> bytes:
        connection = self._connection
        if connection is not None and connection.answer.complete and 0 < connection.answer.unread <= limit:
            whole = await connection.read()  # the usual case: it came with its head
            self._ended = True
            self.close()
            return whole
        parts: list[bytes] = []
        size = 0
        while piece := await self.read():
            size += len(piece)
            if size > limit:
                self.close()
                raise UpstreamUnavailable("the upstream's answer is too large", reason="too_large")
            parts.append(piece)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.give_back(connection)

    async def read(self) -> bytes:
        """The next piece, empty at the end. An answer that was closed before has no end, so it raises."""
        connection = self._connection
        if connection is None:
            if self._ended:
                return b""
            raise UpstreamUnavailable("the upstream's answer was closed before its end", reason="broken")
        piece = await connection.read()
        if not piece:
            self._ended = True
            self.close()
        return piece
