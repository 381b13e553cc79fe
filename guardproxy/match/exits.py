"""Where the positions of a pattern lead, other than to the next one or to themselves.

An *exit* is all positions that lead to the same. Of all threads that leave by it at once only the one with the earliest
start matters: what the others come to expect there is expected by that one already.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Sequence
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

    __slots__ = ("_all", "_number_of", "chained", "ending", "going_on", "onward", "staying")

    def __init__(self, layout: Layout, rigid: Rigid) -> None:
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
