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

from typing import Final, NamedTuple

from guardproxy.match.automaton import NEW, Automaton, Configuration, Kind, Moves, Register
from guardproxy.match.layout import Expected

PART: Final = 0
"""There is one pattern: what is found is told as a match of part 0."""

# It costs as much to ask whether many threads are known as to move some, and they mostly are not.
_FEW: Final = 2
_SELDOM: Final = 8


class Match(NamedTuple):
    """`[start, end)` matches the pattern."""

    start: int
    end: int


_Thread = tuple[Expected, int, int]
"""What it expects, its start and its hold."""

Ends = tuple[int, int]
"""The first and the last end that were confirmed for a start."""


class PatternScanner:
    """Reads one text piece by piece. `offset` and `before` let it begin inside of a text: at that code point, behind
    that character.

    `found` is what waits to be reported, and keeps the order of confirmation: several ends of one start come as one,
    with the first and the last. If the pattern is kept `apart`, its matches are put down one by one in `matches`
    instead, for who wants to know. With `at_end`, so many characters are a match where the text ends.
    """

    __slots__ = (
        "_apart",
        "_at_end",
        "_automaton",
        "_configuration",
        "_threads",
        "found",
        "matches",
        "position",
    )

    def __init__(
        self, automaton: Automaton, *, offset: int = 0, before: str = "", apart: bool = False, at_end: int = 0
    ) -> None:
        self._automaton = automaton
        self._apart = apart
        self._at_end = at_end
        self._configuration = automaton.start(before)
        self._threads: list[Register] = []  # as the configuration counts them
        self.found: dict[tuple[int, int], Ends] = {}  # (start, part) -> ends
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

    def read(self, text: str) -> None:
        """What is found waits for `drain`."""
        classes, begin, at = self._automaton.classes, self.position, 0
        while at < len(text):
            configuration, position = self._configuration, begin + at
            try:
                for position, char in enumerate(text[at:] if at else text, begin + at):
                    configuration, moves = configuration[classes[char]]
                    if moves is not None:
                        self._move(moves, position)
            except KeyError:
                self._configuration = configuration
                at = position - begin
                at += self._trace(text[at:], position)
            else:
                self._configuration, at = configuration, len(text)
        self.position = begin + len(text)

    def _trace(self, text: str, position: int) -> int:
        """Read without looking up, until the configuration is one that has come up before, or to the end; how far."""
        automaton = self._automaton
        kinds, classes = automaton.kinds, automaton.classes
        barred = self._configuration.barred
        known = None
        threads = [(expected, *held) for expected, held in zip(self._configuration.threads, self._threads, strict=True)]
        steps = 0
        for read, char in enumerate(text, 1):
            steps += 1 + len(threads)
            kind = kinds[classes[char]]
            threads = self._moved(threads, kind, 0 if barred else kind.starting, position)
            barred = kind.barring
            position += 1
            if len(threads) <= _FEW or not read % _SELDOM:
                known = automaton.known(tuple([expected for expected, _, _ in threads]), barred)
                if known is not None:
                    break
        automaton.cells.work.done += steps
        if known is None:
            known = Configuration(automaton, tuple([expected for expected, _, _ in threads]), barred)
        self._configuration = known
        self._threads = [(start, hold) for _, start, hold in threads]
        return read

    def _moved(self, threads: list[_Thread], kind: Kind, starting: Expected, position: int) -> list[_Thread]:
        """The threads behind the character at this position."""
        follow, late, allowed = self._automaton.layout.follow, self._automaton.late, kind.allowed
        if len(threads) == 1 and not starting and not threads[0][0] & 1:  # as it is inside of a key
            expected, start, hold = threads[0]
            following = follow(expected & allowed)
            if late or not following & 1:
                return [(following, start, hold)] if following else []
        ahead = []
        for expected, start, hold in threads:
            if expected & 1 and kind.confirming:
                self._note(start, position)
                ahead.append((follow(expected & allowed), start, position))
            elif taken := expected & allowed:
                ahead.append((follow(taken), start, hold))
        if starting:
            ahead.append((starting, position, position))
        moved = []
        before = 0  # what earlier threads expect
        for following, start, hold in ahead:
            expected = following & ~before
            before |= expected
            if expected & 1 and not late:
                self._note(start, position + 1)
                if expected > 1:
                    moved.append((expected ^ 1, start, position + 1))
            elif expected:
                moved.append((expected, start, hold))
        return moved

    def end(self) -> None:
        """The text ends here."""
        for expected, (start, hold) in zip(self._configuration.threads, self._threads, strict=True):
            if expected & 1 or (self._at_end and hold < self.position and self.position - start >= self._at_end):
                self._note(start, self.position)
        self._threads = []
        self._configuration = self._automaton.configuration((), self._configuration.barred)

    def drain(self) -> dict[tuple[int, int], Ends]:
        """What was found since the last time, by (start, part)."""
        found, self.found = self.found, {}
        return found

    def fork(self) -> PatternScanner:
        """Another scanner that has read the same text."""
        other = PatternScanner.__new__(PatternScanner)
        other._automaton, other._apart, other._at_end = self._automaton, self._apart, self._at_end
        other._configuration, other._threads, other.position = self._configuration, [*self._threads], self.position
        other.found, other.matches = {**self.found}, [*self.matches]
        return other

    def stands_like(self, other: object, alike: int) -> bool:
        """Whether both will find the same in whatever comes: they expect the same, from the same starts. None of these
        lies before the last `alike` characters, which are the same in both texts.
        """
        if not isinstance(other, PatternScanner):
            return False
        mine, others = self._configuration, other._configuration
        if (mine.threads, mine.barred) != (others.threads, others.barred):
            return False
        if self._threads and self.position - min(self._threads)[0] > alike:
            return False
        if self.position == other.position:
            return self._threads == other._threads
        ahead = self.position - other.position
        return self._threads == [(start + ahead, hold + ahead) for start, hold in other._threads]

    def threads(self) -> list[Register]:
        """Start and hold of the live threads, earliest start first."""
        return self._threads

    def open_from(self) -> int:
        """The earliest start of a live thread; the position if there is none."""
        return min(self._threads)[0] if self._threads else self.position

    def _move(self, moves: Moves, position: int) -> None:
        confirmed, accepted, survivors, new, reached = moves
        threads = self._threads
        for thread in confirmed:
            self._note(threads[thread][0], position)
        for thread in accepted:
            start = position if thread == NEW else threads[thread][0]
            self._note(start, position + 1)
        threads = [*survivors(threads), *((position, position),) * new]
        for thread, behind in reached:
            threads[thread] = (threads[thread][0], position + behind)
        self._threads = threads

    def _note(self, start: int, end: int) -> None:
        if self._apart:
            self.matches.append(Match(start, end))
        else:
            known = self.found.get((start, PART))
            self.found[start, PART] = (known[0] if known else end, end)
