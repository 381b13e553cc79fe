"""Blocks go out in the order in which they began.

A client numbers blocks as they come, so while a call waits for its end, all that began after it waits too. A block that
is never shown would leave a gap in that numbering, so behind a call that was cut off everything waits for ever.
"""

from __future__ import annotations

from collections.abc import Iterable


class Line:
    """The call that waits, if there is one, and the blocks behind it, each with its frames: true while any wait."""

    def __init__(self) -> None:
        self._frames: dict[int, list[bytes]] = {}
        self._calls: set[int] = set()
        self.size = 0  # bytes that wait

    def __contains__(self, index: int) -> bool:
        """Whether the client does not know of a block."""
        return index in self._frames

    def __bool__(self) -> bool:
        return bool(self._frames)

    def begin(self, index: int, *, waits: bool) -> None:
        """A block begins. `waits`: it is a call, which is shown whole or not at all."""
        if waits:
            self._calls.add(index)
        if waits or self._frames:
            self._frames[index] = []

    def add(self, index: int, frames: list[bytes]) -> list[bytes]:
        """More of a block; what may go out now."""
        if index not in self._frames:
            return frames
        self._frames[index] += frames
        self.size += _size(frames)
        return []

    def settle(self, index: int, frames: list[bytes]) -> list[bytes]:
        """A call is whole; what may go out now."""
        if index not in self._calls:
            return self.add(index, frames)
        self._calls.remove(index)
        self._frames[index] += frames
        out: list[bytes] = []
        for first in list(self._frames):
            if first in self._calls:
                break
            out += self._frames.pop(first)
        self.size = sum(map(_size, self._frames.values()))
        return out


def _size(frames: Iterable[bytes]) -> int:
    return sum(map(len, frames))
