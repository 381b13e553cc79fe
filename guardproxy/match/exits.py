"""Where the positions of a pattern lead, other than to the next one or to themselves.

An *exit* is all positions that lead to the same. Of all threads that leave by it at once only the one with the earliest
start matters: what the others come to expect there is expected by that one already.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from guardproxy.match.layout import Expected, Layout
from guardproxy.match.rigid import Rigid, numbers


class Exit(NamedTuple):
    """Its places, what they lead to (with bit 0 a match ends there), and its rigid places in `chains`."""

    places: int
    leads_to: Expected
    chains: Sequence[int]


class Exits:
    """All exits. `chained` positions lead to the next one as well, which is no exit, and `staying` ones to themselves;
    both are `going_on`. `ending` are the places with which a match ends, `onward` those that lead
    to other positions.
    """

    __slots__ = ("_all", "_number_of", "_size", "chained", "ending", "going_on", "onward", "staying")

    def __init__(self, layout: Layout, rigid: Rigid) -> None:
        self._size = layout.size
        self.staying = sum(places for distance, places in layout.jumps if not distance)
        # Whose a position is stays written down only while it is shifted among its like.
        loose = (1 << layout.size) - 2 & ~rigid.positions
        alike = rigid.positions & rigid.positions >> 1 | loose & loose >> 1
        self.chained = layout.chained & alike & ~(self.staying | self.staying >> 1)
        self.going_on = self.chained | self.staying
        self._all = self._worked_out(layout, rigid)
        self._number_of = array("H", bytes(2 * (layout.size + len(rigid.copies))))
        for number, (places, _, _) in enumerate(self._all):
            for position in numbers(places):
                self._number_of[position] = number
        self.ending = sum(places for places, leads_to, _ in self._all if leads_to & 1)
        self.onward = sum(places for places, leads_to, _ in self._all if leads_to > 1)

    def of(self, position: int) -> Exit:
        """The exit that has this place."""
        return self._all[self._number_of[position]]

    def to(self, wanted: Expected) -> int:
        """The places that lead to something of this."""
        return sum([places for places, leads_to, _ in self._all if leads_to & wanted])

    def key(self, number: int, position: int) -> int:
        """Where the start for a loose position is kept while it is shifted, or stays."""
        return self._size + number if self.staying >> number & 1 else number - position

    def first_start(self, starts: Mapping[int, int], loose: Expected, position: int, first: int) -> int:
        """The first of the starts that are kept for loose positions, expected at this place; none is before `first`."""
        size = self._size
        stays, moves = loose & self.staying, loose & ~self.staying
        earliest = position
        if 2 * loose.bit_count() < len(starts):
            for number in numbers(stays):
                earliest = min(earliest, starts[size + number])
            while moves:  # the farthest of a row mostly began first
                number = moves.bit_length() - 1
                moves ^= 1 << number
                if starts[number - position] < earliest:
                    earliest = starts[number - position]
                    if earliest == first:
                        break
            return earliest
        for key, start in starts.items():  # mostly the first of them began first
            if start < earliest and (stays >> key - size if key >= size else moves >> key + position) & 1:
                earliest = start
        return earliest

    def _worked_out(self, layout: Layout, rigid: Rigid) -> list[Exit]:
        leads_to: dict[int, Expected] = {copy: layout.follow(1 << copied) for copy, copied in rigid.copies}
        for to, places in layout.leading:
            for position in numbers(places):
                leads_to[position] = leads_to[position] | to if position in leads_to else to
        jumps = [(distance, places) for distance, places in layout.jumps if distance]
        for distance, places in ((1, layout.chained & ~self.chained), *jumps):
            for position in numbers(places):
                leads_to[position] = leads_to.get(position, 0) | 1 << position + distance
        exits: defaultdict[Expected, int] = defaultdict(int)
        for position, onward in leads_to.items():
            exits[onward] |= 1 << position
        return [Exit(places, onward, rigid.chains_of(places)) for onward, places in exits.items()]
