"""The scanner of a pattern whose matches are followed: checked, tried from every start, or opening a block.

The automaton reads every character, as always. What it finds goes to a tracker, which looks at the same text again and
reports. So text in which nothing is found costs what it costs without a tracker.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from guardproxy.match.pattern_scanner import Ends, PatternScanner
from guardproxy.match.tracker import Found, Reading, Tracker

_SLICE: Final = 4096


class TrackingScanner:
    """Reads one text piece by piece. `scanner` stands at `scanner.position`, behind the character `before`, and keeps
    its pattern apart. Between a new match and what its tracker looks at lie at most `reach` characters.
    """

    __slots__ = ("_base", "_make", "_reach", "_scanner", "_text", "_tracker", "found")

    def __init__(self, scanner: PatternScanner, make: Callable[[], Tracker], reach: int, before: str = "") -> None:
        self._scanner = scanner
        self._make = make
        self._reach = reach
        self._text = before  # the last characters
        self._base = scanner.position - len(before)
        self._tracker: Tracker | None = None
        self.found: dict[tuple[int, int], Ends] = {}  # (start, part) -> ends

    @property
    def position(self) -> int:
        return self._scanner.position

    @property
    def idle(self) -> bool:
        """Whether nothing is alive."""
        return self._scanner.idle and not self._follows

    @property
    def safe(self) -> int:
        tracker = self._tracker
        if tracker is None:
            return self._scanner.safe
        holds = [tracker.hold(start, hold) for start, hold in self._scanner.threads()]
        return min(self._scanner.position, tracker.safe(self._scanner.position), *holds)

    def read(self, text: str) -> None:
        """What is found waits for `drain`."""
        for at in range(0, len(text), _SLICE):  # a long text costs no more memory than a long stream
            self._read(text[at : at + _SLICE])

    def end(self) -> None:
        """The text ends here."""
        live = self._live()
        self._scanner.end()
        reading = self._follow(self._scanner.position, live)
        if self._tracker is not None:
            self._note(self._tracker.finish(reading))

    def drain(self) -> dict[tuple[int, int], Ends]:
        """What was found since the last time."""
        found, self.found = self.found, {}
        return found

    def open_from(self) -> int:
        """The earliest start of a live thread or of an open block; the position if there is none."""
        opened = self._scanner.open_from()
        return opened if self._tracker is None else min(opened, self._tracker.open_from(opened))

    def fork(self) -> TrackingScanner:
        """Another scanner that has read the same text."""
        other = TrackingScanner(self._scanner.fork(), self._make, self._reach)
        other._text, other._base = self._text, self._base
        other._tracker = self._tracker and self._tracker.fork()
        other.found = {**self.found}
        return other

    def stands_like(self, other: object, alike: int) -> bool:
        """Whether both will find the same in whatever comes: see `PatternScanner`; and nothing is followed."""
        if not isinstance(other, TrackingScanner) or not self._scanner.stands_like(other._scanner, alike):
            return False
        return not self._follows and not other._follows

    @property
    def _follows(self) -> bool:
        return self._tracker is not None and self._tracker.alive

    def _read(self, text: str) -> None:
        new = self._scanner.position
        self._scanner.read(text)
        self._text += text
        if self._scanner.matches or self._follows:
            self._follow(new, self._live())
        if len(self._text) > 2 * self._reach:
            surplus = len(self._text) - self._reach
            self._text = self._text[surplus:]
            self._base += surplus

    def _live(self) -> list[int]:
        """The starts of the live threads."""
        return [start for start, _ in self._scanner.threads()]

    def _follow(self, new: int, live: Sequence[int]) -> Reading:
        matches, self._scanner.matches = self._scanner.matches, []
        reading = Reading(self._text, self._base, new)
        if matches and self._tracker is None:
            self._tracker = self._make()
        if self._tracker is not None:
            if matches or self._tracker.alive:
                self._note(self._tracker.read(reading, matches, live))
            if not live and not self._tracker.alive:
                self._tracker = None
        return reading

    def _note(self, found: Sequence[Found]) -> None:
        for start, end, part in found:
            known = self.found.get((start, part))
            self.found[start, part] = (known[0], max(known[1], end)) if known else (end, end)
