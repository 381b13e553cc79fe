"""A pattern as positions: every character of it, with every repeat written out, and what may come after each.

This is Glushkov's construction, done here from the end backwards: a part is laid out knowing what follows it, so
every position is written once. The only cycles are those of repeats without end, whose last copy follows itself.
Position 0 is no character: it stands for "here the pattern has matched". A set of positions is an int used as a bit
set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from guardproxy.match.charset import CharSet
from guardproxy.match.tree import UNBOUNDED, Chars, Choice, Node, Repeat, Series, positions

MATCHED: Final = 1
"""The bit of position 0."""


class Layout:
    """`first`: the positions a match can begin with. `allowed[q]`: the characters of position q, `follow[q]`: a set of
    positions.
    """

    def __init__(self, tree: Node) -> None:
        self.allowed: list[CharSet] = [CharSet(())]
        self.follow: list[int] = [0]
        self._again = 1 << positions(tree) + 1  # a bit above all positions
        self.first = self._enter(tree, MATCHED)
        self._positions: dict[CharSet, int] = {}
        for position, charset in enumerate(self.allowed):
            self._positions[charset] = self._positions.get(charset, 0) | 1 << position

    def _enter(self, node: Node, after: int) -> int:
        """Lay out a part that is followed by the positions `after`; the positions that can come first from here on."""
        match node:
            case Chars(allowed):
                self.allowed.append(allowed)
                self.follow.append(after)
                return 1 << len(self.allowed) - 1
            case Series(parts):
                for part in reversed(parts):
                    after = self._enter(part, after)
                return after
            case Choice(options):
                first = 0
                for option in options:
                    first |= self._enter(option, after)
                return first
            case Repeat(part, low, high):
                first, copies = after, high
                if high == UNBOUNDED:
                    first, copies = self._endless(part, after) | (0 if low else after), low - 1
                for copy in range(copies, 0, -1):
                    first = self._enter(part, first) | (after if copy > low else 0)
                return first

    def _endless(self, part: Node, after: int) -> int:
        """Lay out a part that may follow itself. What comes first in it is known only when it stands, so until then a
        bit that is no position holds the place.
        """
        again, begin = self._again, len(self.follow)
        self._again <<= 1
        first = self._enter(part, after | again) & ~again
        self._again = again
        for position in range(begin, len(self.follow)):
            if self.follow[position] & again:
                self.follow[position] ^= again
                self.follow[position] |= first
        return first

    def allowing(self, members: int, bits: Mapping[CharSet, int]) -> int:
        """The positions that allow a character which is in the sets `members`."""
        found = 0
        for charset, positions_of_it in self._positions.items():
            if bits[charset] & members:
                found |= positions_of_it
        return found
