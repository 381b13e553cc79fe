"""Reading a caller's body: bounded in size and in time, uncompressed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from guardproxy.errors import InvalidRequest, RequestError, RequestTooLarge


class BodyTimeout(RequestError):
    status = 408
    code = "request_timeout"


class Content(Protocol):
    """A body as it arrives."""

    def is_eof(self) -> bool:
        """Whether all of it has arrived."""

    def read_nowait(self) -> bytes:
        """What has arrived and was not read yet."""

    async def readany(self) -> bytes:
        """The same, waiting if it is nothing; empty at the end. Raises `InvalidRequest` where its framing is broken."""


class Incoming(Protocol):
    """A request whose body can be read."""

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def content_length(self) -> int | None: ...

    @property
    def content(self) -> Content: ...

    async def invite(self) -> None:
        """Tell a caller who waits for it that the body may come."""


async def read_body(request: Incoming, limit: int, timeout_s: float) -> bytes:
    """The whole body. Raises `RequestTooLarge` over `limit` bytes, before reading where the length is told."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise InvalidRequest("compressed request bodies are not accepted; send the JSON as it is")
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    content = request.content
    if content.is_eof():  # the usual case: it came with the head, so there is nothing to wait for
        return _checked(content.read_nowait(), limit)
    try:
        async with asyncio.timeout(timeout_s):
            if request.headers.get("expect", "").lower() == "100-continue":
                await request.invite()
            return await _read(content, limit)
    except TimeoutError as error:
        raise BodyTimeout(f"the request body did not arrive within {timeout_s:g} s") from error


async def _read(content: Content, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := await content.readany():
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _checked(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise _too_large(limit)
    return body


def _too_large(limit: int) -> RequestTooLarge:
    return RequestTooLarge(f"the request body is larger than the {limit:,} bytes the policy allows")
