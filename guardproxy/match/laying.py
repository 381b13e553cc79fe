"""Giving out positions: a pattern written out, character by character, and what may follow each (see `layout`).

Most positions are followed by the next one. The others *leave* as well, or instead: by a jump of a fixed distance, as
the copies of a repeated part do, or to a set of positions that all of them lead to. A repeat of one set of characters
is a row of bits, so 8,000 characters of it cost no more than 8; a part of several characters is laid out once for each
copy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final, NamedTuple

from guardproxy.match.charset import CharSet
from guardproxy.match.tree import UNBOUNDED, Chars, Choice, Node, Repeat, Series

_MOST_PAIRS: Final = 16


class Piece(NamedTuple):
    """A part that is laid out: where it can begin and end, and whether it may be left out (0 or 1)."""

    first: int
    last: int
    empty: int


class Laying:
    """Gives out positions. `places`: by set of characters. `chained`: those that the next one follows. `jumps`: those
    that one so far away follows. `leading`: those that all of a set of positions follow.
    """

    def __init__(self) -> None:
        self.size = 1
        self.places: defaultdict[CharSet, int] = defaultdict(int)
        self.chained = 0
        self.jumps: defaultdict[int, int] = defaultdict(int)
        self.leading: defaultdict[int, int] = defaultdict(int)
        self._copying = 0

    def lay(self, node: Node) -> Piece:
        match node:
            case Chars(allowed):
                place = self._row(allowed, 1)
                return Piece(place, place, 0)
            case Series(parts):
                return self._series(map(self.lay, parts))
            case Choice(options):
                first = last = empty = 0
                for piece in map(self.lay, options):
                    first, last, empty = first | piece.first, last | piece.last, empty | piece.empty
                return Piece(first, last, empty)
            case Repeat(part, low, high):
                if not high:
                    return Piece(0, 0, 1)
                return self._row_of(part.allowed, low, high) if isinstance(part, Chars) else self._copies(node)

    def link(self, last: int, first: int) -> None:
        """Whatever is in `first` may follow whatever is in `last`."""
        pairs = last.bit_count() * first.bit_count()
        if pairs == 1 or (self._copying and pairs <= _MOST_PAIRS):
            for one in _bits(last):
                for other in _bits(first):
                    self._lead(one, other)
        elif pairs:
            self.leading[first] |= last

    def _lead(self, one: int, other: int) -> None:
        distance = other.bit_length() - one.bit_length()
        if distance == 1:
            self.chained |= one
        elif distance >= 0:
            self.jumps[distance] |= one
        else:
            self.leading[other] |= one

    def _row(self, allowed: CharSet, length: int) -> int:
        """So many positions for the same characters."""
        row = ((1 << length) - 1) << self.size
        self.places[allowed] |= row
        self.size += length
        return row

    def _series(self, pieces: Iterator[Piece]) -> Piece:
        first = last = 0
        empty = 1
        for piece in pieces:
            self.link(last, piece.first)
            if empty:
                first |= piece.first
            last = piece.last | (last if piece.empty else 0)
            empty &= piece.empty
        return Piece(first, last, empty)

    def _row_of(self, allowed: CharSet, low: int, high: int) -> Piece:
        least = 1 if low == UNBOUNDED else max(low, 1)
        row = self._row(allowed, high if high < UNBOUNDED else least)
        first, top = row & -row, 1 << (row.bit_length() - 1)
        self.chained |= row ^ top
        if high == UNBOUNDED:
            self.jumps[0] |= top
        last = 0 if low == UNBOUNDED else row & -(first << (least - 1))
        return Piece(first, last, int(not low))

    def _copies(self, repeat: Repeat) -> Piece:
        low, high = repeat.low, repeat.high
        least = 1 if low == UNBOUNDED else max(low, 1)
        self._copying += 1
        first = last = before = 0
        empty = 1
        for number in range(1, 1 + (high if high < UNBOUNDED else least)):
            piece = self.lay(repeat.part)
            self.link(before, piece.first)
            if empty:
                first |= piece.first
            if number >= low or piece.empty:
                last |= piece.last
            before = piece.last | (before if piece.empty else 0)
            empty &= piece.empty
        self._copying -= 1
        if high == UNBOUNDED:
            self.link(piece.last, piece.first)
        return Piece(first, last, empty | (not low))


def _bits(positions: int) -> Iterator[int]:
    while positions:
        one = positions & -positions
        yield one
        positions ^= one
