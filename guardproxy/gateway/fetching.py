"""Fetching a small document from a fixed address, over the client that upstreams are asked with.

So what holds there holds here: no redirect is followed, nothing compressed is taken, certificates are verified, a size
is not exceeded, and each silence has an end.
"""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import urlsplit

from guardproxy.errors import ConfigurationError, UpstreamUnavailable
from guardproxy.gateway.upstream import HttpUpstream, UpstreamTimeouts
from guardproxy.oidc.issuer_keys import FetchFailed

_GOOD: Final = 200


class HttpFetch:
    """Fetches by GET, each time on a connection of its own: it is seldom.

    `ca_file` as of an upstream. Raises `ConfigurationError` if it cannot be used.
    """

    def __init__(self, timeout_s: float, ca_file: str | None = None) -> None:
        self._timeouts = UpstreamTimeouts(timeout_s, timeout_s)
        self._ca_file = ca_file
        if ca_file is not None:
            self._client("https://localhost")

    async def __call__(self, url: str, most_bytes: int) -> bytes:
        """The body at `url`. Raises `FetchFailed`."""
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        # In a thread: it reads the certificate authorities of the system.
        try:
            client = await asyncio.to_thread(self._client, f"{parts.scheme}://{parts.netloc}")
        except ConfigurationError as error:
            raise FetchFailed(f"cannot be asked: {error.message}") from error
        try:
            reply = await client.send("GET", path, None, {})
            if reply.status != _GOOD:
                raise FetchFailed(f"answered {reply.status}")
            return await reply.body(most_bytes)
        except UpstreamUnavailable as error:
            raise FetchFailed(error.reason.replace("_", " ")) from error
        finally:
            await client.close()

    def _client(self, origin: str) -> HttpUpstream:
        return HttpUpstream(origin, None, self._timeouts, max_connections=1, ca_file=self._ca_file)
