"""The scanner of one pattern: what all threads expect as one set, and whose each position of it is.

The thread of a rigid position began so many characters ago (`guardproxy.match.rigid`). The threads of loose positions
are written down where an exit leads to them, and stay true while the positions are shifted: they are kept by the number
of the position less the place in the text. The positions a match can begin with are always expected, unless the last
character bars a start.

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
from copy import copy
from typing import Final, NamedTuple

from guardproxy.match.automaton import Automaton
from guardproxy.match.layout import Expected
from guardproxy.match.rigid import numbers

PART: Final = 0
"""There is one pattern: what is found is told as a match of part 0."""

_MOST_DEAD: Final = 64
_MANY: Final = 16
# Steps of work: to see whose something is that goes on (one for what has matched), and one for so many positions.
_STEPS: Final = 2
_POSITIONS: Final = 4


class Match(NamedTuple):
    """`[start, end)` matches the pattern."""

    start: int
    end: int


Ends = tuple[int, int]
"""The first and the last end that were confirmed for a start."""
Thread = tuple[int, int]
"""Its start and its hold."""


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
        "_entered",
        "_expected",
        "_first",
        "_holds",
        "_most_known",
        "_pending",
        "_starts",
        "_sure",
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
        self._expected: Expected = automaton.start(before)
        self._entered = 0  # loose positions, the last time
        self._pending = 0  # the exits that the last character was taken at
        self._starts: dict[int, int] = {}  # of threads, by loose position; also where nothing is expected any more
        self._holds: dict[int, int] = {}  # by start, where it has matched; also of some that are dead
        self._most_known = _MOST_DEAD
        self._first = -1  # no thread alive has an earlier start
        self._sure: int | None = None  # the least hold, if somebody asked since the last character
        self.found: dict[tuple[int, int], Ends] = {}  # (start, part) -> ends
        self.matches: list[Match] = []
        self.position = offset

    @property
    def idle(self) -> bool:
        """Whether nothing is alive."""
        return not (self._pending or self._expected & ~self._automaton.rigid.first)

    @property
    def safe(self) -> int:
        earliest = self.open_from()
        if earliest not in self._holds:
            return earliest
        if self._sure is None:
            self._sure = min(hold for _, hold in self.threads())
        return self._sure

    def read(self, text: str) -> None:
        """What is found waits for `drain`."""
        automaton = self._automaton
        kinds, staying, begin = automaton.kinds, automaton.exits.staying, self.position
        expected, pending = self._expected, self._pending
        moves = 0
        for position, char in enumerate(text, begin):
            chained, exiting, special, entering, fresh, accepting, wanted = kinds[char]
            if taken := pending & entering:
                expected = self._enter(self._starts, expected, taken, wanted, position)
                moves += _STEPS + (taken.bit_count() + self._entered) // _POSITIONS
            pending = expected & exiting
            if taken := expected & special:
                expected = (expected & chained) << 1 | taken & staying | fresh
                if taken := taken & accepting:
                    moves += 1 + taken.bit_count() // _POSITIONS
                    self._match(self._earliest(taken, position), position + 1)
            else:
                expected = (expected & chained) << 1 | fresh
        self._expected, self._pending, self._sure = expected, pending, None
        self.position = end = begin + len(text)
        automaton.work.done += moves + (end * automaton.weight >> 2) - (begin * automaton.weight >> 2)
        if self._starts or self._holds:
            self._forget()

    def _enter(
        self, starts: dict[int, int], expected: Expected, pending: int, wanted: Expected, position: int
    ) -> Expected:
        """What is expected at this position, with what is wanted of where the exits lead to that were taken before; and
        put down whose it is.
        """
        automaton = self._automaton
        exits, size = automaton.exits, automaton.size
        ways = []
        self._entered = 0
        while pending:
            places, leads_to, chains = exits.of(pending.bit_length() - 1)
            ways.append((self._earliest(pending & places, position - 1, chains), leads_to & wanted))
            pending &= ~places
        if len(ways) > 1:
            ways.sort()
        for start, onward in ways:
            if onward & wanted & 1:
                self._match(start, position)
                wanted ^= 1
            new = onward & ~expected
            expected |= new
            loose = onward & automaton.loose
            self._entered += loose.bit_count()
            while loose:
                one = loose & -loose
                loose ^= one
                number = one.bit_length() - 1
                key = size + number if one & exits.staying else number - position
                if one & new or start < starts[key]:
                    starts[key] = start
        return expected & ~1

    def _earliest(self, positions: Expected, position: int, chains: Sequence[int] | None = None) -> int:
        """The first start of the threads that these positions belong to, as they are expected at this position."""
        automaton = self._automaton
        loose = positions & automaton.loose
        earliest = position
        if loose != positions:
            earliest -= automaton.rigid.greatest(positions, chains)
        if not loose:
            return earliest
        if loose & (loose - 1):
            return min(earliest, self._earliest_loose(loose, position))
        return min(earliest, self._starts[self._key(loose.bit_length() - 1, position)])

    def _earliest_loose(self, loose: Expected, position: int) -> int:
        starts, size, staying = self._starts, self._automaton.size, self._automaton.exits.staying
        stays, moves = loose & staying, loose & ~staying
        earliest = position
        if 2 * loose.bit_count() < len(starts):
            for number in numbers(stays):
                earliest = min(earliest, starts[size + number])
            while moves:  # the farthest of a row mostly began first
                number = moves.bit_length() - 1
                moves ^= 1 << number
                if starts[number - position] < earliest:
                    earliest = starts[number - position]
                    if earliest == self._first:
                        break
            return earliest
        for key, start in starts.items():  # mostly the first of them began first
            if start < earliest and (stays >> key - size if key >= size else moves >> key + position) & 1:
                earliest = start
        return earliest

    def _key(self, number: int, position: int) -> int:
        """Where the start for a loose position is kept while it is shifted, or stays."""
        automaton = self._automaton
        return automaton.size + number if automaton.exits.staying >> number & 1 else number - position

    def _settled(self) -> tuple[Expected, dict[int, int]]:
        """What is expected, and whose it is, with all that is pending; but for what is open (`_opened`)."""
        if not self._pending:
            return self._expected, self._starts
        starts = {**self._starts}
        return self._enter(starts, self._expected, self._pending, ~1, self.position), starts

    def end(self) -> None:
        """The text ends here."""
        opened = self._opened()
        for start, hold in self.threads():
            cut_off = self._at_end and hold < self.position and self.position - start >= self._at_end
            if cut_off or start == opened:
                self._note(start, self.position)
        self._expected &= self._automaton.rigid.first
        self._pending = 0
        self._starts, self._holds = {}, {}

    def drain(self) -> dict[tuple[int, int], Ends]:
        """What was found since the last time, by (start, part)."""
        found, self.found = self.found, {}
        return found

    def fork(self) -> PatternScanner:
        """Another scanner that has read the same text."""
        other = copy(self)
        other._starts, other._holds = {**self._starts}, {**self._holds}
        other.found, other.matches = {**self.found}, [*self.matches]
        return other

    def stands_like(self, other: object, alike: int) -> bool:
        """Whether both will find the same in whatever comes: they expect the same, from the same starts. None of these
        lies before the last `alike` characters, which are the same in both texts.
        """
        if not isinstance(other, PatternScanner) or self.position - self.open_from() > alike:
            return False
        return self._standing() == other._standing()

    def _standing(self) -> tuple[object, ...]:
        """What comes depends on this alone; starts and holds as distances."""
        position = self.position
        expected, known = self._settled()
        starts = [position - known[self._key(number, position)] for number in numbers(expected & self._automaton.loose)]
        threads = [(position - start, position - hold) for start, hold in self.threads()]
        opened = self._opened()
        return expected, starts, threads, None if opened is None else position - opened

    def threads(self) -> list[Thread]:
        """Start and hold of the live threads, earliest start first."""
        automaton, position, holds = self._automaton, self.position, self._holds
        rigid, loose = automaton.rigid, automaton.loose
        expected, known = self._settled()
        starts = {known[self._key(number, position)] for number in numbers(expected & loose)}
        starts.update(position - distance for distance in rigid.distances(expected & rigid.positions & ~rigid.first))
        if (opened := self._opened()) is not None:
            starts.add(opened)
        return [(start, holds.get(start, start)) for start in sorted(starts)]

    def open_from(self) -> int:
        """The earliest start of a live thread; the position if there is none."""
        earliest = self._earliest(self._expected, self.position)
        # What goes on to the next position, or stays, is expected there.
        if left := self._pending & ~self._automaton.exits.going_on:
            return min(earliest, self._earliest(left, self.position - 1))
        return earliest

    def _opened(self) -> int | None:
        """The start of a match that the next character or the end of the text may confirm."""
        ending = self._pending & self._automaton.exits.ending if self._automaton.late else 0
        return self._earliest(ending, self.position - 1) if ending else None

    def _forget(self) -> None:
        """What is dead, if that is much; and see what the first start is, if there are many."""
        if self.idle:
            self._starts, self._holds = {}, {}
        elif len(self._starts) + len(self._holds) > self._most_known:
            loose = self._automaton.loose
            alive = {self._key(number, self.position) for number in numbers(self._expected & loose)}
            alive.update(self._key(number, self.position - 1) for number in numbers(self._pending & loose))
            self._starts = {key: self._starts[key] for key in alive}
            if self._holds:
                self._holds = {start: hold for start, hold in self.threads() if hold > start}
            self._most_known = 2 * (len(self._starts) + len(self._holds)) + _MOST_DEAD
        if len(self._starts) > _MANY:
            self._first = self.open_from()

    def _match(self, start: int, end: int) -> None:
        self._holds[start] = end
        self._note(start, end)

    def _note(self, start: int, end: int) -> None:
        if self._apart:
            self.matches.append(Match(start, end))
        else:
            known = self.found.get((start, PART))
            self.found[start, PART] = (known[0] if known else end, end)
