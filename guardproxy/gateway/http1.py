"""One HTTP/1.1 connection to the upstream: one request, then one answer, then perhaps the next.

A connection is in one of three states. *Quiet*: nothing was asked, so any byte that comes closes it and can never
become the answer to a later request. *Asked*: a request was written and its answer is not complete. *Lost*: the
transport is closed or closing, and what is missing raises.

Backpressure: while more than `HIGH_WATER` bytes wait for the reader the socket is not read, so the upstream's own
writes stall. Silence: one timer a connection, which looks at the deadline only when it fires and is armed again only
if somebody still waits; a piece costs no timer.
"""

from __future__ import annotations

import asyncio
import select
import sys
from collections.abc import Callable
from math import inf
from typing import Final, cast

from guardproxy.errors import UpstreamTimeout, UpstreamUnavailable
from guardproxy.gateway.http1_response import BROKEN, ResponseParser

HIGH_WATER: Final = 64 * 1024
_JOIN_BELOW: Final = 64 * 1024
TOO_LONG: Final = "the exchange took longer than guardproxy allows"


class Connection(asyncio.Protocol):
    """A connection that may be opened once. `on_lost` is called exactly once, if it ever was open."""

    __slots__ = (
        "_deadline",
        "_failure",
        "_gone",
        "_limit",
        "_loop",
        "_lost",
        "_on_lost",
        "_paused",
        "_poll",
        "_read_timeout",
        "_timer",
        "_transport",
        "_unsent",
        "_waiter",
        "answer",
        "idle_since",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, read_timeout_s: float, on_lost: Callable[[Connection], None]
    ) -> None:
        self.answer = ResponseParser()
        self.idle_since = 0.0
        self._loop = loop
        self._read_timeout = read_timeout_s
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._poll: Callable[[int], list[tuple[int, int]]] | None = None
        self._lost = False
        self._paused = False
        self._failure: UpstreamUnavailable | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._gone: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._limit = inf
        self._unsent = 0

    # What the pool and the reply use.

    @property
    def opened(self) -> bool:
        """Whether it was opened; it may be lost again."""
        return self._transport is not None

    def is_quiet(self) -> bool:
        """Open, with nothing to read: neither a byte nor an end that the event loop has not seen yet."""
        transport = self._transport
        if self._lost or transport is None or transport.is_closing() or not self.answer.complete:
            return False
        return self._poll is None or not self._poll(0)

    def is_reusable(self) -> bool:
        """Whether the last answer was read to its end and the connection may carry another request."""
        answer, transport = self.answer, self._transport
        return (
            answer.complete
            and answer.keep_alive
            and not answer.pieces
            and self._waiter is None  # a reader that has not run since would read the next answer
            and transport is not None
            and not self._lost
            and not transport.is_closing()
            and not _unsent_of(transport)
        )

    async def exchange(self, head: bytes, body: bytes | None, *, bodiless: bool, until: float = inf) -> None:
        """Write a request and wait for the head of its `answer`. After `until` (loop time) no wait goes on.

        Raises `UpstreamUnavailable` and `UpstreamTimeout`. However it fails, cancellation included, the connection is
        closed: a request that was begun is never followed by another one.
        """
        transport = self._transport
        if transport is None or self._lost or transport.is_closing():
            raise UpstreamUnavailable(BROKEN, reason="broken")
        answer = self.answer
        self._limit = until
        answer.begin(bodiless=bodiless)
        if not body:
            transport.write(head)
        elif len(body) < _JOIN_BELOW:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)
            self._unsent = _unsent_of(transport)
        try:
            while not answer.has_head:
                try:
                    await self._arrival()
                finally:
                    self._waiter = None
        except BaseException:
            self.abort()
            raise

    async def read(self) -> bytes:
        """What has come of the body since the last call, waiting if it is nothing; empty at its end.

        Raises `UpstreamUnavailable` (reason `broken` or `bad_answer`) and `UpstreamTimeout`.
        """
        answer = self.answer
        while not answer.pieces:
            if answer.complete:
                return b""
            try:
                await self._arrival()
            finally:
                self._waiter = None
        data = answer.take()
        if self._paused:
            self._paused = False
            if self._transport is not None and not self._transport.is_closing():  # uvloop would raise
                self._transport.resume_reading()
        return data

    def abort(self) -> None:
        """Close now, without sending what was not sent yet. Safe to call at any time, and twice."""
        if self._transport is not None:
            self._transport.abort()

    async def wait_lost(self) -> None:
        """After `abort`: returns when the transport is gone."""
        if not self._lost and self._transport is not None:
            self._gone = self._gone or self._loop.create_future()
            await self._gone

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # only streams are opened
        if sys.platform != "win32":
            poller = select.poll()
            poller.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
            self._poll = poller.poll

    def data_received(self, data: bytes) -> None:
        answer = self.answer
        if answer.complete:  # quiet: nobody asked for this
            self.abort()
            return
        try:
            answer.feed(data)
        except UpstreamUnavailable as fault:
            self._fail(fault)
            return
        transport = self._transport
        if answer.unread > HIGH_WATER and not self._paused and transport is not None and not transport.is_closing():
            self._paused = True
            transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._end(None)  # returning None lets the transport close itself

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._end(exc)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._poll = None
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)
        self._on_lost(self)

    def resume_writing(self) -> None:
        self._deadline = min(
            self._loop.time() + self._read_timeout, self._limit
        )  # a large request is out: silence begins here

    # Waiting, and how waiting ends.

    def _arrival(self) -> asyncio.Future[None]:
        """Done when something has come; raises what made it impossible. Who awaits it takes `_waiter` away.

        No coroutine: every piece of every stream waits here.
        """
        if self._failure is not None:
            raise self._failure
        self._deadline = min(self._loop.time() + self._read_timeout, self._limit)
        if self._timer is None or self._deadline < self._timer.when():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(self._deadline, self._check_silence)
        self._waiter = self._loop.create_future()
        return self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, failure: UpstreamUnavailable) -> None:
        self._failure = self._failure or failure
        self.abort()
        self._wake()

    def _end(self, exc: Exception | None) -> None:
        """Nothing more will come. An answer that lasts until the end is complete now, any other one is broken."""
        if self._failure is None and not self.answer.complete:
            try:
                if exc is not None:
                    raise UpstreamUnavailable(BROKEN, reason="broken") from exc
                self.answer.end()
            except UpstreamUnavailable as failure:
                self._failure = failure
        self._wake()

    def _check_silence(self) -> None:
        self._timer = None
        if self._waiter is None or self._transport is None:
            return  # nobody waits; who waits next arms it again
        unsent = _unsent_of(self._transport)
        if unsent and unsent != self._unsent:  # a large request still moves: that is no silence
            self._unsent = unsent
            self._deadline = min(self._loop.time() + self._read_timeout, self._limit)
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._check_silence)
        elif self._limit <= self._deadline:
            self._fail(UpstreamTimeout(TOO_LONG))
        elif self.answer.has_head:
            self._fail(UpstreamTimeout("the upstream fell silent in the middle of its answer"))
        else:
            self._fail(UpstreamTimeout("the upstream did not answer in time"))


def _unsent_of(transport: asyncio.Transport) -> int:
    """Bytes of the request that the kernel has not taken yet."""
    return 0 if transport.is_closing() else transport.get_write_buffer_size()  # uvloop would raise
