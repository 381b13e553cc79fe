"""Text between a start and an end: a private key between its header and its footer, a fenced instruction.

A block begins with a match `[s, m)` of its start. It reaches to the end of the first match of its end that begins at
or behind `m`; if none ends within `most` characters behind `m`, it is hidden up to there or to the end of the text: a
block that never ends is no reason to show it. From `m` on everything is decided, so nothing waits: the span grows with
the text.

Of all blocks of a rule that are open at once only the last start matters, because the reach of a block never lies
before that of one with an earlier `m`. So one search looks for the end, and each new start sets it back to its
beginning: what it finds begins behind the last start. Where that begins nobody asks, so it is looked for from all
starts at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from guardproxy.match.automaton import classes_of
from guardproxy.match.layout import Expected, Layout, has_matched
from guardproxy.match.tracker import Found, Reading, Reported
from guardproxy.match.tree import Program
from guardproxy.match.work import Work


class Search:
    """What looks for the first end of a match, whatever its start. `expected` is what a search has come to."""

    def __init__(self, program: Program, work: Work) -> None:
        self._work = work
        self._classes, bits = classes_of([program])
        self._layout = Layout(program.tree, bits)
        self.expected = self._layout.first

    def read(self, expected: Expected, text: str) -> tuple[Expected, int]:
        """Read on: what is expected then, and up to where it was read: to the first end of a match, if there is one."""
        self._work.done += len(text)
        first, classes, members, advance = self.expected, self._classes, self._classes.members, self._layout.advance
        for place, char in enumerate(text, 1):
            expected = advance(expected, members[classes[char]]) | first
            if has_matched(expected):
                return expected, place
        return expected, len(text)


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
        for start, end in matches:
            self._grow(reading, at, end, found)
            self._start = min(self._start, start) if self._open else start
            self._report(start, end, found)
            self._open, self._limit = True, end + self._most
            self._expected = self._ends.expected
            at = end
        self._grow(reading, at, reading.end, found)
        self._hidden.forget_before(min(live, default=self._start))
        return found

    def _grow(self, reading: Reading, begin: int, end: int, found: list[Found]) -> None:
        """Read `[begin, end)` as text of what is open."""
        if not self._open or begin == end:
            return
        text = reading.text[begin - reading.base : min(end, self._limit) - reading.base]
        self._expected, length = self._ends.read(self._expected, text)
        position = begin + length
        self._open = position < self._limit and not has_matched(self._expected)
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
