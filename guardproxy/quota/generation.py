"""Which state of the store this process has seen: how an older copy of it is told from what it was.

The store numbers what it takes, within a generation, and a reply says the number. A proxy sends along what it was last
told; a store that holds less is an older copy of itself (an old dump, a replica that was behind) or an empty one, and
begins a new generation that says how far its own reaches. What it took beyond that is lost, and nothing else is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

TAIL: Final = 3
"""Elements at the end of a reply: generation, number, and how far other generations reach."""


class Mark(NamedTuple):
    """When the store took something."""

    generation: int
    number: int


NEVER: Final = Mark(0, 0)


class Generation:
    """`known` is the last one this process has met, `number` the highest it was told in it; 0 before any reply."""

    __slots__ = ("_reach", "known", "number")

    def __init__(self) -> None:
        self.known = 0
        self.number = 0
        self._reach: dict[int, int] = {}

    def note(self, reply: Sequence[Any]) -> tuple[Mark, bool]:
        """The mark at the end of a reply, and whether the store turns out to have lost something since the last."""
        generation, number, ended = reply[-TAIL:]
        mark = Mark(generation, number)
        if generation == self.known:
            self.number = max(self.number, number)
            return mark, False
        if generation < self.known:  # it was on its way when others were told of the loss
            return mark, False
        first = self.known == 0
        if not first:
            self._reach = _read_ended(ended)
        self.known, self.number = generation, number
        return mark, not first

    def has_lost(self, mark: Mark) -> bool:
        """Whether the store does not hold any more what it took then."""
        if mark.generation in (self.known, 0):
            return False
        return mark.generation not in self._reach or mark.number > self._reach[mark.generation]

    def reaches(self, generation: int) -> int:
        """The last number that is left of a generation; 0 if nothing is."""
        return self._reach.get(generation, 0)


def _read_ended(ended: str | bytes) -> dict[int, int]:
    text = ended.decode() if isinstance(ended, bytes) else ended
    pairs = (item.split(":") for item in text.split(";") if item.count(":") == 1)
    return {int(generation): int(number) for generation, number in pairs if generation and number}
