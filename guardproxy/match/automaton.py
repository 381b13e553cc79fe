"""All patterns as one automaton that knows where each match began, built while it runs.

Threads. A thread is one pattern tried from one start; it *expects* a set of positions (`guardproxy.match.layout`).
Reading a character keeps the expected positions that allow it and moves on to what follows them. A position expected
by an earlier thread is dropped from a later thread of the same pattern: whatever follows, both would match up to the
same ends, and the match with the earlier start contains the other. So a pattern never has more threads than
positions. A thread that expects nothing is dead, so every thread alive can still become a match: that is what makes
holding text back minimal.

Configurations. What can happen next depends on the threads' expectations in the order of their starts and on which
patterns the last character bars from starting, not on where the starts are. So this is the state of a deterministic
automaton, and the starts are registers outside of it that a transition tells how to move (a tagged automaton, after
Laurikari 2000). A transition is worked out at first use, per class of characters, and kept; a known one costs two
look-ups, for the class and for the transition. What is kept is capped (`guardproxy.match.cells`).

A pattern that says what must not follow (`not_after`) keeps its match open as an expectation of position 0 and
confirms it at the next character; any other pattern confirms at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import itemgetter, or_
from typing import Any, Final, NamedTuple

from guardproxy.match.cells import Cells
from guardproxy.match.charset import CharClasses, CharSet
from guardproxy.match.layout import Expected, Layout, character_sets, has_matched
from guardproxy.match.tree import Program

NEW: Final = -1
"""In place of a thread's number: the thread that starts at this character."""

_MOST_CHARACTERS: Final = 1_000

Thread = tuple[int, Expected]
"""(pattern, expected positions)"""

Register = tuple[int, int]
"""What a scanner remembers of a thread: start and hold (`guardproxy.match.pattern_scanner`)."""


class Moves(NamedTuple):
    """What a character does to the threads. A thread is (number before the character or NEW, pattern).

    `confirmed` matches end before the character, `accepted` ones behind it. `survivors` takes the registers of the
    threads that go on out of those of all threads; `new` threads come after them. `reached` lists (new number, 0 or
    1) of the threads that have just matched up to before or behind the character.
    """

    confirmed: tuple[tuple[int, int], ...]
    accepted: tuple[tuple[int, int], ...]
    survivors: Callable[[list[Register]], Sequence[Register]]
    new: int
    reached: tuple[tuple[int, int], ...]


Transition = tuple["Configuration", Moves | None]
"""The next configuration, and what changes; None when every thread stays where it is and nothing matches."""


class Configuration(dict[int, Transition]):
    """A state. As a dictionary: the transitions known so far, by class; a missing one is worked out by looking it up.

    `threads`: earliest start first. `barred`: bit set of patterns that cannot start. `kept`: whether it is remembered.
    """

    __slots__ = ("_automaton", "barred", "kept", "threads")

    def __init__(self, automaton: Automaton, threads: tuple[Thread, ...], barred: int) -> None:
        super().__init__()
        self._automaton = automaton
        self.threads = threads
        self.barred = barred
        self.kept = False

    def __missing__(self, char_class: int) -> Transition:
        return self._automaton.work_out(self, char_class)


class _Kind(NamedTuple):
    """What a class of characters means: the sets it is in, the threads that can start with it, the patterns it bars
    from starting behind it, and those whose open match it confirms (bit sets).
    """

    members: int
    starting: Sequence[Thread]
    barring: int
    confirming: int


