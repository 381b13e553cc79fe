"""Reading a caller's body: bounded in size and in time, uncompressed."""

from __future__ import annotations

import asyncio

from aiohttp import web

from guardproxy.errors import InvalidRequest, RequestError, RequestTooLarge


class BodyTimeout(RequestError):
    status = 408
    code = "request_timeout"


async def read_body(request: web.BaseRequest, limit: int, timeout_s: float) -> bytes:
    """The whole body. Raises `RequestTooLarge` over `limit` bytes, before reading where the length is told."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise InvalidRequest("compressed request bodies are not accepted; send the JSON as it is")
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    if request.content.is_eof():  # the usual case: it came with the head, so there is nothing to wait for
        return _checked(request.content.read_nowait(), limit)
    try:
        async with asyncio.timeout(timeout_s):
            if request.headers.get("expect", "").lower() == "100-continue":
                await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                request.writer.output_size = 0
            return await _read(request, limit)
    except TimeoutError as error:
        raise BodyTimeout(f"the request body did not arrive within {timeout_s:g} s") from error


async def _read(request: web.BaseRequest, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        while part := await request.content.readany():
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            parts.append(part)
    except ValueError as error:  # aiohttp: the body's framing is broken
        raise InvalidRequest("the request body is not framed as HTTP says") from error
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _checked(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise _too_large(limit)
    return body


def _too_large(limit: int) -> RequestTooLarge:
    return RequestTooLarge(f"the request body is larger than the {limit:,} bytes the policy allows")
