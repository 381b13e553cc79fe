"""Requests as they come over one connection: read in their order, and no further ahead than has to be.

What comes behind a complete request is kept unparsed until the connection has answered that. What came in one piece
with its end may be parsed already; that is few requests, since it is done in small steps. With more than `HIGH_WATER`
bytes kept, or as many of a body that nobody reads, the socket is not read: its caller's own writes stall. Up to there
it is read, since only reading tells that a caller has left.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from guardproxy.errors import RequestError
from guardproxy.gateway.http1_request import RequestParser
from guardproxy.gateway.request import Request, Wire

HIGH_WATER: Final = 64 * 1024
# Parsed at a time: so many bytes hold few requests, also where each is as short as can be.
_STEP: Final = 32 * 1024


class Inflow:
    """`queue`: what was asked and is not answered yet, a fault being the last. `arrived` is called for each.

    `busy` is set by who takes from the queue, for as long as it answers. `stopped`: what still comes is dropped.
    """

    __slots__ = (
        "_arrived", "_held", "_held_bytes", "_latest", "_parser", "_paused", "_transport", "busy", "queue", "stopped",
    )  # fmt: skip

    def __init__(self, wire: Wire, transport: asyncio.Transport, arrived: Callable[[], None]) -> None:
        self.queue: deque[Request | RequestError] = deque()
        self.busy = False
        self.stopped = False
        self._transport = transport
        self._arrived = arrived
        self._parser = RequestParser(wire, self._begin)
        self._latest: Request | None = None
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._paused = False

    @property
    def idle(self) -> bool:
        """Whether nothing was asked that is not answered."""
        return not (self.busy or self.queue)

    @property
    def in_head(self) -> bool:
        """Whether nothing was asked but the beginning of a head."""
        return self._parser.reading and self.idle

    def receive(self, data: bytes) -> None:
        if self.stopped or self._parser.over:
            return
        if self._held or not self._may_parse:
            self._hold(data)
        else:
            self._read(data)

    def take(self) -> Request | RequestError:
        """The first of the queue, to be answered now."""
        self.busy = True
        asked = self.queue.popleft()
        if asked is self._latest:
            if asked.content.complete:
                self._latest = None  # needs no looking after, and is not kept for longer than it is needed
                if self._paused:  # all of it has come, so the socket is only to tell whether its caller leaves
                    self.make_room()
            elif self._held:
                self.go_on()
        return asked

    def go_on(self) -> None:
        """Read what was held: everything before it was answered, or is being asked."""
        if self._held:
            data = b"".join(self._held)
            self._held.clear()
            self._held_bytes = 0
            self._read(data)
        self.make_room()

    def make_room(self) -> None:
        """Read the socket again, if not too much is held."""
        if self._paused and self._held_bytes <= HIGH_WATER:
            self._paused = False
            if not self._transport.is_closing():  # uvloop would raise
                self._transport.resume_reading()

    def stop(self) -> None:
        """Drop what was asked and not answered, and what still comes."""
        self.stopped = True
        self.queue.clear()
        self._held.clear()
        self._held_bytes = 0
        self.make_room()

    @property
    def _may_parse(self) -> bool:
        """Whether nothing waits to be answered, or one request that is not complete."""
        waiting = len(self.queue) + self.busy
        return not waiting or (waiting == 1 and self._latest is not None and not self._latest.content.complete)

    def _read(self, data: bytes) -> None:
        """Parse, until a request is complete."""
        if len(data) <= _STEP:
            self._parse(data)
            return
        view = memoryview(data)
        for at in range(0, len(data), _STEP):
            if not self._may_parse:
                self._hold(data[at:])
                return
            self._parse(view[at : at + _STEP])

    def _parse(self, data: bytes | memoryview) -> None:
        try:
            self._parser.feed(data)
        except RequestError as fault:
            self.queue.append(fault)
            self._arrived()
        if self._latest is not None and self._latest.content.unread > HIGH_WATER:
            self._pause()

    def _begin(self, request: Request) -> None:
        self._latest = request
        self.queue.append(request)
        self._arrived()

    def _hold(self, data: bytes) -> None:
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > HIGH_WATER:
            self._pause()

    def _pause(self) -> None:
        if not (self._paused or self._transport.is_closing()):
            self._paused = True
            self._transport.pause_reading()
