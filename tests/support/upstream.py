"""A scripted model endpoint over a raw socket: every byte it answers is the test's, so it can misbehave at will."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

SERVING = "a connection of the scripted upstream"


@dataclass
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Send = Callable[[bytes], Awaitable[None]]
Script = Callable[[Asked, Send], Awaitable[None]]


@dataclass
class Upstream:
    """`script` answers; `asked` are all requests so far; `gone` is set when a peer left while a script still ran.

    `open` counts connections, `busy` those on which a script is at work, `sent` the bytes that scripts got rid of.
    """

    script: Script
    asked: list[Asked] = field(default_factory=list)
    open: int = 0
    busy: int = 0
    sent: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    base_url: str = ""

    @property
    def last(self) -> Asked:
        return self.asked[-1]


@asynccontextmanager
async def running_upstream(script: Script) -> AsyncIterator[Upstream]:
    upstream = Upstream(script)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _name_this_task()
        upstream.open += 1
        try:
            while (asked := await _read(reader)) is not None:
                upstream.asked.append(asked)
                await _answer(upstream, asked, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, StopServing):
            pass
        finally:
            upstream.open -= 1
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    upstream.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield upstream
    finally:
        server.close()


def _name_this_task() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.set_name(SERVING)


class StopServing(Exception):
    """Raised by a script to close the connection here and now."""


async def _answer(upstream: Upstream, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async def send(data: bytes) -> None:
        writer.write(data)
        await writer.drain()
        upstream.sent += len(data)

    upstream.busy += 1
    script = asyncio.ensure_future(upstream.script(asked, send))
    left = asyncio.ensure_future(_left(reader))
    try:
        await asyncio.wait({script, left}, return_when=asyncio.FIRST_COMPLETED)
        if not script.done():
            upstream.gone.set()
            script.cancel()
            raise StopServing
        try:
            await script
        except ConnectionError:
            upstream.gone.set()
            raise
    finally:
        upstream.busy -= 1
        script.cancel()
        left.cancel()
        await asyncio.gather(script, left, return_exceptions=True)


async def _left(reader: asyncio.StreamReader) -> None:
    """Returns when the peer closes. The clients here never pipeline, so there is nothing else to wait for."""
    while not reader.at_eof() and reader.exception() is None:
        await asyncio.sleep(0.002)


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    if not head:
        return None
    request, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = request.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, path, headers, body)


def whole(
    document: Any, status: int = 200, *, headers: Sequence[tuple[str, str]] = (), content_type: str = "application/json"
) -> bytes:
    """A whole answer as bytes; `document` is encoded unless it is bytes already."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    extra = "".join(f"{name}: {value}\r\n" for name, value in headers)
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM_END = b"0\r\n\r\n"


def piece(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def event(document: Any) -> bytes:
    return b"data: " + (document if isinstance(document, bytes) else json.dumps(document).encode()) + b"\n\n"


DONE = b"data: [DONE]\n\n"


def completion(content: str | None = "Hello there.", **message: Any) -> dict[str, Any]:
    """A chat completion with one choice."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "stand-in",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, **message},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
    }


def chunk(delta: dict[str, Any], *, index: int = 0, finish_reason: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk of a streamed chat completion."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "stand-in",
        "choices": [{"index": index, "delta": delta, "finish_reason": finish_reason}],
        **more,
    }


def answers(data: bytes) -> Script:
    """A script that always answers the same bytes."""

    async def script(asked: Asked, send: Send) -> None:
        await send(data)

    return script


def streams(*texts: str, finish_reason: str = "stop", done: bool = True) -> Script:
    """A script that streams `texts` as content deltas, each in a chunk of its own."""

    async def script(asked: Asked, send: Send) -> None:
        await send(STREAM_HEAD)
        await send(piece(event(chunk({"role": "assistant", "content": ""}))))
        for text in texts:
            await send(piece(event(chunk({"content": text}))))
        await send(piece(event(chunk({}, finish_reason=finish_reason))))
        await send((piece(DONE) if done else b"") + STREAM_END)

    return script
