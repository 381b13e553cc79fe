"""A pattern as positions: every character of it, with every repeat written out, and what may come after each.

This is Glushkov's construction. Position 0 is no character: it stands for "here the pattern has matched". What is
expected at a point of a text is a set of positions, as the bits of an integer, so a step is a few operations on
integers however many positions are expected (Navarro and Raffinot, *Flexible Pattern Matching in Strings*, 2002).

Most positions are followed by the next one, and that is a shift. The others *leave* as well, or instead: by a jump of
a fixed distance, as the copies of a repeated part do, or to a set of positions that all of them lead to. A repeat of
one set of characters is a row of bits, so 8,000 characters of it cost no more than 8; a part of several characters is
laid out once for each copy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from guardproxy.match.charset import CharSet
from guardproxy.match.tree import UNBOUNDED, Chars, Choice, Node, Repeat, Series

Expected = int
"""A set of positions, as bits. With bit 0 the pattern has matched."""

NOTHING: Final[Expected] = 0

_FEW: Final = 4  # ways out are tried one by one
_MOST_KNOWN: Final = 512
_MOST_PAIRS: Final = 16


class Layout:
    """`first`: the positions a match can begin with. `bits` has a bit for every set of characters of the pattern.
    `size`: how many positions there are, with position 0.
    """

    __slots__ = (
        "_allowed",
        "_chained",
        "_jumps",
        "_leading",
        "_leaving",
        "_many",
        "_own",
        "_places",
        "_ways",
        "first",
        "size",
    )

    def __init__(self, tree: Node, bits: Mapping[CharSet, int]) -> None:
        laid = _Laying()
        whole = laid.lay(tree)
        laid.link(whole.last, 1)
        self.first = whole.first | whole.empty
        self.size = laid.size
        self._places = [(bits[allowed], places) for allowed, places in laid.places.items()]
        self._own = sum(bit for bit, _ in self._places)
        self._chained = laid.chained
        self._jumps = [*laid.jumps.items()]
        self._leading = [*laid.leading.items()]
        self._many = len(self._jumps) + len(self._leading) > _FEW
        self._leaving = 0
        for positions in (*laid.jumps.values(), *laid.leading.values()):
            self._leaving |= positions
        self._allowed: dict[int, int] = {}  # by the sets that a character is in: the positions that allow it
        self._ways: dict[int, int] = {}  # where one position leaves to, as far as it is known

    def wanted(self, expected: Expected) -> int:
        """The sets of characters that something of it goes on with."""
        bits = 0
        for bit, places in self._places:
            if expected & places:
                bits |= bit
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
        following = (taken & self._chained) << 1
        taken &= self._leaving
        if not taken:
            return following
        if self._many:
            return following | self._left(taken)
        for distance, places in self._jumps:
            if going := taken & places:
                following |= going << distance
        for to, places in self._leading:
            if taken & places:
                following |= to
        return following

    def _left(self, taken: int) -> Expected:
        """Where these lead, other than to the next position. Costs the number of them or of the ways, the lesser."""
        if taken.bit_count() >= len(self._jumps) + len(self._leading):
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
        for distance, places in self._jumps:
            if going := taken & places:
                following |= going << distance
        for to, places in self._leading:
            if taken & places:
                following |= to
        return following


class _Piece(NamedTuple):
    """A part that is laid out: where it can begin and end, and whether it may be left out (0 or 1)."""

    first: int
    last: int
    empty: int


class _Laying:
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

    def lay(self, node: Node) -> _Piece:
        match node:
            case Chars(allowed):
                place = self._row(allowed, 1)
                return _Piece(place, place, 0)
            case Series(parts):
                return self._series(map(self.lay, parts))
            case Choice(options):
                first = last = empty = 0
                for piece in map(self.lay, options):
                    first, last, empty = first | piece.first, last | piece.last, empty | piece.empty
                return _Piece(first, last, empty)
            case Repeat(part, low, high):
                if not high:
                    return _Piece(0, 0, 1)
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

    def _series(self, pieces: Iterator[_Piece]) -> _Piece:
        first = last = 0
        empty = 1
        for piece in pieces:
            self.link(last, piece.first)
            if empty:
                first |= piece.first
            last = piece.last | (last if piece.empty else 0)
            empty &= piece.empty
        return _Piece(first, last, empty)

    def _row_of(self, allowed: CharSet, low: int, high: int) -> _Piece:
        least = 1 if low == UNBOUNDED else max(low, 1)
        row = self._row(allowed, high if high < UNBOUNDED else least)
        first, top = row & -row, 1 << (row.bit_length() - 1)
        self.chained |= row ^ top
        if high == UNBOUNDED:
            self.jumps[0] |= top
        last = 0 if low == UNBOUNDED else row & -(first << (least - 1))
        return _Piece(first, last, int(not low))

    def _copies(self, repeat: Repeat) -> _Piece:
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
        return _Piece(first, last, empty | (not low))


def has_matched(expected: Expected) -> bool:
    """Whether position 0 is among them."""
    return bool(expected & 1)


def _bits(positions: int) -> Iterator[int]:
    while positions:
        one = positions & -positions
        yield one
        positions ^= one


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
