"""The scanner of a pattern set: a lookout that reads every character, and the few units that are awake.

The lookout (`guardproxy.match.lookout`) says what may have begun. As soon as one of the patterns has read enough or
has matched, its *unit* (`guardproxy.match.units`) is woken: it reads the text again from the earliest start that may
still be one of its own, and on from there. It sleeps again when nothing in it is alive; then there is nothing the
lookout does not see. So text in which nothing begins costs one look-up per character however many patterns there are,
and what is found, and up to where text is sure, is what the units would say if they had read everything.

Spans come in the order of confirmation, and that is a function of the text: by the character that confirmed the first
end of a span (a match that had to wait for what follows it comes before one that ends with that character), then by
start, then by the order of the set.
"""

from __future__ import annotations

from copy import copy
from operator import length_hint
from typing import Final, Self

from guardproxy.match.heads import DEPTH
from guardproxy.match.pattern_scanner import Ends
from guardproxy.match.scanner import Span
from guardproxy.match.shared import Shared, units_in
from guardproxy.match.tree import UNBOUNDED
from guardproxy.match.units import UnitScanner

_AT_A_STRETCH: Final = 4096  # characters
_TAIL: Final = DEPTH + 1  # no start in sight is older
_AWAKE: Final = 32  # characters that are read before it is asked who sleeps again

# Steps of work: to wake a unit, to let it read a piece, and for so many characters of that; to note a span.
_WAKING: Final = 6
_STEPS: Final = 2
_MOVES: Final = 4
_NOTING: Final = 2


