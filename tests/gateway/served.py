"""A listener of conversations with a handler of a test's own, and a wire that only remembers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from guardproxy.errors import RequestError
from guardproxy.gateway.conversation import Service
from guardproxy.gateway.request import Request
from guardproxy.gateway.sending import Answer, AnswerStream
from guardproxy.gateway.serving import Serving

Handler = Callable[[Request], Awaitable[Answer | AnswerStream]]


class Kept:
    """A wire whose caller is a list of what was written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.paused = False
        self.drains = 0
        self.rooms = 0

    @property
    def remote(self) -> str | None:
        return "192.0.2.1"

    def write(self, data: bytes) -> None:
        self.written.append(data)

    async def drained(self) -> None:
        self.drains += 1

    def make_room(self) -> None:
        self.rooms += 1


def refused(error: RequestError) -> Answer:
    """What never became a request is answered with its error's status and code."""
    return Answer(error.status, {}, error.code.encode())


def failed() -> Answer:
    return Answer(500, {}, b"failed")


@asynccontextmanager
async def served(handler: Handler, head_s: float = 15.0) -> AsyncIterator[tuple[int, Serving]]:
    """The port, and the connections. When it is left no connection and no task of one is."""
    serving = Serving(Service(handler, refused, failed, head_s))
    listener = await asyncio.get_running_loop().create_server(serving, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1], serving
    finally:
        listener.close()
        await serving.shutdown(0)
        assert serving.open == 0
