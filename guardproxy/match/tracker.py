"""What follows some matches of the automaton: a tracker looks on from there. Shared words of the two kinds.

A `TrackingScanner` hands a tracker every match the automaton has found for its pattern. The tracker decides what of it
is reported, and up to where its text is sure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from guardproxy.match.tree import UNBOUNDED


class Found(NamedTuple):
    """`[start, end)` is to be reported for a part of the set (`guardproxy.match.parts`)."""

    start: int
    end: int
    part: int


class Reading(NamedTuple):
    """The text a tracker may look at: `text` begins at offset `base`, the characters from `new` on are new."""

    text: str
    base: int
    new: int

    @property
    def end(self) -> int:
        return self.base + len(self.text)


class Reported:
    """The spans that were reported, as far as something alive can still make one of them longer."""

    __slots__ = ("_spans",)

    def __init__(self) -> None:
        self._spans: list[tuple[int, int]] = []  # none inside another, so starts and ends both grow

    def add(self, start: int, end: int) -> None:
        """`end` is not before any earlier one."""
        while self._spans and self._spans[-1][0] >= start:
            self._spans.pop()
        self._spans.append((start, end))

    def sure(self, start: int) -> int:
        """The last end of a span in which this offset lies; the offset itself if there is none."""
        at = bisect_right(self._spans, (start, UNBOUNDED)) - 1
        return max(start, self._spans[at][1]) if at >= 0 else start

    def fork(self) -> Reported:
        other = Reported()
        other._spans = [*self._spans]
        return other

    def forget_before(self, offset: int) -> None:
        """Nothing alive starts before."""
        while self._spans and self._spans[0][1] <= offset:
            del self._spans[0]


class Tracker(Protocol):
    """Follows the matches of one pattern of the automaton through one text."""

    @property
    def alive(self) -> bool:
        """Whether it must be told of new text even without a new match."""

    def read(self, reading: Reading, matches: Sequence[tuple[int, int]], live: Sequence[int]) -> list[Found]:
        """New text. `matches` are (start, end) of the automaton's new ones, in the order of their ends, `live` the
        starts that it still follows.
        """

    def finish(self, reading: Reading) -> list[Found]:
        """The text ends here. Called once, after `read`."""

    def hold(self, start: int, hold: int) -> int:
        """Up to where text is sure as far as a live thread of the automaton with this start and hold goes."""

    def safe(self, position: int) -> int:
        """Up to where text is sure as far as the tracker itself goes; `position` is the end of the text so far."""

    def fork(self) -> Tracker:
        """Another tracker that has been told the same."""

    def open_from(self, position: int) -> int:
        """The start of what is open and has no longest length; `position` if nothing is."""
