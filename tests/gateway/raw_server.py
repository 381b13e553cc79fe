"""A server of raw bytes, one script per connection, and tests that run on both event loops."""

from __future__ import annotations

import asyncio
import functools
import inspect
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)\r\n")


@dataclass
class RawServer:
    """`accepted` connections so far, `here` of them still open. `left` is set whenever a peer has gone."""

    port: int = 0
    accepted: int = 0
    here: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


@asynccontextmanager
async def raw_server(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """`talk` has the connection until it returns; then the server closes it."""
    server = RawServer()
    talks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.accepted += 1
        server.here += 1
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        except RuntimeError:  # what uvloop raises for a write to a peer that has gone
            assert writer.is_closing()
        finally:
            server.here -= 1
            server.left.set()
            writer.close()
            talks.discard(task)

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await asyncio.sleep(0.001)  # so that transports close before the loop does


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """One request, as it was written."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return head + await reader.readexactly(int(length[1]) if length else 0)


def answering(*answers: bytes, then_close: bool = False) -> Talk:
    """Each request gets the next of `answers`, the last one again and again."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        turn = 0
        while not (then_close and turn == len(answers)):
            await read_request(reader)
            writer.write(answers[min(turn, len(answers) - 1)])
            await writer.drain()
            turn += 1

    return talk


async def until(condition: Callable[[], bool]) -> None:
    """Returns when it holds, and fails where it never does."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def on_every_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test on asyncio's own loop and on uvloop. What a loop's callbacks raise fails the test."""

    @functools.wraps(test)
    def run(*, loop_name: str, **arguments: Any) -> None:
        run_on(LOOPS[loop_name], test(**arguments))

    signature = inspect.signature(test)
    loop_name = inspect.Parameter("loop_name", inspect.Parameter.KEYWORD_ONLY)
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), loop_name])  # type: ignore[attr-defined]
    del run.__wrapped__  # pytest would take the test for a coroutine function
    parametrized: Callable[..., None] = pytest.mark.parametrize("loop_name", LOOPS)(run)
    return parametrized


def run_on(loop_factory: Callable[[], asyncio.AbstractEventLoop], main: Coroutine[Any, Any, None]) -> None:
    faults: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: faults.append(context))
        runner.run(main)
    assert faults == []


CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def sized(body: bytes, *lines: bytes, status: bytes = b"200 OK") -> bytes:
    """A whole answer with a content-length."""
    head = [b"HTTP/1.1 " + status, b"content-type: application/json", b"content-length: %d" % len(body), *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body
