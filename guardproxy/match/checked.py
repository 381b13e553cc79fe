"""Matches that count only if a check says so: every start by itself, every end of it checked.

For a pattern without a check the automaton reports for each end the match that starts first, which is enough for the
union. With a check that match may fail and one inside of it pass. So all starts are run side by side
(`guardproxy.match.starts`), and at each end the matches are checked from the first start on, until one passes: the
others lie inside of it.

A check may cost more than all the rest, and `1 2 3 4 5 ...` is a match of a card number's pattern at nearly every pair
of digits. So checks are counted. In a run of matches that overlap, passed or not, as many are made as it has
characters, and some that are free; from there on a match counts as passed. The bound depends on the text alone, so it
is the same for every way of cutting it, and it errs towards hiding. Patterns that match the same text and have the same
check share its answer.

Where a tracker begins. The automaton has seen a match end. All that was alive from an earlier or later start began no
earlier than the automaton's own live threads or the match itself, so the tracker begins at the least of these. It
ends when no start is alive.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from copy import copy
from typing import Final

from guardproxy.match.starts import Matches, StartMachine, State
from guardproxy.match.tracker import Found, Reading, Reported
from guardproxy.match.tree import UNBOUNDED

FREE_CHECKS: Final = 32

# Steps of work: so many starts move on in one, as they are looked up, and as many matches are weighed; a check takes so
# many, as most ask a library.
_MOVES: Final = 8
_CHECK: Final = 16

Check = Callable[[str], bool]


class _Run:
    """Overlapping matches of one pattern, passed or not: their bounds, and how many were checked."""

    __slots__ = ("checks", "end", "start")

    def __init__(self, start: int) -> None:
        self.start = self.end = start
        self.checks = 0


class CheckedTracker:
    """`parts[p]` and `checks[p]` belong to pattern p of the machine; None as a check passes everything."""

    __slots__ = (
        "_begin",
        "_checks",
        "_free",
        "_machine",
        "_moves",
        "_parts",
        "_position",
        "_reported",
        "_runs",
        "_settled",
        "_threads",
    )

    def __init__(self, machine: StartMachine, parts: Sequence[int], checks: Sequence[Check | None], free: int) -> None:
        self._machine = machine
        self._parts = parts
        self._checks = checks
        self._free = free
        self._position = 0
        self._moves = 0  # that were not counted as work yet: less than a step of it
        self._begin = machine.start()  # the state of a start at `_position`
        self._threads: list[tuple[int, State]] = []  # by start
        self._runs: dict[int, _Run] = {}
        self._settled: dict[int, int] = {}  # pattern -> the last end that needs no more checks
        self._reported: defaultdict[int, Reported] = defaultdict(Reported)  # by pattern

    @property
    def alive(self) -> bool:
        return bool(self._threads)

    def read(self, reading: Reading, matches: Sequence[tuple[int, int]], live: Sequence[int]) -> list[Found]:
        found: list[Found] = []
        if self._threads:
            self._run(reading, found)
        if matches:
            latest = max(start for start, _ in matches)
            for start in sorted({*(start for start, _ in matches), *live}):
                if self._position <= start <= latest and not self._threads:
                    at = start - reading.base
                    self.begin(start, reading.text[at - 1] if at else "")
                    self._run(reading, found)
        self._forget()
        return found

    def begin(self, position: int, before: str) -> None:
        """Stand at a position, behind the character `before`, with no start alive."""
        self._position = position
        self._begin = self._machine.start(before)

    def read_on(self, reading: Reading) -> list[Found]:
        """New text, of which every position is a start."""
        found: list[Found] = []
        self._run(reading, found, to_the_end=True)
        self._forget()
        return found

    def finish(self, reading: Reading) -> list[Found]:
        found: list[Found] = []
        hits = [(start, state.matched_at_end()) for start, state in self._threads]
        self._judge(hits, reading.end, reading, found)
        self._threads = []
        return found

    def _run(self, reading: Reading, found: list[Found], *, to_the_end: bool = False) -> None:
        """Read on to the end of the text, or until no start is alive."""
        machine, classes = self._machine, self._machine.classes
        begin, threads, position = self._begin, self._threads, self._position
        moves = self._moves
        hits: list[tuple[int, Matches]] = []
        for char in reading.text[position - reading.base :]:
            char_class = classes[char]
            moves += 1 + len(threads)
            moved: list[tuple[int, State]] = []
            for start, state in threads:
                following, matches = state[char_class]
                if following is not None:
                    moved.append((start, following))
                if matches:
                    hits.append((start, matches))
            following, matches = begin[char_class]
            if following is not None:
                moved.append((position, following))
            if matches:
                hits.append((position, matches))
            if hits:
                moves += self._judge(hits, position, reading, found)
                hits = []
            begin, threads = machine[char_class], moved
            position += 1
            if not threads and not to_the_end:
                break
        self._begin, self._threads, self._position = begin, threads, position
        machine.cells.work.done += moves // _MOVES
        self._moves = moves % _MOVES

    def _judge(self, hits: Sequence[tuple[int, Matches]], position: int, reading: Reading, found: list[Found]) -> int:
        """Matches that end before or behind the same character, earliest start first; how many were weighed."""
        settled = self._settled
        answers: dict[tuple[Check, int, int], bool] = {}
        weighed = 0
        for start, matches in hits:
            weighed += len(matches)
            for pattern, behind in matches:
                end = position + behind
                if settled.get(pattern) != end and self._passes(pattern, start, end, reading, answers):
                    settled[pattern] = end
                    self._reported[pattern].add(start, end)
                    found.append(Found(start, end, self._parts[pattern]))
        self._machine.cells.work.done += _CHECK * len(answers)
        return weighed

    def _passes(
        self, pattern: int, start: int, end: int, reading: Reading, answers: dict[tuple[Check, int, int], bool]
    ) -> bool:
        """Whether a match passes its check; `answers` are known, and are added to."""
        check = self._checks[pattern]
        if check is None:
            return True
        run = self._runs.get(pattern)
        if run is None or start >= run.end:
            run = self._runs[pattern] = _Run(start)
        elif start < run.start:
            run.start = start
        run.end = end
        run.checks += 1
        if run.checks > self._free + end - run.start:
            return True
        match = check, start, end
        if (known := answers.get(match)) is None:
            known = answers[match] = check(reading.text[start - reading.base : end - reading.base])
        return known

    def _forget(self) -> None:
        """What no live start lies in."""
        if not self._threads:
            self._reported.clear()
            self._runs.clear()
        for reported in self._reported.values():
            reported.forget_before(self._threads[0][0])

    def fork(self) -> CheckedTracker:
        other = copy(self)
        other._threads, other._settled = [*self._threads], {**self._settled}
        other._runs = {pattern: copy(run) for pattern, run in self._runs.items()}
        other._reported = defaultdict(Reported, {pattern: known.fork() for pattern, known in self._reported.items()})
        return other

    def hold(self, start: int, hold: int) -> int:
        return UNBOUNDED if self._threads else start

    def safe(self, position: int) -> int:
        asked = 0  # patterns, of which the earliest start decides
        for start, state in self._threads:
            if start >= position:
                break
            if state.patterns & ~asked:
                for pattern, _ in state.threads:
                    if not asked >> pattern & 1:
                        reported = self._reported.get(pattern)
                        position = min(position, reported.sure(start) if reported else start)
                asked |= state.patterns
        return position

    def open_from(self, position: int) -> int:
        return position
