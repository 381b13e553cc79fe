"""Text between a start and an end: a private key between its header and its footer, a fenced instruction.

A block begins with a match `[s, m)` of its start. It reaches to the end of the first match of its end that begins at
or behind `m`; if none ends within `most` characters behind `m`, it is hidden up to there or to the end of the text: a
block that never ends is no reason to show it. From `m` on everything is decided, so nothing waits: the span grows with
the text.

Of all blocks of a rule that are open at once only the last start matters, because the reach of a block never lies
before that of one with an earlier `m`. So one search looks for the end, and each new start sets it back to its
beginning: what it finds begins behind the last start. Where that begins nobody asks, so it is looked for from all
starts at once. A search that stands at its beginning passes over all that no end begins with, and a start in there
changes nothing but how far the block may reach: it lies in what is hidden already.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import copy
from typing import Final

from guardproxy.match.automaton import classes_of
from guardproxy.match.charset import CharSet
from guardproxy.match.layout import Expected, Layout, has_matched
from guardproxy.match.tracker import Found, Reading, Reported
from guardproxy.match.tree import Program, first_characters
from guardproxy.match.work import Work

_AT_A_STRETCH: Final = 64  # characters that are read one by one


class Search:
    """What looks for the first end of a match, whatever its start. `expected` is what a search has come to."""

    def __init__(self, program: Program, work: Work) -> None:
        self.work = work
        self._classes, bits = classes_of([program])
        self._layout = Layout(program.tree, bits)
        self._begins = any_of(first_characters(program.tree))
        self.expected = self._layout.first

    def quiet(self, text: str, at: int, end: int) -> int:
        """Up to where in `[at, end)` no match begins: there a search that stands at its beginning stays."""
        self.work.done += 1
        found = self._begins.search(text, at, end)
        return found.start() if found else end

    def read(self, expected: Expected, text: str, at: int, end: int) -> tuple[Expected, int]:
        """Read on, some of `[at, end)`: what is expected then, and up to where it was read. That is no farther than to
        the first end of a match, nor to where the search stands at its beginning again.
        """
        first, classes, members, advance = self.expected, self._classes, self._classes.members, self._layout.advance
        place = at
        for char in text[at : min(end, at + _AT_A_STRETCH)]:
            expected = advance(expected, members[classes[char]]) | first
            place += 1
            if expected == first or has_matched(expected):
                break
        self.work.done += 1 + place - at
        return expected, place


def any_of(chars: CharSet) -> re.Pattern[str]:
    """An expression for one of these characters."""
    ranges = (f"\\U{first:08x}-\\U{last:08x}" for first, last in chars.intervals)
    return re.compile(f"[{''.join(ranges)}]")


class BlockTracker:
    """`ends` looks for the end alone and is shared; `most` are the characters behind a start; `part` is reported."""

    __slots__ = ("_ends", "_expected", "_hidden", "_limit", "_most", "_open", "_part", "_start")

    def __init__(self, ends: Search, most: int, part: int) -> None:
        self._ends = ends
        self._most = most
        self._part = part
        self._open = False
        self._expected = ends.expected
        self._start = 0  # of the blocks that are open, and overlap
        self._hidden = Reported()
        self._limit = 0

    @property
    def alive(self) -> bool:
        return self._open

    def read(self, reading: Reading, matches: Sequence[tuple[int, int]], live: Sequence[int]) -> list[Found]:
        found: list[Found] = []
        at = reading.new
        quiet = 0  # the search stands at its beginning up to there; 0: that was not asked
        for start, end in matches:
            if end <= quiet and end < self._limit and start >= self._start:  # it lies in the block that is open
                self._limit = end + self._most
                self._ends.work.done += 1
                continue
            self._grow(reading, at, end, found)
            if not self._open or start < self._start:
                self._start = start
                self._report(start, end, found)
            self._open, self._limit = True, end + self._most
            self._expected = self._ends.expected
            at = end
            stop = min(reading.end, self._limit) - reading.base
            quiet = reading.base + self._ends.quiet(reading.text, at - reading.base, stop)
        self._grow(reading, at, reading.end, found)
        self._hidden.forget_before(min(live, default=self._start))
        return found

    def _grow(self, reading: Reading, begin: int, end: int, found: list[Found]) -> None:
        """Read `[begin, end)` as text of what is open."""
        if not self._open or begin == end:
            return
        ends, expected, text = self._ends, self._expected, reading.text
        at, stop = begin - reading.base, min(end, self._limit) - reading.base
        while at < stop and not has_matched(expected):
            if expected == ends.expected:
                at = ends.quiet(text, at, stop)
            if at < stop:
                expected, at = ends.read(expected, text, at, stop)
        self._expected = expected
        position = reading.base + at
        self._open = position < self._limit and not has_matched(expected)
        self._report(self._start, position, found)

    def _report(self, start: int, end: int, found: list[Found]) -> None:
        self._hidden.add(start, end)
        found.append(Found(start, end, self._part))

    def finish(self, reading: Reading) -> list[Found]:
        return []

    def fork(self) -> BlockTracker:
        other = copy(self)
        other._hidden = self._hidden.fork()
        return other

    def hold(self, start: int, hold: int) -> int:
        """A start that lies in what is hidden can only make it longer."""
        return max(hold, self._hidden.sure(start))

    def safe(self, position: int) -> int:
        return position

    def open_from(self, position: int) -> int:
        return self._start if self._open else position
