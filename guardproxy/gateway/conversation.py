"""One connection of a caller: requests as they come (`inflow`), an answer to each, in their order.

A connection has one task for as long as it lives. It *waits* for a request, *answers* it, and may then have to wait
until the rest of the request's body is out of the way. A caller who leaves ends the task wherever it is, and so the
exchange. There is a deadline for the first head, for the next request, and for each head that has begun; while an
exchange runs there is none, for exchanges have bounds of their own. Of an answer that was given its caller has to take
something every `STALL_S` seconds.

A connection that ends while its caller may still be sending is closed for writing first, and read on for a while: bytes
that nobody reads would make the kernel take the answer back (RFC 9112, section 9.6).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from math import inf
from typing import Final, NamedTuple, cast

from guardproxy.errors import RequestError
from guardproxy.gateway.deadline import Deadline
from guardproxy.gateway.draft import place
from guardproxy.gateway.inflow import Inflow
from guardproxy.gateway.request import Request
from guardproxy.gateway.sending import Answer, AnswerStream, send_whole

KEEP_ALIVE_S: Final = 75.0
LINGER_S: Final = 10.0
STALL_S: Final = 60.0
_FAILED: Final = "guardproxy failed to send this answer"


class Service(NamedTuple):
    """What connections are for.

    `answer` raises nothing but cancellation and `ConnectionError`. `refuse` answers and records what never became a
    request, `failed` gives the answer in place of one that cannot be sent. A head has `head_s` seconds to arrive.
    """

    answer: Callable[[Request], Awaitable[Answer | AnswerStream]]
    refuse: Callable[[RequestError], Answer]
    failed: Callable[[], Answer]
    head_s: float


class Conversation(asyncio.Protocol):
    """A connection. `on_gone` is called once, when it is lost and its task has ended."""

    _transport: asyncio.Transport
    _inflow: Inflow
    _task: asyncio.Task[None]

    def __init__(self, service: Service, on_gone: Callable[[Conversation], None]) -> None:
        self.paused = False
        self._service = service
        self._on_gone = on_gone
        self._loop = asyncio.get_running_loop()
        self._deadline = Deadline(self._loop, self._expire)
        self._in_head = True  # the first head has its time from the beginning
        self._waiter: asyncio.Future[None] | None = None
        self._drain: asyncio.Future[None] | None = None
        self._closing = False
        self._in_exchange = False

    # What requests and streams use: `Wire`.

    @property
    def remote(self) -> str | None:
        peer = self._transport.get_extra_info("peername")
        return str(peer[0]) if isinstance(peer, tuple) else None

    def write(self, data: bytes) -> None:
        transport = self._transport
        if transport.is_closing():
            raise ConnectionResetError("the caller has left")
        transport.write(data)

    async def drained(self) -> None:
        while self.paused:
            self._drain = self._loop.create_future()
            await self._drain

    def make_room(self) -> None:
        self._inflow.make_room()

    # What the listener uses.

    def close(self) -> None:
        """Close as soon as no exchange runs here."""
        self._closing = True
        if self._inflow.stopped or self._inflow.idle:
            self._transport.close()

    def abort(self) -> None:
        """Close now, also in the middle of an exchange. Calling it again tells the exchange again."""
        self._transport.abort()
        self._task.cancel()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # only streams are accepted
        self._inflow = Inflow(self, self._transport, self._wake)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._deadline.set_in(self._service.head_s)
        self._task = self._loop.create_task(self._converse())

    def data_received(self, data: bytes) -> None:
        self._inflow.receive(data)
        if not self._in_head and self._inflow.in_head:
            self._in_head = True
            self._deadline.set_in(self._service.head_s)

    def eof_received(self) -> None:
        """Returns None: the transport closes itself. A caller who cannot be told from one that left is one.

        With something unsent the connection lives on until that is taken, which may be never; the exchange does not.
        """
        if self._in_exchange and self._transport.get_write_buffer_size():
            self._task.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        self._inflow.stop()
        self._deadline.cancel()
        self._task.cancel()
        self._task.add_done_callback(lambda _: self._on_gone(self))

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if self._drain is not None and not self._drain.done():
            self._drain.set_result(None)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # Requests are answered.

    async def _converse(self) -> None:
        try:
            while await self._answer(await self._next()):
                pass
        except ConnectionError:  # the caller has left
            self._transport.abort()
        except BaseException:
            self._transport.abort()
            raise
        else:
            self._hang_up()

    async def _next(self) -> Request | RequestError:
        """The next request, or why there is none."""
        inflow = self._inflow
        inflow.busy = False
        if self._transport.is_closing():  # also where an exchange did not notice that it was cancelled
            raise ConnectionResetError
        if not inflow.queue:
            inflow.go_on()
        if inflow.queue:
            await asyncio.sleep(0)  # however many there are, others get their turn
        else:
            await self._arrival()
        self._deadline.clear()
        return inflow.take()

    async def _arrival(self) -> None:
        if self._deadline.at == inf:  # otherwise it is that of the first head
            self._in_head = self._inflow.in_head
            self._deadline.set_in(self._service.head_s if self._in_head else KEEP_ALIVE_S)
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    async def _answer(self, asked: Request | RequestError) -> bool:
        """Answer one request. Whether there may be another one."""
        if isinstance(asked, RequestError):
            return self._send(Request.unread(self), self._service.refuse(asked), keep_alive=False)
        self._in_exchange = True
        try:
            answer = await self._service.answer(asked)
        except ConnectionError:
            raise
        except Exception as cause:
            return self._fail(asked, cause)
        finally:
            self._in_exchange = False
        if isinstance(answer, AnswerStream):
            keep_alive = answer.ended and answer.keep_alive
        else:
            ends = answer.closes or asked.content.broken or asked.may_not_come or self._closing
            keep_alive = asked.keep_alive and not ends
            keep_alive = self._send(asked, answer, keep_alive=keep_alive)
        if self.paused:
            await self._taken()
        if keep_alive and not asked.content.complete:
            keep_alive = await self._read_rest(asked)
        return keep_alive and not self._closing

    def _send(self, request: Request, answer: Answer, *, keep_alive: bool) -> bool:
        """Write an answer. Whether the connection lives on."""
        if request.begun:  # a stream that broke off: nobody must take this for a part of it
            return False
        try:
            send_whole(request, answer, keep_alive=keep_alive)
        except ValueError as cause:
            return self._fail(request, cause)
        return keep_alive

    def _fail(self, request: Request, cause: Exception) -> bool:
        """What cannot happen did: the caller is told, and so is whoever looks after the process."""
        self._loop.call_exception_handler({"message": f"{_FAILED}: {place(cause)}"})
        if not request.begun:
            send_whole(request, self._service.failed(), keep_alive=False)
        return False

    async def _taken(self) -> None:
        """Returns when the caller has taken enough of its answer. Raises `ConnectionResetError` if it takes nothing."""
        unsent = self._transport.get_write_buffer_size()
        while self.paused:
            try:
                async with asyncio.timeout(STALL_S):
                    await self.drained()
            except TimeoutError:
                before, unsent = unsent, self._transport.get_write_buffer_size()
                if unsent >= before:
                    raise ConnectionResetError("the caller takes nothing") from None

    async def _read_rest(self, request: Request) -> bool:
        """Let the rest of an answered request's body pass. Whether it came whole."""
        try:
            async with asyncio.timeout(LINGER_S):
                await request.content.drop_rest()
        except (RequestError, TimeoutError):
            return False
        return True

    # The connection ends.

    def _hang_up(self) -> None:
        """Close, once the caller has had its answer."""
        self._inflow.stop()
        transport = self._transport
        if transport.is_closing():
            return
        if self._closing or not transport.can_write_eof():
            transport.close()
            return
        transport.write_eof()
        self._deadline.set_in(LINGER_S)

    def _expire(self) -> None:
        """The deadline was missed."""
        transport = self._transport
        if transport.is_closing():  # its caller does not take what was written either
            transport.abort()
            return
        transport.close()
        self._deadline.set_in(LINGER_S)
