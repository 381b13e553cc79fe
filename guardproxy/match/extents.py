"""How far a match reaches around a string in it: how many characters, and which.

What a match requires lies somewhere in it. So where that stands in a text, the match lies within so many characters
of it; and only within the characters that the pattern allows there, which mostly end with the word. Both follow from
the tree. Which characters is said by a mask (`guardproxy.match.charset`), which takes all outside of ASCII as one.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Final, NamedTuple

from guardproxy.match.charset import OTHERS
from guardproxy.match.tree import UNBOUNDED, Chars, Choice, Node, Repeat, Series

ANY: Final = 2 * OTHERS - 1
"""The mask of all characters."""


class Extent(NamedTuple):
    """A stretch of a match: `least` to `most` characters, all of them in the mask `chars`."""

    least: int
    most: int
    chars: int

    def then(self, other: Extent) -> Extent:
        return Extent(self.least + other.least, min(self.most + other.most, UNBOUNDED), self.chars | other.chars)

    def either(self, other: Extent) -> Extent:
        return Extent(min(self.least, other.least), max(self.most, other.most), self.chars | other.chars)

    def times(self, low: int, high: int) -> Extent:
        return Extent(low * self.least, min(high * self.most, UNBOUNDED), self.chars if high else 0)


NOTHING: Final = Extent(0, 0, 0)


def extent_of(node: Node) -> Extent:
    """The extent of a part."""
    match node:
        case Chars(allowed):
            return Extent(1, 1, allowed.mask)
        case Series(parts):
            return chained(map(extent_of, parts))
        case Choice(options):
            return reduce(Extent.either, map(extent_of, options))
        case Repeat(part, low, high):
            return extent_of(part).times(low, high)


def chained(extents: Iterable[Extent]) -> Extent:
    """The extent of all of them, one after the other."""
    return reduce(Extent.then, extents, NOTHING)


class Clue(NamedTuple):
    """Strings of which every match holds one, and how far the match reaches around it.

    `before`: at least so many characters of the match stand before the string, and at most so many up to its end.
    `behind`: at least so many stand behind the string, and at most so many from its beginning on. So a clue stays true
    when a string gives way to a part of it.
    """

    strings: frozenset[str]
    before: Extent
    behind: Extent

    def within(self, before: Extent, behind: Extent) -> Clue:
        """The same in a match that has more before and behind."""
        return Clue(self.strings, before.then(self.before), self.behind.then(behind))
