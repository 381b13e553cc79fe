"""The scanner of patterns that are tried from every start: of numbers, which run in one machine, each with its check.

It reads as a tracker does (`guardproxy.match.checked`), but no automaton tells it where something may begin.
"""

from __future__ import annotations

from copy import copy

from guardproxy.match.checked import CheckedTracker
from guardproxy.match.pattern_scanner import Ends
from guardproxy.match.tracker import Found, Reading


class StartsScanner:
    """Reads a text from `offset` on, behind the character `before`. `tracker` is fresh; no match of it is longer than
    `reach`.
    """

    __slots__ = ("_base", "_reach", "_text", "_tracker", "found", "position")

    def __init__(self, tracker: CheckedTracker, reach: int, *, offset: int = 0, before: str = "") -> None:
        self._tracker = tracker
        self._tracker.begin(offset, before)
        self._reach = reach
        self._text = ""  # the last characters
        self._base = offset
        self.found: dict[tuple[int, int], Ends] = {}  # (start, part) -> ends
        self.position = offset

    @property
    def idle(self) -> bool:
        return not self._tracker.alive

    @property
    def safe(self) -> int:
        return self._tracker.safe(self.position)

    def read(self, text: str) -> None:
        self._text += text
        self._note(self._tracker.read_on(Reading(self._text, self._base, self.position)))
        self.position += len(text)
        if len(self._text) > 2 * self._reach:
            surplus = len(self._text) - self._reach
            self._text = self._text[surplus:]
            self._base += surplus

    def end(self) -> None:
        self._note(self._tracker.finish(Reading(self._text, self._base, self.position)))

    def drain(self) -> dict[tuple[int, int], Ends]:
        """What was found since the last time, by (start, part)."""
        found, self.found = self.found, {}
        return found

    def open_from(self) -> int:
        """The earliest start of what is open and has no longest length: there is none."""
        return self.position

    def fork(self) -> StartsScanner:
        """Another scanner that has read the same text."""
        other = copy(self)
        other._tracker, other.found = self._tracker.fork(), {**self.found}
        return other

    def stands_like(self, other: object, alike: int) -> bool:
        """Whether both will find the same in whatever comes: nothing is alive."""
        return isinstance(other, StartsScanner) and self.idle and other.idle

    def _note(self, found: list[Found]) -> None:
        for start, end, part in found:
            known = self.found.get((start, part))
            self.found[start, part] = (known[0], max(known[1], end)) if known else (end, end)
