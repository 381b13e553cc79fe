"""The scanner of a pattern set: registers around the shared automaton.

Every live thread has a start and a *hold*: the end of what it has matched so far, or its start while it has not
matched. No continuation can add a character to the matches before the least hold, so that is `safe`; and for each
thread there are two continuations, one that covers the text behind its hold and one that does not, so no larger
answer would be true for both.

The promise of `guardproxy.match.scanner` holds here for each pattern by itself: a span reported later that begins
before `safe` makes an already reported span *of its own pattern* longer, so a reader that lets some rules pass and
hides others loses nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from guardproxy.match.automaton import NEW, Automaton, Moves, Register
from guardproxy.match.scanner import Span
from guardproxy.match.tree import UNBOUNDED

NOT_AT_END: Final[Mapping[int, int]] = MappingProxyType({})


class Match(NamedTuple):
    """`[start, end)` matches the pattern."""

    start: int
    end: int
    pattern: int


class Thread(NamedTuple):
    """A pattern that may still match from a start; `hold`: up to where it has matched, or its start."""

    pattern: int
    start: int
    hold: int


Ends = tuple[int, int]
"""The first and the last end that were confirmed for a start."""


class PatternScanner:
    """Reads one text piece by piece; see `guardproxy.match.scanner.Scanner`.

    Several ends of one start that are confirmed by the same piece come as one span, with the last end.
    `offset` and `before` let it begin inside of a text: at that code point, behind that character. Matches of the
    patterns in `apart` are not reported; they are put down one by one in `matches`, for who wants to know. `found` is
    what waits to be reported. Of a pattern in `at_end` so many characters are a match where the text ends.
    """

    __slots__ = (
        "_apart",
        "_at_end",
        "_automaton",
        "_configuration",
        "_rules",
        "_threads",
        "found",
        "matches",
        "position",
    )

    def __init__(
        self,
        automaton: Automaton,
        rules: Sequence[str],
        *,
        offset: int = 0,
        before: str = "",
        apart: Collection[int] = (),
        at_end: Mapping[int, int] = NOT_AT_END,
    ) -> None:
        self._automaton = automaton
        self._rules = rules  # by pattern
        self._apart = apart
        self._at_end = at_end
        self._configuration = automaton.start(before)
        self._threads: list[Register] = []  # as the configuration counts them
        self.found: dict[tuple[int, int], Ends] = {}  # (start, pattern) -> ends; keeps the order of confirmation
        self.matches: list[Match] = []
        self.position = offset

    @property
    def idle(self) -> bool:
        """Whether nothing is alive."""
        return not self._threads

    @property
    def safe(self) -> int:
        if not self._threads:
            return self.position
        return min(hold for _, hold in self._threads)

    def feed(self, text: str) -> list[Span]:
        self.read(text)
        return self.take() if self.found else []

    def finish(self) -> list[Span]:
        self.end()
        return self.take()

    def read(self, text: str) -> None:
        """As `feed`, but what is found waits for `take`."""
        configuration, classes = self._configuration, self._automaton.classes
        for position, char in enumerate(text, self.position):
            configuration, moves = configuration[classes[char]]
            if moves is not None:
                self._move(moves, position)
        self._configuration = configuration
        self.position += len(text)

    def end(self) -> None:
        """As `finish`, but what is found waits for `take`."""
        for thread, pattern in self._automaton.matches_at_end(self._configuration):
            self._note(self._threads[thread][0], self.position, pattern)
        for pattern, start, hold in self.threads() if self._at_end else ():
            if hold < self.position and self.position - start >= self._at_end.get(pattern, UNBOUNDED):
                self._note(start, self.position, pattern)
        self._threads = []

    def take(self) -> list[Span]:
        """What was found since the last time, in the order of confirmation."""
        return [Span(start, end, self._rules[pattern]) for (start, pattern), (_, end) in self.drain().items()]

    def drain(self) -> dict[tuple[int, int], Ends]:
        """The same by (start, pattern)."""
        found, self.found = self.found, {}
        return found

    def fork(self) -> PatternScanner:
        """Another scanner that has read the same text."""
        other = PatternScanner.__new__(PatternScanner)
        other._automaton, other._rules, other._apart, other._at_end = (
            self._automaton,
            self._rules,
            self._apart,
            self._at_end,
        )
        other._configuration, other._threads, other.position = self._configuration, [*self._threads], self.position
        other.found, other.matches = {**self.found}, [*self.matches]
        return other

    def stands_like(self, other: object, alike: int) -> bool:
        """Whether both will find the same in whatever comes: they expect the same, from the same starts. None of these
        lies before the last `alike` characters, which are the same in both texts.
        """
        if not isinstance(other, PatternScanner) or self._configuration is not other._configuration:
            return False
        if self._threads and self.position - min(self._threads)[0] > alike:
            return False
        if self.position == other.position:
            return self._threads == other._threads
        ahead = self.position - other.position
        return self._threads == [(start + ahead, hold + ahead) for start, hold in other._threads]

    def threads(self) -> Iterator[Thread]:
        """The live threads, earliest start first."""
        for (pattern, _), (start, hold) in zip(self._configuration.threads, self._threads, strict=False):
            yield Thread(pattern, start, hold)

    def open_from(self) -> int:
        """The earliest start of a live thread; the position if there is none."""
        return min(self._threads)[0] if self._threads else self.position

    def _move(self, moves: Moves, position: int) -> None:
        confirmed, accepted, survivors, new, reached = moves
        threads = self._threads
        for thread, pattern in confirmed:
            self._note(threads[thread][0], position, pattern)
        for thread, pattern in accepted:
            start = position if thread == NEW else threads[thread][0]
            self._note(start, position + 1, pattern)
        threads = [*survivors(threads), *((position, position),) * new]
        for thread, behind in reached:
            threads[thread] = (threads[thread][0], position + behind)
        self._threads = threads

    def _note(self, start: int, end: int, pattern: int) -> None:
        if pattern in self._apart:
            self.matches.append(Match(start, end, pattern))
        else:
            known = self.found.get((start, pattern))
            self.found[start, pattern] = (known[0] if known else end, end)