class SetScanner:
    """Reads one text piece by piece; see `guardproxy.match.scanner.Scanner`.

    Several ends of one start that are confirmed by the same piece come as one span, with the last end.
    `offset` and `before` let it begin inside of a text: at that code point, behind that character.
    """

    __slots__ = (
        "_anywhere",
        "_asleep",
        "_at_words",
        "_awake",
        "_found",
        "_shared",
        "_tail",
        "_work",
        "position",
        "work",
    )

    def __init__(self, shared: Shared, *, offset: int = 0, before: str = "") -> None:
        self._shared = shared
        self._at_words, self._anywhere = shared.at_words.start(before), shared.anywhere.start(before)
        self._tail = before  # the last characters: from the one before the first start that is alive
        self._awake: dict[int, UnitScanner] = {}
        self._asleep = -1  # all units but those, as a bit set
        self._found: dict[tuple[int, int], Ends] = {}  # (start, part) -> ends
        self.position = offset
        self._work = shared.work
        self.work = 0  # steps that this text has cost so far

    @property
    def done(self) -> int:
        """The steps of work that all texts of the set have cost so far."""
        return self._shared.work.done

    @property
    def safe(self) -> int:
        if not self._awake:
            at_words, anywhere = self._at_words.age, self._anywhere.age
            return self.position - (at_words if at_words > anywhere else anywhere)
        safe = self.position - self._age_of(self._asleep)
        return min(safe, *(scanner.safe for scanner in self._awake.values()))

    def feed(self, text: str) -> list[Span]:
        self.read(text)
        return self.take() if self._found else []

    def finish(self) -> list[Span]:
        self.end()
        return self.take()

    def read(self, text: str, most: int = UNBOUNDED) -> None:
        """As `feed`, but what is found waits for `take`. It stops early when so many steps of work were done."""
        work = self._work
        before = work.done
        if not self._awake and len(text) <= _AWAKE:
            at_words, anywhere = self._at_words, self._anywhere
            try:
                for char in text:
                    at_words = at_words[char]
                    anywhere = anywhere[char]
            except KeyError:
                pass  # a unit is woken
            else:
                self._at_words, self._anywhere = at_words, anywhere
                self._pass(text)
                self.work += work.done - before
                return
        for at in range(0, len(text), _AT_A_STRETCH):  # a long text costs no more memory than a long stream
            if not self._read(text[at : at + _AT_A_STRETCH], before + most):
                break
        self.work += work.done - before

    def end(self) -> None:
        """As `finish`, but what is found waits for `take`."""
        before = self._shared.work.done
        for unit in units_in(self._shared.at_end & self._asleep):
            if age := self._age_of(1 << unit):
                self._awake[unit] = self._woken(unit, "", 0, age)
        for unit, scanner in self._awake.items():
            scanner.end()
            self._collect(unit, scanner)
        self._awake = {}
        self._asleep = -1
        # No start is alive any more.
        self._at_words, self._anywhere = self._shared.at_words.start(), self._shared.anywhere.start()
        self.work += self._shared.work.done - before

    def take(self) -> list[Span]:
        """What was found since the last time, in the order of confirmation."""
        found, self._found = self._found, {}
        rules, late = self._shared.rules, self._shared.late

        def confirmed(span: tuple[int, int]) -> tuple[int, int, int]:
            start, part = span
            return 2 * found[span][0] - (not late[part]), start, part

        return [Span(start, found[start, part][1], rules[part]) for start, part in sorted(found, key=confirmed)]

    def open_from(self) -> int:
        """The earliest start of a live match, or open block, that has no longest length; the position without one."""
        endless = self._shared.endless
        earliest = self.position - self._age_of(self._asleep & endless)
        for unit, scanner in self._awake.items():
            if endless >> unit & 1:
                earliest = min(earliest, scanner.open_from())
        return earliest

    def fork(self) -> Self:
        """Another scanner that has read the same text."""
        other = copy(self)
        other._awake = {unit: scanner.fork() for unit, scanner in self._awake.items()}
        other._found = {**self._found}
        return other

    def stands_like(self, other: SetScanner, alike: int) -> bool:
        """Whether both will find the same in whatever comes: they expect the same, from the same starts. None of these
        lies before the last `alike` characters, which are the same in both texts.
        """
        if not (self._at_words.looks_like(other._at_words) and self._anywhere.looks_like(other._anywhere)):
            return False
        if max(self._at_words.age, self._anywhere.age) > alike:
            return False
        if self._awake.keys() != other._awake.keys():
            return False
        return all(scanner.stands_like(other._awake[unit], alike) for unit, scanner in self._awake.items())

    def _read(self, text: str, most: int) -> bool:
        """Read it all, or till the work done comes to so many steps; whether it was all."""
        work = self._shared.work
        at = 0
        while at < len(text) and work.done < most:
            end = min(at + _AWAKE, len(text)) if self._awake else len(text)
            stop, woken = self._look(text, at, end)
            work.done += len(self._awake) * (_STEPS + (stop - at) // _MOVES)
            for unit, scanner in [*self._awake.items()]:
                scanner.read(text[at:stop])
                self._settle(unit, scanner)
            for unit, age in woken:
                self._settle(unit, self._woken(unit, text, stop, age))
            at = stop
        self._pass(text[:at])
        return at == len(text)

    def _look(self, text: str, at: int, end: int) -> tuple[int, list[tuple[int, int]]]:
        """Read up to `end`, or till a unit wakes: where it stopped, and the (unit, age of its first start) there."""
        at_words, anywhere = self._at_words, self._anywhere
        chars = iter(text[at:end])
        while True:
            try:
                for char in chars:
                    ahead = at_words[char]
                    anywhere = anywhere[char]
                    at_words = ahead
            except KeyError:
                self._at_words, self._anywhere = at_words, anywhere
                if woken := self._work_out(char):
                    return end - length_hint(chars), woken
                at_words, anywhere = self._at_words, self._anywhere
            else:
                self._at_words, self._anywhere = at_words, anywhere
                return end, []

    def _work_out(self, char: str) -> list[tuple[int, int]]:
        """Read a character that may wake a unit: the units it does, and the age of their first start."""
        at_words, some = self._at_words.ahead(char)
        anywhere, others = self._anywhere.ahead(char)
        woken = [(unit, self._age_of(1 << unit) + 1) for unit in units_in((some | others) & self._asleep)]
        self._at_words, self._anywhere = at_words, anywhere
        return woken

    def _age_of(self, units: int) -> int:
        """The age of the first start that one of these units has; 0 if none has any."""
        return max(self._at_words.age_of(units), self._anywhere.age_of(units))

    def _woken(self, unit: int, text: str, stop: int, age: int) -> UnitScanner:
        """A scanner of the unit that has read the last characters before `stop`."""
        begin = stop - age
        offset = self.position + begin
        if begin < 1:
            text = self._tail + text[:stop]
            begin += len(self._tail)
            stop += len(self._tail)
        self._shared.work.done += _WAKING + age // _MOVES
        scanner = self._shared.units[unit].scanner(offset, text[begin - 1] if begin else "")
        scanner.read(text[begin:stop])
        return scanner

    def _settle(self, unit: int, scanner: UnitScanner) -> None:
        """Take what was found, and see whether the unit goes on or sleeps."""
        if scanner.found:
            self._collect(unit, scanner)
        if scanner.idle:
            if self._awake.pop(unit, None):
                self._asleep |= 1 << unit
        elif unit not in self._awake:
            self._awake[unit] = scanner
            self._asleep &= ~(1 << unit)

    def _collect(self, unit: int, scanner: UnitScanner) -> None:
        parts = self._shared.units[unit].parts
        found = scanner.drain()
        self._shared.work.done += _NOTING * len(found)
        for (start, local), (first, last) in found.items():
            known = self._found.get((start, parts[local]))
            self._found[start, parts[local]] = (known[0], max(known[1], last)) if known else (first, last)

    def _pass(self, text: str) -> None:
        self.position += len(text)
        self._tail = (self._tail + text)[-_TAIL:]