class Automaton:
    """Patterns that run together, shared by all scanners of them. `classes`: of all characters, as far as they were
    looked up. `built` counts the work done so far.
    """

    def __init__(self, programs: Sequence[Program], *, cells: Cells | None = None) -> None:
        self._programs = programs
        self.classes, self._bits = classes_of(programs)
        self._layouts = [Layout(program.tree, self._bits) for program in programs]
        self._late = [bool(program.not_after) for program in programs]
        self._edges = reduce(or_, (self._bits[p.not_before] | self._bits[p.not_after] for p in programs), 0)
        self._kinds: dict[int, _Kind] = {}  # by class of characters
        self._cells = Cells() if cells is None else cells
        self._cells.on_overflow(self._forget)
        self._begin: dict[str, Configuration] = {}
        self._moves: dict[tuple[tuple[Any, ...], ...], Moves] = {}
        self._configurations: dict[tuple[tuple[Thread, ...], int], Configuration] = {}
        self.built = 0

    def start(self, before: str = "") -> Configuration:
        """Where a scanner begins: behind the character `before`, or at the beginning of the text."""
        known = self._begin.get(before)
        if known is None:
            barred = self._kind(self.classes[before]).barring if before else 0
            known = self._begin[before] = self._configuration((), barred)
        return known

    def matches_at_end(self, configuration: Configuration) -> list[tuple[int, int]]:
        """The (thread, pattern) whose open match is confirmed by the text ending here."""
        return [(i, p) for i, (p, expected) in enumerate(configuration.threads) if has_matched(expected)]

    def work_out(self, configuration: Configuration, char_class: int) -> Transition:
        """The transition of a configuration for a class it does not know yet; mostly it knows it from now on."""
        transition = self._build(configuration, self._kinds.get(char_class) or self._kind(char_class))
        if configuration.kept and transition[0].kept:
            configuration[char_class] = transition
            self._cells.take(1)
        return transition

    def _build(self, configuration: Configuration, kind: _Kind) -> Transition:
        self.built += 1
        step = _Step(self._late)
        layouts, members = self._layouts, kind.members
        confirmed = []
        for number, (pattern, expected) in enumerate(configuration.threads):
            matched = has_matched(expected) and bool(kind.confirming >> pattern & 1)
            if matched:
                confirmed.append((number, pattern))
            if expected := layouts[pattern].advance(expected, members):
                step.advance(number, pattern, expected, matched)
        for pattern, expected in kind.starting:
            if not configuration.barred >> pattern & 1:
                step.advance(NEW, pattern, expected, False)
        following = self._configuration(tuple(step.threads), kind.barring)
        if not confirmed and not step.accepted and step.kept == [*range(len(configuration.threads))]:
            return following, None
        return following, self._moves_of(tuple(confirmed), tuple(step.accepted), tuple(step.kept), tuple(step.reached))

    def _moves_of(self, *told: tuple[Any, ...]) -> Moves:
        """There are few different ones."""
        moves = self._moves.get(told)
        if moves is None:
            confirmed, accepted, kept, reached = told
            survivors = _taking([number for number in kept if number != NEW])
            moves = self._moves[told] = Moves(confirmed, accepted, survivors, kept.count(NEW), reached)
            self._cells.take(2 + len(kept))
        return moves

    def _kind(self, char_class: int) -> _Kind:
        kind = self._kinds.get(char_class)
        if kind is None:
            members = self.classes.members[char_class]
            kind = self._kinds[char_class] = _Kind(
                members,
                [
                    (pattern, expected)
                    for pattern, layout in enumerate(self._layouts)
                    if (expected := layout.advance(layout.first, members))
                ],
                _bit_set(bool(self._bits[program.not_before] & members) for program in self._programs),
                _bit_set(not self._bits[program.not_after] & members for program in self._programs),
            )
        return kind

    def _configuration(self, threads: tuple[Thread, ...], barred: int) -> Configuration:
        known = self._configurations.get((threads, barred))
        if known is None:
            known = Configuration(self, threads, barred)
            if self._cells.keeps((threads, barred)):
                known.kept = True
                self._configurations[threads, barred] = known
                self._cells.take(5 + 2 * len(threads))
        return known

    def _forget(self) -> None:
        """Scanners keep their configuration and go on from it."""
        for configuration in self._configurations.values():
            configuration.clear()
            configuration.kept = False
        self._configurations.clear()
        self._begin.clear()
        self._moves.clear()


class _Step:
    """Collects what becomes of the threads at one character, earliest start first."""

    __slots__ = ("_expected_before", "_late", "accepted", "kept", "reached", "threads")

    def __init__(self, late: Sequence[bool]) -> None:
        self._late = late
        self._expected_before: dict[int, Expected] = {}
        self.threads: list[Thread] = []
        self.accepted: list[tuple[int, int]] = []
        self.kept: list[int] = []
        self.reached: list[tuple[int, int]] = []

    def advance(self, number: int, pattern: int, expected: Expected, confirmed: bool) -> None:
        """Take a thread that expects this behind the character."""
        earlier = self._expected_before.get(pattern, 0)
        expected &= ~earlier
        self._expected_before[pattern] = earlier | expected
        accepted = has_matched(expected) and not self._late[pattern]
        if accepted:
            self.accepted.append((number, pattern))
            expected ^= 1
        if expected:
            if accepted or confirmed:
                self.reached.append((len(self.kept), int(accepted)))
            self.kept.append(number)
            self.threads.append((pattern, expected))


class Classes(dict[str, int]):
    """The class of a character, as far as it was looked up. `members`: the sets that each class lies in (bit sets)."""

    def __init__(self, classes: CharClasses) -> None:
        super().__init__()
        self._classes = classes
        self.members = classes.members

    def __missing__(self, char: str) -> int:
        if len(self) > _MOST_CHARACTERS:
            self.clear()
        found = self[char] = self._classes.class_of(char)
        return found


def classes_of(programs: Sequence[Program]) -> tuple[Classes, dict[CharSet, int]]:
    """The classes of characters that programs tell apart, and the bit of each set."""
    sets = dict.fromkeys(charset for program in programs for charset in (program.not_before, program.not_after))
    sets.update(dict.fromkeys(charset for program in programs for charset in character_sets(program.tree)))
    return Classes(CharClasses(list(sets))), {charset: 1 << number for number, charset in enumerate(sets)}


def _taking(numbers: Sequence[int]) -> Callable[[list[Register]], Sequence[Register]]:
    """A function that takes these items of a list. Mostly they are neighbours, and a slice costs the same for all."""
    first = numbers[0] if numbers else 0
    if list(numbers) == list(range(first, first + len(numbers))):
        return itemgetter(slice(first, first + len(numbers)))
    return itemgetter(*numbers)


def _bit_set(flags: Iterable[bool]) -> int:
    return sum(1 << i for i, flag in enumerate(flags) if flag)
