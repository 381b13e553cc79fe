"""The patterns that are followed apart from all others, and only where the lookout has seen them begin.

Nearly every part of a set is a unit by itself: its automaton is small, and two patterns that go on at the same time
cost two steps per character instead of an automaton in which they multiply. A checked part runs in its automaton,
and what is found is tried again from every start (`guardproxy.match.checked`); a block has its start there, and its end
beside it (`guardproxy.match.blocks`).

Numbers are one unit, all in one machine. Their patterns are many, alike, and match wherever digits stand in groups, so
each start is followed by itself (`guardproxy.match.starts`). Everything that is checked and begins with a character few
words of ordinary text begin with goes there too, because it is checked from every start in any case.

What a unit runs on is made when it is woken for the first time, which most units never are.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Final, Protocol

from guardproxy.match.automaton import Automaton
from guardproxy.match.blocks import BlockTracker, Search
from guardproxy.match.cells import Cells
from guardproxy.match.charset import DIGITS, SPACE, CharSet
from guardproxy.match.checked import CheckedTracker
from guardproxy.match.parts import MOST_CHECKED, Part
from guardproxy.match.pattern_scanner import PatternScanner
from guardproxy.match.starts import StartMachine
from guardproxy.match.starts_scanner import StartsScanner
from guardproxy.match.tracker import Tracker
from guardproxy.match.tracking_scanner import TrackingScanner
from guardproxy.match.tree import UNBOUNDED, first_characters, longest

UnitScanner = PatternScanner | TrackingScanner | StartsScanner

_COMMON: Final = SPACE | CharSet.of((ord(letter), ord(letter)) for letter in string.ascii_lowercase)


class Unit(Protocol):
    """`parts`: their numbers in the set. `endless`: matches, or blocks, have no longest length. `at_end`: the beginning
    of a match may be one where the text ends.
    """

    parts: Sequence[int]
    endless: bool
    at_end: bool

    @property
    def built(self) -> int:
        """The work done so far that could not be looked up."""

    def scanner(self, offset: int, before: str) -> UnitScanner:
        """A fresh scanner from `offset` on, behind the character `before`. It names parts by their place in `parts`."""


class PartUnit:
    """A part by itself."""

    def __init__(self, number: int, part: Part, cells: Cells, free_checks: int) -> None:
        self.parts: Sequence[int] = (number,)
        self.endless = bool(part.end) or longest(part.program.tree) == UNBOUNDED
        self.at_end = part.at_end > 0
        self._part = part
        self._cells = cells
        self._free_checks = free_checks
        self._machines: list[Automaton | StartMachine] = []

    @property
    def built(self) -> int:
        return sum(machine.built for machine in self._machines)

    def scanner(self, offset: int, before: str) -> UnitScanner:
        make = self._tracker
        scanner = PatternScanner(
            self._automaton,
            offset=offset,
            before=before,
            apart=make is not None,
            at_end=self._part.at_end,
        )
        return TrackingScanner(scanner, make, self._reach, before) if make else scanner

    @cached_property
    def _automaton(self) -> Automaton:
        automaton = Automaton(self._part.program, self._cells.work)
        self._machines.append(automaton)
        return automaton

    @cached_property
    def _reach(self) -> int:
        return 1 + (longest(self._part.program.tree) if self._part.check else 0)

    @cached_property
    def _tracker(self) -> Callable[[], Tracker] | None:
        program, check, end = self._part.program, self._part.check, self._part.end
        if check:
            machine = StartMachine([program], cells=self._cells)
            self._machines.append(machine)
            return partial(CheckedTracker, machine, (0,), (check,), self._free_checks)
        if end:
            return partial(BlockTracker, Search(end, self._cells.work), self._part.most, 0)
        return None


class NumbersUnit:
    """All parts for numbers."""

    endless = at_end = False

    def __init__(self, numbers: Sequence[int], parts: Sequence[Part], cells: Cells, free_checks: int) -> None:
        self.parts: Sequence[int] = numbers
        self._machine = StartMachine([part.program for part in parts], cells=cells)
        self._tracker = partial(
            CheckedTracker, self._machine, range(len(parts)), [part.check for part in parts], free_checks
        )
        self._reach = 1 + max(longest(part.program.tree) for part in parts)

    @property
    def built(self) -> int:
        return self._machine.built

    def scanner(self, offset: int, before: str) -> UnitScanner:
        return StartsScanner(self._tracker(), self._reach, offset=offset, before=before)


def units_of(parts: Sequence[Part], cells: Cells, free_checks: int) -> list[Unit]:
    numbers = [number for number, part in enumerate(parts) if _is_number(part)]
    others = sorted({*range(len(parts))}.difference(numbers))
    units: list[Unit] = [PartUnit(number, parts[number], cells, free_checks) for number in others]
    if numbers:
        units.append(NumbersUnit(numbers, [parts[number] for number in numbers], cells, free_checks))
    return units


def _is_number(part: Part) -> bool:
    first = first_characters(part.program.tree)
    if part.end or part.at_end or longest(part.program.tree) > MOST_CHECKED or first & _COMMON:
        return False
    return bool(part.check or first & DIGITS)
