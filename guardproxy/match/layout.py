"""A pattern as positions: every character of it, with every repeat written out, and what may come after each.

This is Glushkov's construction. Position 0 is no character: it stands for "here the pattern has matched". What is
expected at a point of a text is a set of positions, as the bits of an integer, so a step is a few operations on
integers however many positions are expected (Navarro and Raffinot, *Flexible Pattern Matching in Strings*, 2002).

Most positions are followed by the next one, and that is a shift; what else follows is told by the few ways in which
positions leave (`guardproxy.match.laying` gives them out).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from guardproxy.match.charset import CharSet
from guardproxy.match.laying import Laying
from guardproxy.match.tree import Chars, Choice, Node, Repeat, Series

Expected = int
"""A set of positions, as bits. With bit 0 the pattern has matched."""

NOTHING: Final[Expected] = 0

_FEW: Final = 4  # ways out are tried one by one
_MOST_KNOWN: Final = 512
_MOST_WANTED: Final = 64


class Layout:
    """`first`: the positions a match can begin with. `bits` has a bit for every set of characters of the pattern.
    `size`: how many positions there are, with position 0. `chained`: those that the next one follows; `jumps`: by
    distance, those that one so far away follows; `leading`: those that all of a set of positions follow.
    """

    __slots__ = (
        "_allowed",
        "_leaving",
        "_many",
        "_own",
        "_places",
        "_wanted",
        "_ways",
        "chained",
        "first",
        "jumps",
        "leading",
        "size",
    )

    def __init__(self, tree: Node, bits: Mapping[CharSet, int]) -> None:
        laid = Laying()
        whole = laid.lay(tree)
        laid.link(whole.last, 1)
        self.first = whole.first | whole.empty
        self.size = laid.size
        self._places = [(bits[allowed], places) for allowed, places in laid.places.items()]
        self._own = sum(bit for bit, _ in self._places)
        self.chained = laid.chained
        self.jumps = [*laid.jumps.items()]
        self.leading = [*laid.leading.items()]
        self._many = len(self.jumps) + len(self.leading) > _FEW
        self._leaving = 0
        for positions in (*laid.jumps.values(), *laid.leading.values()):
            self._leaving |= positions
        self._allowed: dict[int, int] = {}  # by the sets that a character is in: the positions that allow it
        self._wanted: dict[int, int] = {}  # by what is expected, as far as it is known
        self._ways: dict[int, int] = {}  # where one position leaves to, as far as it is known

    def wanted(self, expected: Expected) -> int:
        """The sets of characters that something of it goes on with."""
        bits = self._wanted.get(expected)
        if bits is None:
            bits = 0
            for bit, places in self._places:
                if expected & places:
                    bits |= bit
            if len(self._wanted) >= _MOST_WANTED:
                self._wanted.clear()
            self._wanted[expected] = bits
        return bits

    def advance(self, expected: Expected, members: int) -> Expected:
        """What is expected behind a character that is in the sets `members`; nothing if it was not expected."""
        return self.follow(expected & self.allowing(members))

    def allowing(self, members: int) -> int:
        """The positions that allow a character that is in these sets."""
        members &= self._own
        allowed = self._allowed.get(members)
        if allowed is None:
            allowed = 0
            for bit, places in self._places:
                if members & bit:
                    allowed |= places
            self._allowed[members] = allowed
        return allowed

    def follow(self, taken: int) -> Expected:
        """What is expected behind a character that was taken at these positions."""
        following = (taken & self.chained) << 1
        taken &= self._leaving
        if not taken:
            return following
        if self._many:
            return following | self._left(taken)
        for distance, places in self.jumps:
            if going := taken & places:
                following |= going << distance
        for to, places in self.leading:
            if taken & places:
                following |= to
        return following

    def reach(self, positions: int) -> Expected:
        """All that is ever expected behind these, and themselves. A row of any length is passed in one step."""
        reached = ahead = positions
        while ahead:
            # Added to a row, a position is carried to behind its end.
            row = (self.chained + (ahead & self.chained) ^ self.chained) | ahead
            ahead = row | self._leave(row & self._leaving)
            ahead, reached = ahead & ~(reached | row), reached | ahead
        return reached

    def _left(self, taken: int) -> Expected:
        """Where these lead, other than to the next position. Costs the number of them or of the ways, the lesser."""
        if taken.bit_count() >= len(self.jumps) + len(self.leading):
            return self._leave(taken)
        following = 0
        while taken:
            one = taken & -taken
            taken ^= one
            way = self._ways.get(one)
            if way is None:
                if len(self._ways) >= _MOST_KNOWN:
                    self._ways.clear()
                way = self._ways[one] = self._leave(one)
            following |= way
        return following

    def _leave(self, taken: int) -> Expected:
        following = 0
        for distance, places in self.jumps:
            if going := taken & places:
                following |= going << distance
        for to, places in self.leading:
            if taken & places:
                following |= to
        return following


def has_matched(expected: Expected) -> bool:
    """Whether position 0 is among them."""
    return bool(expected & 1)


def character_sets(tree: Node) -> Iterator[CharSet]:
    """The sets of characters of a pattern."""
    match tree:
        case Chars(allowed):
            yield allowed
        case Series(parts) | Choice(parts):
            for part in parts:
                yield from character_sets(part)
        case Repeat(part, _, _):
            yield from character_sets(part)
