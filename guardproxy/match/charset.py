"""Sets of characters, as intervals of code points, and the classes a family of sets divides all characters into.

Two characters that stand in exactly the same sets of a family can never be told apart by an automaton over them, so
it needs one column per class, not one per character: a few dozen instead of 1,114,112. The borders of all intervals
cut the code points into segments; a class is the set of segments with the same members, and looking up a character
is one binary search. That holds for all of Unicode, so nothing here is special about ASCII.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

LAST_CODE_POINT: Final = 0x10FFFF

Interval = tuple[int, int]
"""First and last code point, both included."""

# Every letter with an upper or lower case stands before this plane (a test asks the running Python).
_LAST_CASED: Final = 0x1FFFF

OTHERS: Final = 1 << 128
"""The bit of a mask that stands for all characters outside of ASCII."""


@dataclass(frozen=True, slots=True)
class CharSet:
    """Characters. `intervals` are sorted, disjoint and do not touch, so equal sets are equal values.

    `mask` is the set in short: bit c for the ASCII character c, and `OTHERS` if it has any other.
    """

    intervals: tuple[Interval, ...]
    mask: int = field(init=False, repr=False, compare=False)
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Sets are compared and combined some 100,000 times while a policy is loaded, and there are a few hundred.
        object.__setattr__(self, "mask", _mask(self.intervals))
        object.__setattr__(self, "_hash", hash(self.intervals))

    def __hash__(self) -> int:
        return self._hash

    @staticmethod
    def of(intervals: Iterable[Interval]) -> CharSet:
        """The union of intervals in any order."""
        merged: list[Interval] = []
        for first, last in sorted(intervals):
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
            else:
                merged.append((first, last))
        return CharSet(tuple(merged))

    @staticmethod
    def single(char: str) -> CharSet:
        return _single(char)

    def __bool__(self) -> bool:
        return bool(self.intervals)

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.intervals)

    def __contains__(self, char: str) -> bool:
        code = ord(char)
        at = bisect_right(self.intervals, (code, LAST_CODE_POINT)) - 1
        return at >= 0 and code <= self.intervals[at][1]

    def __or__(self, other: CharSet) -> CharSet:
        return CharSet.of(self.intervals + other.intervals)

    def __and__(self, other: CharSet) -> CharSet:
        return ~(~self | ~other) if self.mask & other.mask else _EMPTY

    def within(self, other: CharSet) -> bool:
        """Whether every character of the set is in the other."""
        if self.mask & ~other.mask:
            return False
        return self.mask < OTHERS or not self & ~other

    def __invert__(self) -> CharSet:
        """Every character that is not in the set."""
        gaps: list[Interval] = []
        free = 0
        for first, last in self.intervals:
            if first > free:
                gaps.append((free, first - 1))
            free = last + 1
        if free <= LAST_CODE_POINT:
            gaps.append((free, LAST_CODE_POINT))
        return CharSet(tuple(gaps))

    def characters(self) -> Iterable[str]:
        return (chr(code) for first, last in self.intervals for code in range(first, last + 1))

    def with_cases(self) -> CharSet:
        """The set, and for each character `c` of it `c.lower()` and `c.upper()` where these are one character."""
        return _with_cases(self)


@lru_cache(maxsize=1024)
def _single(char: str) -> CharSet:
    return CharSet(((ord(char), ord(char)),))


@lru_cache(maxsize=1024)
def _with_cases(chars: CharSet) -> CharSet:
    below = (chr(c) for first, last in chars.intervals for c in range(first, min(last, _LAST_CASED) + 1))
    cased = {other for char in below for other in (char.lower(), char.upper()) if len(other) == 1}
    return CharSet.of((*chars.intervals, *((ord(char), ord(char)) for char in cased)))


def _mask(intervals: Iterable[Interval]) -> int:
    mask = 0
    for first, last in intervals:
        if last > 127:
            mask |= OTHERS
        if first < 128:
            mask |= (1 << min(last, 127) + 1) - (1 << first)
    return mask


_EMPTY: Final = CharSet(())
DIGITS: Final = CharSet.of([(0x30, 0x39)])
WORD: Final = CharSet.of([(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)])
# The characters for which str.isspace() is true (a test compares): Unicode white space and the separators U+001C-1F.
SPACE: Final = CharSet.of(
    [
        (0x09, 0x0D),
        (0x1C, 0x20),
        (0x85, 0x85),
        (0xA0, 0xA0),
        (0x1680, 0x1680),
        (0x2000, 0x200A),
        (0x2028, 0x2029),
        (0x202F, 0x202F),
        (0x205F, 0x205F),
        (0x3000, 0x3000),
    ]
)
NOT_NEWLINE: Final = ~CharSet.single("\n")


class CharClasses:
    """The classes of all characters under `sets`. `members[k]` has bit i set if class k lies in `sets[i]`."""

    members: tuple[int, ...]

    def __init__(self, sets: Sequence[CharSet]) -> None:
        borders = sorted({0, *(b for s in sets for first, last in s.intervals for b in (first, last + 1))})
        signatures = [0] * len(borders)
        for bit, charset in enumerate(sets):
            for first, last in charset.intervals:
                for segment in range(bisect_right(borders, first) - 1, bisect_right(borders, last)):
                    signatures[segment] |= 1 << bit
        numbers: dict[int, int] = {}
        self._borders = borders
        self._class_of_segment = [numbers.setdefault(signature, len(numbers)) for signature in signatures]
        self.members = tuple(numbers)

    def class_of(self, char: str) -> int:
        return self._class_of_segment[bisect_right(self._borders, ord(char)) - 1]
