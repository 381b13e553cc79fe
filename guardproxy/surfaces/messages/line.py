"""Blocks go out in the order in which they began.

A client numbers blocks as they come, so while a call waits for its end, all that began after it waits too. A block that
is never shown would leave a gap in that numbering, so behind a call that was cut off everything waits for ever. A block
whose text waits for the next one holds up what began after it in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable


class Line:
    """The block that waits, if there is one, and those behind it, each with its frames: true while any wait."""

    def __init__(self) -> None:
        self._frames: dict[int, list[bytes]] = {}
        self._calls: set[int] = set()  # and texts that wait
        self._known: set[int] = set()  # of which the client knows the beginning
        self.size = 0  # bytes that wait

    def __contains__(self, index: int) -> bool:
        """Whether the client does not know of a block."""
        return index in self._frames and index not in self._known

    def __bool__(self) -> bool:
        return bool(self._frames)

    def begin(self, index: int, *, waits: bool) -> None:
        """A block begins. `waits`: it is a call, which is shown whole or not at all."""
        if waits:
            self._calls.add(index)
        if waits or self._frames:
            self._frames[index] = []

    def hold(self, index: int, frames: list[bytes]) -> list[bytes]:
        """More of a block, which waits from here on; what may go out now."""
        out = self.add(index, frames)
        self._calls.add(index)
        if index not in self._frames:  # so it began before all that are
            self._frames = {index: [], **self._frames}
            self._known.add(index)
        return out

    def stop(self, index: int, frames: list[bytes]) -> list[bytes]:
        """The last of a block that waits, and of the stream; what may go out."""
        if next(iter(self._frames), index) != index:
            return []
        return [*self._frames.pop(index, ()), *frames]

    def add(self, index: int, frames: list[bytes]) -> list[bytes]:
        """More of a block; what may go out now."""
        if index not in self._frames:
            return frames
        self._frames[index] += frames
        self.size += _size(frames)
        return []

    def settle(self, index: int, frames: list[bytes]) -> list[bytes]:
        """What waited waits no longer; what may go out now."""
        if index not in self._calls:
            return self.add(index, frames)
        self._calls.remove(index)
        self._frames[index] += frames
        out: list[bytes] = []
        for first in list(self._frames):
            if first in self._calls:
                break
            out += self._frames.pop(first)
            self._known.discard(first)
        self.size = sum(map(_size, self._frames.values()))
        return out


def _size(frames: Iterable[bytes]) -> int:
    return sum(map(len, frames))
