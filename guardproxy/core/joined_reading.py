"""What reads texts that are joined: a scanner that goes on from one to the next.

A reading tells each text its part of what it finds. To the text it has come to it is one more scanner (`Onward`); for a
text that is not read yet stands `Unread`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Self

from guardproxy.core.joined_text import JoinedText
from guardproxy.match.scanner import DetectorScanner, Span
from guardproxy.match.tree import UNBOUNDED

_NOTHING: Final[Sequence[Span]] = ()


class _Part:
    """A text as a reading sees it: where it begins, and where it ends once it has."""

    __slots__ = ("begin", "end", "guard")

    def __init__(self, guard: JoinedText, begin: int) -> None:
        self.guard = guard
        self.begin = begin
        self.end: int | None = None


class Reading:
    """A scanner of one detector that goes on from text to text, with the same `seam` in every cut.

    `scanner` has read the text of `guard`, and nothing else.
    """

    __slots__ = ("_at", "_has_gone_on", "_parts", "_seam", "rank", "scanner")

    def __init__(self, scanner: DetectorScanner, rank: int, seam: str, guard: JoinedText) -> None:
        self.scanner = scanner
        self.rank = rank
        self._has_gone_on = False
        self._seam = seam
        self._at = guard.length
        self._parts = [_Part(guard, 0)]

    @property
    def safe(self) -> int:
        """Up to where the last text is sure."""
        return self.scanner.safe - self._parts[-1].begin

    def safe_in(self, guard: JoinedText) -> int:
        """Up to where that text is sure."""
        begins = [part.begin for part in self._parts if part.guard is guard]
        return self.scanner.safe - begins[0] if begins else UNBOUNDED

    def end_part(self) -> None:
        """The last text has ended."""
        self._parts[-1].end = self._at

    def go_on(self, guard: JoinedText) -> None:
        """The next text begins."""
        self._has_gone_on = True
        self.read(self._seam)
        self._parts = [part for part in self._parts if part.guard.held or not part.guard.ended]
        self._parts.append(_Part(guard, self._at))

    def read(self, text: str) -> None:
        """More of the last text, or what stands between two."""
        if text:
            self._at += len(text)
            self._tell(self.scanner.feed(text))

    def pause(self) -> int:
        """Maybe no text follows: tell what is found then. The steps of work that takes."""
        if not self._has_gone_on:
            return 0  # what it finds was found in the text by itself
        other = self.scanner.fork()
        before = other.work
        self._tell(other.finish())
        return other.work - before

    def _tell(self, spans: Sequence[Span]) -> None:
        """Each text its part of what was found."""
        for start, end, rule in spans:
            for part in self._parts:
                ends = min(end, self._at if part.end is None else part.end)
                if max(start, part.begin) < ends:
                    part.guard.learn(self.rank, Span(start - part.begin, ends - part.begin, rule))


class Unread:
    """Stands in for the scanners of a text that is not read yet: nothing of it is sure."""

    __slots__ = ()
    safe: Final = 0
    work: Final = 0

    def feed(self, text: str) -> Sequence[Span]:
        return _NOTHING

    def finish(self) -> Sequence[Span]:
        return _NOTHING

    def fork(self) -> Self:
        return self


class Onward:
    """A reading as a scanner of the text it has come to. What it finds it tells the texts itself."""

    __slots__ = ("_before", "_reading")

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._before = reading.scanner.work

    @property
    def safe(self) -> int:
        return self._reading.safe

    @property
    def work(self) -> int:
        return self._reading.scanner.work - self._before

    def feed(self, text: str) -> Sequence[Span]:
        self._reading.read(text)
        return _NOTHING

    def finish(self) -> Sequence[Span]:
        """The text ends, the reading does not."""
        return _NOTHING

    def fork(self) -> Self:
        return self
