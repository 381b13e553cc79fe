"""How much the machines of a set remember, all together.

What a machine works out it keeps, to look it up next time. Each kept thing costs cells. While there is room everything
may be kept. When half of it is taken, only what comes up again and again is: hostile text gives states that never come
back, or only when they are forgotten, and they should not drive out those that do. Over the cap everything is forgotten
and worked out again, which costs time and never changes a result: who stands in a state goes on from it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final

from guardproxy.match.work import Work

# A cell stands for about 100 bytes.
DEFAULT_CELLS: Final = 440_000

_SLOTS: Final = 1 << 16
_OFTEN: Final = 8


class Cells:
    """The account of a set. Every machine says how it forgets, asks what to keep, takes the cells it fills, and says in
    `work` what it did.
    """

    def __init__(self, most: int = DEFAULT_CELLS, work: Work | None = None) -> None:
        self._most = most
        self.work = Work() if work is None else work
        self._forget: list[Callable[[], None]] = []
        self._seen = bytearray(_SLOTS)  # by some bits of a hash, others of it: what was asked for last
        self._again = 0
        self.taken = 0

    def on_overflow(self, forget: Callable[[], None]) -> None:
        self._forget.append(forget)

    def keeps(self, what: Hashable) -> bool:
        """Whether it should be kept. It may be kept already."""
        return 2 * self.taken < self._most or self._often(what)

    def _seen_before(self, what: Hashable) -> bool:
        mark = hash(what)
        slot, tag = mark % _SLOTS, mark // _SLOTS % 255 + 1
        if self._seen[slot] == tag:
            return True
        self._seen[slot] = tag
        return False

    def _often(self, what: Hashable) -> bool:
        """One of so many that have come up before: what comes up often is soon among them."""
        if self._seen_before(what):
            self._again += 1
            return self._again % _OFTEN == 0
        return False

    def take(self, cells: int) -> None:
        """May forget everything, also what was just kept."""
        self.taken += cells
        if self.taken > self._most:
            self.taken = 0
            for forget in self._forget:
                forget()
