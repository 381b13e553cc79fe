"""How much the machines of a set remember, all together.

What a machine works out it keeps, to look it up next time. Each kept thing costs cells. While there is room everything
is kept. When half of it is taken, only what comes up a second time is: random text gives states that never come back,
and they should not drive out those that do. Over the cap everything is forgotten and worked out again, which costs time
and never changes a result: who stands in a state goes on from it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final

# A cell stands for about 100 bytes.
DEFAULT_CELLS: Final = 300_000

_SLOTS: Final = 1 << 16


class Cells:
    """The account of a set. Every machine says how it forgets, asks what to keep, and takes the cells it fills."""

    def __init__(self, most: int = DEFAULT_CELLS) -> None:
        self._most = most
        self._forget: list[Callable[[], None]] = []
        self._seen = bytearray(_SLOTS)  # by some bits of a hash, others of it: what was asked for last
        self.taken = 0

    def on_overflow(self, forget: Callable[[], None]) -> None:
        self._forget.append(forget)

    def keeps(self, what: Hashable) -> bool:
        """Whether it should be kept. It may be kept already."""
        if 2 * self.taken < self._most:
            return True
        mark = hash(what)
        slot, tag = mark % _SLOTS, mark // _SLOTS % 255 + 1
        if self._seen[slot] == tag:
            return True
        self._seen[slot] = tag
        return False

    def take(self, cells: int) -> None:
        """May forget everything, also what was just kept."""
        self.taken += cells
        if self.taken > self._most:
            self.taken = 0
            for forget in self._forget:
                forget()
