"""A caller's request, as the steps of an exchange see it: its head, and a body that may still be arriving.

The head is complete when a `Request` comes into being, the body often is too. Where it is not, `RequestBody` is the one
place where what arrives and who reads it meet. `Wire` is what both need of the connection.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from multidict import CIMultiDict

from guardproxy.errors import RequestError

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Wire(Protocol):
    """The connection to a caller."""

    @property
    def remote(self) -> str | None:
        """The address at its other end."""

    @property
    def paused(self) -> bool:
        """Whether the caller is slower than what is written to it: who goes on writing waits for `drained` first."""

    def write(self, data: bytes) -> None:
        """Raises `ConnectionResetError` where the caller has left."""

    async def drained(self) -> None:
        """Returns when the caller has taken enough of what was written."""

    def make_room(self) -> None:
        """What arrived of a body was read: more may arrive."""


class RequestBody:
    """What has arrived of a body, `unread` bytes of it, and the one reader who waits for more."""

    __slots__ = ("_dropped", "_fault", "_pieces", "_waiter", "_wire", "complete", "unread")

    def __init__(self, wire: Wire) -> None:
        self.complete = False
        self.unread = 0
        self._wire = wire
        self._pieces: list[bytes] = []
        self._fault: RequestError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._dropped = False

    # How it arrives.

    def feed(self, piece: bytes) -> None:
        if not self._dropped:
            self._pieces.append(piece)
            self.unread += len(piece)
            if self._waiter is not None:
                self._wake()

    def end(self) -> None:
        self.complete = True
        if self._waiter is not None:
            self._wake()

    def fail(self, fault: RequestError) -> None:
        """It can never be complete. What came before the fault stays readable."""
        self._fault = fault
        if self._waiter is not None:
            self._wake()

    @property
    def broken(self) -> bool:
        """Whether it can never be complete."""
        return self._fault is not None

    # How it is read.

    def is_eof(self) -> bool:
        """Whether all of it has arrived."""
        return self.complete

    def read_nowait(self) -> bytes:
        """What has arrived and was not read yet."""
        pieces = self._pieces
        whole = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._pieces = []
        self.unread = 0
        return whole

    async def readany(self) -> bytes:
        """What has come since the last call, waiting if it is nothing; empty at its end. Raises its fault."""
        while not self._pieces:
            if self.complete:
                return b""
            await self._arrival()
        data = self.read_nowait()
        self._wire.make_room()
        return data

    async def drop_rest(self) -> None:
        """Keep nothing of what has come and comes; returns at its end. Raises its fault."""
        self._dropped = True
        self.read_nowait()
        self._wire.make_room()
        while not self.complete:
            await self._arrival()

    async def _arrival(self) -> None:
        if self._fault is not None:
            raise self._fault
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Request:
    """One request. `raw_path` is the target as it was written, `headers` finds names in any case.

    `minor` is 1 or 0, as in HTTP/1.1; `content_length` None where the head tells none; `keep_alive` whether the caller
    wants to send another request behind it. `begun` is set with the first byte of its answer.
    """

    __slots__ = (
        "begun",
        "content",
        "content_length",
        "headers",
        "invited",
        "keep_alive",
        "method",
        "minor",
        "raw_path",
        "wire",
    )

    def __init__(
        self,
        wire: Wire,
        method: str,
        raw_path: str,
        headers: CIMultiDict[str],
        *,
        minor: int = 1,
        keep_alive: bool = True,
        content_length: int | None = None,
    ) -> None:
        self.wire = wire
        self.method = method
        self.raw_path = raw_path
        self.headers = headers
        self.minor = minor
        self.keep_alive = keep_alive
        self.content_length = content_length
        self.content = RequestBody(wire)
        self.invited = False
        self.begun = False

    @classmethod
    def unread(cls, wire: Wire) -> Request:
        """What was no request, as far as it takes to answer it."""
        return cls(wire, "-", "-", CIMultiDict(), keep_alive=False)

    @property
    def remote(self) -> str | None:
        """The address the connection comes from."""
        return self.wire.remote

    async def invite(self) -> None:
        """Tell a caller who waits for it that the body may come."""
        self.invited = True
        if self.minor:  # HTTP/1.0 knows no interim answers
            self.wire.write(CONTINUE)

    @property
    def may_not_come(self) -> bool:
        """Whether the caller waits to be invited: nobody knows then if the rest of the body follows its answer."""
        return not (self.content.complete or self.invited) and "expect" in self.headers
