"""Answers on their way to a caller: one that is there at once, and one that streams.

A whole answer is a value, written by the connection when the exchange has ended. A stream is written by the exchange
itself. Its head goes out with its first piece, so that until then it can still become another answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from guardproxy.gateway.http1_answer import LAST_CHUNK, chunk, head, is_bodiless
from guardproxy.gateway.request import Request

CHUNKED: Final = "Transfer-Encoding: chunked\r\n"
_JOIN_BELOW: Final = 64 * 1024


class Answer(NamedTuple):
    """A whole answer. `closes`: the connection ends with it, for the rest of the request may still be arriving."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    closes: bool = False


def send_whole(request: Request, answer: Answer, *, keep_alive: bool) -> None:
    """Write an answer. Raises `ValueError` for a header that cannot be written, with nothing written."""
    status, headers, body, _ = answer
    framing = f"Content-Length: {len(body)}\r\n" if status not in (204, 304) else ""
    data = head(status, headers, framing, minor=request.minor, keep_alive=keep_alive)
    request.begun = True
    if is_bodiless(request.method, status):
        request.wire.write(data)
    elif len(body) < _JOIN_BELOW:
        request.wire.write(data + body)
    else:
        request.wire.write(data)
        request.wire.write(body)


class AnswerStream:
    """A stream of bytes as the answer to `request`.

    A stream that is not ended breaks off with its connection: there is no other way to say that this is not all.
    `keep_alive`: whether the connection outlives it.
    """

    __slots__ = ("_chunked", "_head", "_silent", "_wire", "ended", "keep_alive", "request", "status")

    def __init__(self, request: Request, status: int, headers: Mapping[str, str]) -> None:
        self.request = request
        self.status = status
        self.ended = False
        self._wire = request.wire
        self._silent = is_bodiless(request.method, status)
        self._chunked = bool(request.minor) and not self._silent
        self.keep_alive = request.keep_alive and (self._chunked or self._silent) and not request.may_not_come
        framing = CHUNKED if self._chunked else ""
        self._head = head(status, headers, framing, minor=request.minor, keep_alive=self.keep_alive)

    @property
    def started(self) -> bool:
        """Whether its head has been written."""
        return not self._head

    def put(self, data: bytes) -> bool:
        """Write the next piece, the head before the first. Whether to wait for `drained` before the next one.

        Raises `ConnectionResetError`.
        """
        if self._chunked and data:
            data = chunk(data)
        elif self._silent:
            data = b""
        if self._head:
            data, self._head = self._head + data, b""
            self.request.begun = True
        if data:
            self._wire.write(data)
        return self._wire.paused

    async def drained(self) -> None:
        """Returns when the caller has taken enough."""
        await self._wire.drained()

    async def write(self, data: bytes) -> None:
        """Write the next piece, and wait where the caller is slower. Raises `ConnectionResetError`."""
        if self.put(data):
            await self._wire.drained()

    def end(self) -> None:
        """Say that this is all."""
        self.put(b"")
        if self._chunked:
            self._wire.write(LAST_CHUNK)
        self.ended = True
