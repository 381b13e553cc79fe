"""Which positions of a pattern lie at one distance from its start, whichever way a match takes to them.

The distance of a position is the number of characters that a match has read when it is expected. A position with one
distance is *rigid*: that it is expected tells where the match began. Any other is *loose*, and so is all that follows
it. Keys, windows and counted repeats are rigid up to their end, words of unlike length are loose behind them.

A position that a match can begin with and come to later has a copy, beyond the last position, that a match begins with
instead. So all that a match begins with is rigid.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from guardproxy.match.layout import Layout

_MOST_CHAINS: Final = 8
_SPARSE: Final = 8  # one position in so many: to look for each is quicker than to look at all


class Rigid:
    """`positions` are rigid, `first` those that a match begins with, `copies` the (copy, copied) among these."""

    __slots__ = ("_chains", "_distances", "_rest", "copies", "first", "positions")

    def __init__(self, layout: Layout) -> None:
        first = layout.first & ~1
        later = layout.reach(layout.follow(first)) & ~1
        self.copies = [(layout.size + number, copied) for number, copied in enumerate(numbers(first & later))]
        copies = sum(1 << copy for copy, _ in self.copies)
        self.first = first & ~later | copies
        self._distances = array("H", bytes(2 * (layout.size + len(self.copies))))
        self.positions = self._measure(layout, first & ~later) | copies
        self._chains, self._rest = self._in_chains()

    def greatest(self, positions: int, chains: Sequence[int] | None = None) -> int:
        """The greatest distance of some rigid positions; loose ones do not count. `chains`: where they lie."""
        distances = self._distances
        greatest = 0
        for chain in self._chains if chains is None else chains:
            if going := positions & chain:
                distance = distances[going.bit_length() - 1]
                if distance > greatest:
                    greatest = distance
        if chains is None and (rest := positions & self._rest):
            return max(greatest, *self.distances(rest))
        return greatest

    def chains_of(self, positions: int) -> list[int]:
        """Sets of them in each of which a higher one is as far away or farther."""
        chains = [positions & chain for chain in self._chains if positions & chain]
        return chains + [1 << position for position in numbers(positions & self._rest)]

    def distances(self, positions: int) -> Iterator[int]:
        """Those of some rigid positions."""
        return map(self._distances.__getitem__, numbers(positions))

    def _measure(self, layout: Layout, first: int) -> int:
        """Take down the distances; the positions that have only one."""
        seen, loose = first, 1
        level, distance = layout.follow(layout.first) & ~1, 1
        while level:
            if again := level & seen:
                loose |= layout.reach(again)
            level &= ~loose
            seen |= level
            for position in numbers(level):
                self._distances[position] = distance
            level, distance = layout.follow(level) & ~loose, distance + 1
        return seen & ~loose

    def _in_chains(self) -> tuple[list[int], int]:
        """The positions in few sets in which a higher one is as far away or farther; what does not fit into these."""
        chains, farthest = [0], [0]
        rest = 0
        for position in numbers(self.positions):
            distance = self._distances[position]
            for number, known in enumerate(farthest):
                if known <= distance:
                    chains[number] |= 1 << position
                    farthest[number] = distance
                    break
            else:
                if len(chains) < _MOST_CHAINS:
                    chains.append(1 << position)
                    farthest.append(distance)
                elif distance:
                    rest |= 1 << position
        return chains, rest


def numbers(positions: int) -> Iterable[int]:
    """The positions in a set, the lowest first."""
    if not positions & (positions - 1):
        return (positions.bit_length() - 1,) if positions else ()
    digits = bin(positions)[:1:-1]
    if _SPARSE * positions.bit_count() > len(digits):
        return [position for position, digit in enumerate(digits) if digit == "1"]
    return _found(digits)


def _found(digits: str) -> Iterator[int]:
    position = digits.find("1")
    while position >= 0:
        yield position
        position = digits.find("1", position + 1)
