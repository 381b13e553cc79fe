"""A pattern as positions: every character of it, with every repeat written out, and what may come after each.

This is Glushkov's construction, done on demand. A position is worked out when a text first reaches it, so a pattern
with a repeat of 8,000 characters costs nothing until somebody writes so many. What follows a position is told by what
is left of the pattern behind it: a chain of parts, of which repeats count down. Position 0 is no character: it stands
for "here the pattern has matched".

What is expected at a point of a text is a set of positions: a sorted tuple, so that equal sets are equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from guardproxy.match.charset import CharSet
from guardproxy.match.tree import UNBOUNDED, Chars, Choice, Node, Repeat, Series

Expected = tuple[int, ...]
"""Positions in ascending order, each once. If 0 is among them it is the first, and the pattern has matched."""

NOTHING: Final[Expected] = ()


class _Rest:
    """What is left of a pattern: a part of it, and what comes behind; None behind the last."""

    __slots__ = ("_nexts", "node", "position", "then")

    def __init__(self, node: Node, then: _Rest | None) -> None:
        self.node = node
        self.then = then
        self.position = 0  # if it begins with a character and was reached
        self._nexts: Sequence[_Rest | None] | None = None

    def nexts(self) -> Sequence[_Rest | None]:
        """The same without its first part, one level deeper; every time the same ones. Not for characters."""
        if self._nexts is None:
            self._nexts = tuple(self._opened())
        return self._nexts

    def _opened(self) -> Iterator[_Rest | None]:
        then = self.then
        match self.node:
            case Series(parts):
                for part in reversed(parts):
                    then = _Rest(part, then)
                yield then
            case Choice(options):
                for option in options:
                    yield _Rest(option, then)
            case Repeat(part, low, high):
                if not low:
                    yield then
                if low == UNBOUNDED:
                    yield _Rest(part, self)
                elif high:
                    yield self._copy(part, low, high)

    def _copy(self, part: Node, low: int, high: int) -> _Rest | None:
        """One copy of a repeated part, and the rest of the copies behind it."""
        if high < UNBOUNDED:
            return _Rest(part, _Rest(Repeat(part, max(low - 1, 0), high - 1), self.then))
        if low > 1:
            return _Rest(part, _Rest(Repeat(part, low - 1, high), self.then))
        # The last copy of a repeat without end follows itself.
        return _Rest(Repeat(part, 0, high), self.then).nexts()[1] if low else _Rest(part, self)


class Layout:
    """`first`: the positions a match can begin with. `bits` has a bit for every set of characters of the pattern."""

    def __init__(self, tree: Node, bits: Mapping[CharSet, int]) -> None:
        self._bits = bits
        self._bit_of = [0]  # by position: the bit of its characters
        self._behind: list[_Rest | None] = [None]
        self._after: list[Expected | None] = [NOTHING]
        self.first = self._positions(_Rest(tree, None))

    @property
    def known(self) -> int:
        """How many positions have been worked out."""
        return len(self._after)

    def wanted(self, expected: Expected) -> int:
        """The sets of characters that something of it goes on with."""
        bits = 0
        for position in expected:
            bits |= self._bit_of[position]
        return bits

    def advance(self, expected: Expected, members: int) -> Expected:
        """What is expected behind a character that is in the sets `members`; nothing if it was not expected."""
        found: Expected | None = None
        several: set[int] | None = None
        for position in expected:
            if self._bit_of[position] & members:
                after = self._after[position]
                if after is None:
                    after = self._after[position] = self._positions(self._behind[position])
                if found is None:
                    found = after
                elif several is None:
                    several = {*found, *after}
                else:
                    several.update(after)
        return tuple(sorted(several)) if several else found or NOTHING

    def _positions(self, rest: _Rest | None) -> Expected:
        """Where what is left can go on."""
        found: set[int] = set()
        seen = {rest}
        pending = [rest]
        while pending:
            one = pending.pop()
            if one is None:
                found.add(0)
            elif isinstance(one.node, Chars):
                found.add(one.position or self._number(one, one.node.allowed))
            else:
                new = [following for following in one.nexts() if following not in seen]
                seen.update(new)
                pending += new
        return tuple(sorted(found))

    def _number(self, rest: _Rest, allowed: CharSet) -> int:
        rest.position = len(self._after)
        self._bit_of.append(self._bits[allowed])
        self._behind.append(rest.then)
        self._after.append(None)
        return rest.position


def has_matched(expected: Expected) -> bool:
    """Whether position 0 is among them."""
    return bool(expected) and not expected[0]


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
