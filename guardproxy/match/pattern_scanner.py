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

from collections.abc import Sequence

from guardproxy.match.automaton import NEW, Automaton, Moves, Register
from guardproxy.match.scanner import Span


class PatternScanner:
    """Reads one text piece by piece; see `guardproxy.match.scanner.Scanner`.

    Several ends of one start that are confirmed by the same piece come as one span, with the last end.
    `offset` and `before` let it begin inside of a text: at that code point, behind that character.
    """

    __slots__ = ("_automaton", "_configuration", "_found", "_position", "_rules", "_threads")

    def __init__(self, automaton: Automaton, rules: Sequence[str], *, offset: int = 0, before: str = "") -> None:
        self._automaton = automaton
        self._rules = rules  # by pattern
        self._configuration = automaton.start(before)
        self._position = offset
        self._threads: list[Register] = []  # as the configuration counts them
        self._found: dict[tuple[int, int], int] = {}  # (start, pattern) -> end; keeps the order of confirmation

    @property
    def safe(self) -> int:
        if not self._threads:
            return self._position
        return min(hold for _, hold in self._threads)

    def feed(self, text: str) -> list[Span]:
        configuration = self._configuration
        for position, char in enumerate(text, self._position):
            configuration, moves = configuration[char]
            if moves is not None:
                self._move(moves, position)
        self._configuration = configuration
        self._position += len(text)
        return self._take_found() if self._found else []

    def finish(self) -> list[Span]:
        for thread, pattern in self._automaton.matches_at_end(self._configuration):
            self._found[self._threads[thread][0], pattern] = self._position
        self._threads = []
        return self._take_found()

    def _move(self, moves: Moves, position: int) -> None:
        confirmed, accepted, survivors, new, reached = moves
        threads = self._threads
        for thread, pattern in confirmed:
            self._found[threads[thread][0], pattern] = position
        for thread, pattern in accepted:
            start = position if thread == NEW else threads[thread][0]
            self._found[start, pattern] = position + 1
        threads = [*survivors(threads), *((position, position),) * new]
        for thread, behind in reached:
            threads[thread] = (threads[thread][0], position + behind)
        self._threads = threads

    def _take_found(self) -> list[Span]:
        found, self._found = self._found, {}
        return [Span(start, end, self._rules[pattern]) for (start, pattern), end in found.items()]
