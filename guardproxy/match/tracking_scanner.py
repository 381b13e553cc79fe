"""The scanner of a set in which some matches are followed: checked, tried from every start, or opening a block.

The automaton reads every character, as always. What it finds for a plain pattern is reported as it is; what it finds
for a followed one goes to that pattern's tracker, which looks at the same text again and reports. So text in which
nothing of a followed pattern is found costs what it costs without them.

Spans come in the order of confirmation, and that is a function of the text: by the character that confirmed the first
end of a span (a match that had to wait for what follows it comes before one that ends with that character), then by
start, then by the order of the set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from guardproxy.match.pattern_scanner import Ends, PatternScanner
from guardproxy.match.scanner import Span
from guardproxy.match.tracker import Found, Reading, Tracker


@dataclass(frozen=True, slots=True)
class Following:
    """What a set follows. `part_of[p]` is the part that pattern p of the automaton stands for, if it is plain;
    `trackers[p]` makes the tracker of another. Part k is reported as `rules[k]`, `late[k]` if a match of it waits for
    the character behind it. So many characters as `reach` may lie between a new match and what its tracker looks at.
    """

    rules: Sequence[str]
    late: Sequence[bool]
    part_of: Sequence[int]
    trackers: Mapping[int, Callable[[], Tracker]]
    reach: int


_SLICE: Final = 4096


class TrackingScanner:
    """Reads one text piece by piece; see `guardproxy.match.scanner.Scanner`.

    `scanner` stands at `scanner.position`, behind the character `before`, and keeps the followed patterns apart.
    """

    __slots__ = ("_base", "_following", "_found", "_scanner", "_text", "_trackers")

    def __init__(self, scanner: PatternScanner, following: Following, before: str = "") -> None:
        self._scanner = scanner
        self._following = following
        self._text = before  # the last characters
        self._base = scanner.position - len(before)
        self._trackers: dict[int, Tracker] = {}
        self._found: dict[tuple[int, int], Ends] = {}

    @property
    def position(self) -> int:
        return self._scanner.position

    @property
    def safe(self) -> int:
        if not self._trackers:
            return self._scanner.safe
        position = safe = self._scanner.position
        for pattern, start, hold in self._scanner.threads():
            tracker = self._trackers.get(pattern)
            safe = min(safe, tracker.hold(start, hold) if tracker else hold)
        for tracker in self._trackers.values():
            safe = min(safe, tracker.safe(position))
        return safe

    def feed(self, text: str) -> list[Span]:
        self.read(text)
        return self.take() if self._found or self._scanner.found else []

    def finish(self) -> list[Span]:
        self.end()
        return self.take()

    def read(self, text: str) -> None:
        """As `feed`, but what is found waits for `take`."""
        if len(text) <= _SLICE:
            self._read(text)
        else:
            for at in range(0, len(text), _SLICE):  # a long text costs no more memory than a long stream
                self._read(text[at : at + _SLICE])

    def _read(self, text: str) -> None:
        new = self._scanner.position
        self._scanner.read(text)
        self._text += text
        if self._scanner.matches or (self._trackers and self._alive()):
            self._follow(new, self._live())
        if len(self._text) > 2 * self._following.reach:
            surplus = len(self._text) - self._following.reach
            self._text = self._text[surplus:]
            self._base += surplus

    def end(self) -> None:
        """As `finish`, but what is found waits for `take`."""
        live = self._live()
        self._scanner.end()
        reading = self._follow(self._scanner.position, live)
        for tracker in self._trackers.values():
            self._note(tracker.finish(reading))

    def take(self) -> list[Span]:
        """What was found since the last time, in the order of confirmation."""
        plain = self._scanner.drain()
        part_of, rules = self._following.part_of, self._following.rules
        found = {(start, part_of[pattern]): ends for (start, pattern), ends in plain.items()}
        if self._found:
            found = dict(sorted([*found.items(), *self._found.items()], key=self._confirmed))
            self._found = {}
        return [Span(start, end, rules[part]) for (start, part), (_, end) in found.items()]

    def open_from(self, patterns: frozenset[int]) -> int:
        """The earliest start of a live thread of these patterns or of an open block; the position if there is none."""
        opened = self._scanner.open_from(patterns)
        return min(chain((opened,), (tracker.open_from(opened) for tracker in self._trackers.values())))

    def fork(self) -> TrackingScanner:
        """Another scanner that has read the same text."""
        other = TrackingScanner(self._scanner.fork(), self._following)
        other._text, other._base = self._text, self._base
        other._trackers = {pattern: tracker.fork() for pattern, tracker in self._trackers.items()}
        other._found = {**self._found}
        return other

    def stands_like(self, other: object, alike: int) -> bool:
        """Whether both will find the same in whatever comes: see `PatternScanner`; and nothing is followed."""
        if not isinstance(other, TrackingScanner) or not self._scanner.stands_like(other._scanner, alike):
            return False
        return not self._alive() and not other._alive()

    def _alive(self) -> bool:
        return any(tracker.alive for tracker in self._trackers.values())

    def _live(self) -> dict[int, list[int]]:
        """The starts of the live threads, by followed pattern."""
        live: dict[int, list[int]] = {}
        for pattern, start, _ in self._scanner.threads():
            if pattern in self._following.trackers:
                live.setdefault(pattern, []).append(start)
        return live

    def _follow(self, new: int, live: Mapping[int, Sequence[int]]) -> Reading:
        matches: dict[int, list[tuple[int, int]]] = {}
        for start, end, pattern in self._scanner.matches:
            matches.setdefault(pattern, []).append((start, end))
        self._scanner.matches.clear()
        reading = Reading(self._text, self._base, new)
        for pattern in matches:
            if pattern not in self._trackers:
                self._trackers[pattern] = self._following.trackers[pattern]()
        for pattern, tracker in self._trackers.items():
            if tracker.alive or pattern in matches:
                self._note(tracker.read(reading, matches.get(pattern, ()), live.get(pattern, ())))
        self._trackers = {p: tracker for p, tracker in self._trackers.items() if tracker.alive or p in live}
        return reading

    def _note(self, found: Sequence[Found]) -> None:
        for start, end, part in found:
            known = self._found.get((start, part))
            self._found[start, part] = (known[0], max(known[1], end)) if known else (end, end)

    def _confirmed(self, span: tuple[tuple[int, int], Ends]) -> tuple[int, int, int]:
        (start, part), (first, _) = span
        return 2 * first - (not self._following.late[part]), start, part
