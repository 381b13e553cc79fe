"""The caller's side of a stream of server-sent events.

Its head goes out with the first frames, so an early end can still be an error. What other proxies have to know as soon
as the caller does is told them before the frames that tell it go out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Final

from guardproxy.gateway.remembering import collector, remember_stream
from guardproxy.gateway.running import Running
from guardproxy.gateway.sending import AnswerStream
from guardproxy.surfaces import Surface

EVENT_STREAM: Final = "text/event-stream"
# Frames that are kept, to tell how many tokens the text of a stream takes whose upstream does not.
_SAMPLED: Final = 100


class EventStream:
    """`size` are bytes so far, `beginning` the first frames."""

    def __init__(self, running: Running, surface: Surface, headers: dict[str, str]) -> None:
        self.size = 0
        self.beginning: list[bytes] = []
        self._running = running
        self._collected = collector(running, surface)
        self._scrub = running.gateway.scrub
        self._stream = AnswerStream(running.request, 200, {**headers, "content-type": EVENT_STREAM})
        self._unwritten: list[Awaitable[None]] = []
        self._held: list[bytes] = []

    @property
    def started(self) -> bool:
        return self._stream.started

    def own(self, ids: Iterable[str]) -> None:
        """The frames that come tell of these."""
        self._awaits(self._running.own(ids))

    def remember(self) -> None:
        """What went out so far is an answer that was given."""
        self._awaits(remember_stream(self._running, self._collected))

    def put(self, frames: list[bytes]) -> bool:
        """Write frames. Whether to wait until they are `drained` before the next ones."""
        if not frames:
            return self._stream.put(b"")
        if self._collected is not None:
            self._collected.feed(frames)
            if self._collected.ended:
                self.remember()
        if len(self.beginning) < _SAMPLED:
            self.beginning += frames
        data = self._scrub(frames[0] if len(frames) == 1 else b"".join(frames))
        self.size += len(data)
        if self._unwritten or self._held:
            self._held.append(data)
            self._stream.put(b"")  # the head tells nothing yet
            return True
        return self._stream.put(data)

    async def drained(self) -> None:
        """Returns when others know what they must, and the caller has taken enough."""
        await self._told()
        await self._stream.drained()

    async def write(self, frames: list[bytes]) -> None:
        """Write the last frames. A caller who is slow to take them keeps its connection waiting, not the exchange."""
        if self.put(frames):
            await self._told()

    async def end(self) -> AnswerStream:
        await self._told()
        self._stream.end()
        return self._stream

    async def _told(self) -> None:
        """Returns when others know what they must, with everything written that tells it."""
        while self._unwritten:
            await self._unwritten.pop(0)
        if self._held:
            data = b"".join(self._held)
            self._held = []
            self._stream.put(data)

    def _awaits(self, written: Awaitable[None] | None) -> None:
        if written is not None:
            self._unwritten.append(written)
