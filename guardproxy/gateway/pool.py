"""Connections to one origin, kept open between requests.

The pool owns every connection from before it is opened until its transport is gone; that set is the count against the
limit, so nothing is counted twice and nothing is forgotten, whatever is cancelled when. A connection is *idle* (on the
stack, newest on top, so that the rest can grow old), *lent* to one sender, or *reserved*: in the set and not yet open.

At the limit senders queue. Whoever gives up a connection hands it to the first in the queue: the connection itself, or
a reservation where it was lost. A sender who is cancelled in the moment he was handed something passes it on.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from guardproxy.errors import UpstreamTimeout, UpstreamUnavailable
from guardproxy.gateway.http1 import Connection

IDLE_S: Final = 15.0
_UNTRUSTED = "no trustworthy TLS connection to the upstream could be made"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where every connection goes. `tls` is None for plain HTTP; the certificate must be for `host`."""

    host: str
    port: int
    tls: ssl.SSLContext | None


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Seconds, and a count. Opening, TLS included, may take `connect_s`; with the wait for a free one twice that."""

    connect_s: float
    read_s: float
    max_connections: int
    idle_s: float = IDLE_S


class ConnectionPool:
    """Lends connections; lives on one event loop. What was lent comes back through `give_back`, always."""

    def __init__(self, origin: Origin, limits: PoolLimits) -> None:
        self._origin = origin
        self._limits = limits
        self._all: set[Connection] = set()
        self._idle: list[Connection] = []
        self._queue: OrderedDict[asyncio.Future[Connection], None] = OrderedDict()  # the first has waited longest
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def size(self) -> int:
        """Connections there are: idle, lent and reserved."""
        return len(self._all)

    @property
    def idle(self) -> int:
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """Senders that wait for a connection."""
        return len(self._queue)

    def borrow_idle(self) -> Connection | None:
        """An idle connection on which nothing has come since, if there is one."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if connection.is_quiet():
                return connection
            connection.abort()
        return None

    async def borrow(self) -> Connection:
        """A connection, as soon as one is free. Raises `UpstreamUnavailable` (`unreachable`) and `UpstreamTimeout`."""
        try:
            async with asyncio.timeout(2 * self._limits.connect_s):
                while True:
                    connection = self.borrow_idle() or self._reserve() or await self._wait_for_one()
                    if not connection.opened:
                        return await self._open(connection)
                    if connection.is_quiet():
                        return connection
                    connection.abort()
        except TimeoutError as error:
            raise UpstreamTimeout("the upstream could not be connected to in time") from error
        except ssl.SSLError as error:
            raise UpstreamUnavailable(_UNTRUSTED, reason="unreachable") from error
        except OSError as error:
            raise UpstreamUnavailable("the upstream could not be reached", reason="unreachable") from error

    def give_back(self, connection: Connection) -> None:
        """Keep it for the next request if its answer was read to the end, close it otherwise."""
        if self._closed or not connection.is_reusable():
            connection.abort()  # `_forget` follows when the transport is gone
        elif (waiting := self._next_waiting()) is not None:
            waiting.set_result(connection)
        else:
            self._keep(connection)

    async def close(self) -> None:
        """Close every connection, also those in use, and refuse to open others."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        while (waiting := self._next_waiting()) is not None:
            waiting.set_exception(_closed())
        connections = list(self._all)
        for connection in connections:
            connection.abort()
        for connection in connections:
            await connection.wait_lost()

    # Opening.

    def _reserve(self) -> Connection | None:
        """A place for a connection that is not open yet, unless the limit is reached."""
        if self._closed:
            raise _closed()
        return None if len(self._all) >= self._limits.max_connections else self._add()

    def _add(self) -> Connection:
        connection = Connection(asyncio.get_running_loop(), self._limits.read_s, self._forget)
        self._all.add(connection)
        return connection

    async def _open(self, connection: Connection) -> Connection:
        origin = self._origin
        try:
            async with asyncio.timeout(self._limits.connect_s):
                await asyncio.get_running_loop().create_connection(
                    lambda: connection,
                    origin.host,
                    origin.port,
                    ssl=origin.tls,
                    server_hostname=origin.host if origin.tls else None,
                )
            if self._closed:
                raise _closed()
        except BaseException:
            connection.abort()
            self._forget(connection)
            raise
        return connection

    def _forget(self, connection: Connection) -> None:
        """Its place is free. Called when a transport is lost and when opening fails; the first call counts."""
        if connection not in self._all:
            return
        self._all.remove(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if not self._closed and (waiting := self._next_waiting()) is not None:
            waiting.set_result(self._add())

    # Waiting.

    async def _wait_for_one(self) -> Connection:
        """A connection or a reservation, in the order of asking."""
        waiting: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        self._queue[waiting] = None
        try:
            return await waiting
        except asyncio.CancelledError:
            self._queue.pop(waiting, None)
            if not waiting.cancelled() and waiting.exception() is None:
                self._pass_on(waiting.result())
            raise

    def _pass_on(self, connection: Connection) -> None:
        if connection.opened:
            self.give_back(connection)
        else:
            self._forget(connection)

    def _next_waiting(self) -> asyncio.Future[Connection] | None:
        while self._queue:
            waiting, _ = self._queue.popitem(last=False)
            if not waiting.done():  # cancelled, and its task has not run since
                return waiting
        return None

    # Growing old.

    def _keep(self, connection: Connection) -> None:
        connection.idle_since = time.monotonic()  # the clock of event loops
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(self._limits.idle_s, self._sweep)

    def _sweep(self) -> None:
        """Close what nobody used for `idle_s`: the oldest lie at the bottom."""
        loop = asyncio.get_running_loop()
        self._sweeper = None
        young = loop.time() - self._limits.idle_s
        while self._idle and self._idle[0].idle_since <= young:
            self._idle.pop(0).abort()
        if self._idle:
            self._sweeper = loop.call_at(self._idle[0].idle_since + self._limits.idle_s, self._sweep)


def _closed() -> UpstreamUnavailable:
    return UpstreamUnavailable("the way to the upstream is closed", reason="closed")
