"""Where matches that require phrases can be: the pieces of a text whose words allow it, and the places in them.

A text is looked at in stretches that overlap, so that every match lies within one. Where the words of a stretch allow a
phrase of each group of a branch (`WordIndex`), it is looked at again: around each place of the best group that has a
place of every other group near enough there is a window. Nearly every stretch is done with after the first look. Where
there is much to look at, the whole stretch is a window: reading it is then cheaper.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Final, NamedTuple

from guardproxy.match.literals import Literals
from guardproxy.match.words import WordIndex, occurrences, spelled

Window = tuple[int, int]
"""Begin and end of a part of a text."""

_STRETCH: Final = 2048
_MOST_BRANCHES: Final = 8
_MOST_PLACES: Final = 32
_MOST_KNOWN: Final = 1000


class Required(NamedTuple):
    """A phrase of each group, the best group first, within `longest` characters; and one of the `marks`, if any.

    Marks are strings without letters.
    """

    groups: Sequence[Literals]
    longest: int
    marks: Literals = frozenset()


Group = tuple[tuple[str, int], ...]
"""Phrases, each with the pieces it needs."""


class _Branch(NamedTuple):
    """`rarest`: for each group the rarest pieces of its phrases. One of them is there if one of the phrases is."""

    rarest: tuple[int, ...]
    groups: tuple[Group, ...]
    longest: int
    marks: Literals

    def allowed_by(self, there: int, text: str) -> bool:
        """Whether a stretch with these pieces, and this text, can hold a match."""
        for pieces in self.rarest:  # most end here; a generator would take as long as everything before
            if not there & pieces:
                return False
        if self.marks and not any(mark in text for mark in self.marks):
            return False
        for group in self.groups:
            for _, needs in group:
                if there & needs == needs:
                    break
            else:
                return False
        return True


class Phrases:
    """Looks for what many branches require."""

    def __init__(self, required: Sequence[Required]) -> None:
        self._index = WordIndex(sorted({phrase for one in required for group in one.groups for phrase in group}))
        self._branches = [self._branch(one) for one in required]
        self._best = reduce(or_, (branch.rarest[0] for branch in self._branches), 0)
        self._by_piece: dict[int, list[int]] = {}  # the branches whose best group speaks of it
        for number, branch in enumerate(self._branches):
            for piece in _single_bits(branch.rarest[0]):
                self._by_piece.setdefault(piece, []).append(number)
        self._known_near: dict[int, tuple[_Branch, ...]] = {}
        # By the longest match and the character behind it.
        self._overlap = max((longest + 1 for _, longest, _ in required), default=0)
        self._step = max(_STRETCH, 4 * self._overlap)

    def _branch(self, required: Required) -> _Branch:
        needs = self._index.needs
        groups = [sorted(group) for group in required.groups]
        rarest = (reduce(or_, (needs[phrase][0] for phrase in group)) for group in groups)
        all_needed = (tuple((phrase, sum(needs[phrase])) for phrase in group) for group in groups)
        return _Branch(tuple(rarest), tuple(all_needed), required.longest, required.marks)

    def windows(self, text: str) -> Iterable[Window]:
        """Where matches can be, in any order, also overlapping, each with the character behind its matches."""
        if not self._branches:
            return ()
        letters = spelled(text)
        if len(letters) > self._step:
            return self._in_stretches(text, letters)
        # Short and harmless is what most texts are.
        there = self._index.pieces_in(letters)
        return self._in_stretch(text, letters, there) if there & self._best else ()

    def _in_stretches(self, text: str, letters: str) -> Iterator[Window]:
        for begin in range(0, len(text) - self._overlap, self._step):
            stretch = slice(begin, begin + self._step + self._overlap)
            there = self._index.pieces_in(letters[stretch])
            if there & self._best:
                for first, last in self._in_stretch(text[stretch], letters[stretch], there):
                    yield begin + first, begin + last

    def _near(self, pieces: int) -> tuple[_Branch, ...]:
        """The branches whose best group speaks of one of the pieces. Texts of one kind ask for the same few again."""
        known = self._known_near.get(pieces)
        if known is None:
            numbers = sorted({number for piece in _single_bits(pieces) for number in self._by_piece[piece]})
            known = tuple(self._branches[number] for number in numbers)
            if len(self._known_near) >= _MOST_KNOWN:
                self._known_near.clear()
            self._known_near[pieces] = known
        return known

    def _in_stretch(self, text: str, letters: str, there: int) -> Iterator[Window]:
        found = [branch for branch in self._near(there & self._best) if branch.allowed_by(there, text)]
        if len(found) > _MOST_BRANCHES:
            yield 0, len(text)
            return
        for branch in found:
            yield from _places(branch, letters, there)


def _single_bits(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest
        bits ^= lowest


def _places(branch: _Branch, letters: str, there: int) -> Iterator[Window]:
    """Windows around the phrases of the best group, in order."""
    best = _occurrences(branch.groups[0], letters, there)
    if not best:
        return
    others = [_occurrences(group, letters, there) for group in branch.groups[1:]]
    if not all(others):
        return
    if len(best) > _MOST_PLACES:
        yield 0, len(letters)
        return
    for start, end in best:
        first, last = end - branch.longest, start + branch.longest
        if all(_one_starts_within(spans, first, last) for spans in others):
            yield max(first, 0), min(last + 1, len(letters))


def _occurrences(group: Group, letters: str, there: int) -> list[Window]:
    return sorted(span for phrase, needs in group if there & needs == needs for span in occurrences(phrase, letters))


def _one_starts_within(spans: Sequence[Window], first: int, last: int) -> bool:
    at = bisect_left(spans, (first, 0))
    return at < len(spans) and spans[at][0] < last
