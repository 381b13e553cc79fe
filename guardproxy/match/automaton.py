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
Laurikari 2000). A transition is worked out at first use, per class of characters, and kept in a dictionary by
character; a known character costs one look-up. The number of kept cells is capped: over the cap everything is
forgotten and worked out again, which costs time and never changes a result.

A pattern that says what must not follow (`not_after`) keeps its match open as an expectation of position 0 and
confirms it at the next character; any other pattern confirms at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Final, NamedTuple

from guardproxy.match.charset import CharClasses
from guardproxy.match.layout import MATCHED, Layout
from guardproxy.match.tree import Program

NEW: Final = -1
"""In place of a thread's number: the thread that starts at this character."""

# A cell is a kept transition or a thread of a kept configuration: 100 to 200 bytes, 20 MB at worst.
DEFAULT_CELLS: Final = 100_000


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


class Configuration(dict[str, Transition]):
    """A state. As a dictionary: the transitions known so far; a missing one is worked out by looking it up.

    `threads`: (pattern, expected positions), earliest start first. `barred`: bit set of patterns that cannot start.
    """

    __slots__ = ("_automaton", "barred", "by_class", "threads")

    def __init__(self, automaton: Automaton, threads: tuple[tuple[int, int], ...], barred: int) -> None:
        super().__init__()
        self._automaton = automaton
        self.threads = threads
        self.barred = barred
        self.by_class: dict[int, Transition] = {}

    def __missing__(self, char: str) -> Transition:
        return self._automaton.work_out(self, char)


class Automaton:
    """The patterns of a set, shared by all scanners of it. `transitions_built` counts the work done so far."""

    def __init__(self, programs: Sequence[Program], *, cells: int = DEFAULT_CELLS) -> None:
        layouts = [Layout(program.tree) for program in programs]
        boundaries = [s for program in programs for s in (program.not_before, program.not_after)]
        sets = list(dict.fromkeys([*boundaries, *(s for layout in layouts for s in layout.allowed)]))
        bits = {charset: 1 << i for i, charset in enumerate(sets)}
        self._classes = CharClasses(sets)
        members = self._classes.members
        self._follow = [layout.follow for layout in layouts]
        self._late = [bool(program.not_after) for program in programs]
        # By class of characters: the positions of each pattern that allow it; the patterns that can start with it,
        # at which positions; the patterns it bars from starting behind it; the patterns whose open match it confirms.
        self._allowing = [[layout.allowing(m, bits) for layout in layouts] for m in members]
        self._starting = [
            [(p, layout.first & allowing[p]) for p, layout in enumerate(layouts) if layout.first & allowing[p]]
            for allowing in self._allowing
        ]
        self._barring = [_bit_set(bool(bits[p.not_before] & m) for p in programs) for m in members]
        self._confirming = [_bit_set(not bits[p.not_after] & m for p in programs) for m in members]
        self._most_cells = cells
        self._cells = 0
        self._configurations: dict[tuple[tuple[tuple[int, int], ...], int], Configuration] = {}
        self.transitions_built = 0

    def start(self, before: str = "") -> Configuration:
        """Where a scanner begins: behind the character `before`, or at the beginning of the text."""
        barred = self._barring[self._classes.class_of(before)] if before else 0
        return self._configuration((), barred)

    def matches_at_end(self, configuration: Configuration) -> list[tuple[int, int]]:
        """The (thread, pattern) whose open match is confirmed by the text ending here."""
        return [(i, p) for i, (p, expected) in enumerate(configuration.threads) if expected & MATCHED]

    def work_out(self, configuration: Configuration, char: str) -> Transition:
        """The transition of a configuration for a character it does not know yet; from now on it knows it."""
        char_class = self._classes.class_of(char)
        transition = configuration.by_class.get(char_class)
        if transition is None:
            transition = configuration.by_class[char_class] = self._build(configuration, char_class)
        configuration[char] = transition
        self._account(1)
        return transition

    def _build(self, configuration: Configuration, char_class: int) -> Transition:
        self.transitions_built += 1
        step = _Step(self._follow, self._late)
        allowing, confirming = self._allowing[char_class], self._confirming[char_class]
        confirmed = []
        for number, (pattern, expected) in enumerate(configuration.threads):
            matched = bool(expected & MATCHED and confirming >> pattern & 1)
            if matched:
                confirmed.append((number, pattern))
            step.advance(number, pattern, expected & allowing[pattern], matched)
        for pattern, hit in self._starting[char_class]:
            if not configuration.barred >> pattern & 1:
                step.advance(NEW, pattern, hit, False)
        following = self._configuration(tuple(step.threads), self._barring[char_class])
        unmoved = step.kept == list(range(len(configuration.threads)))
        if unmoved and not confirmed and not step.accepted:
            return following, None
        self._account(len(step.kept))
        survivors = _taking([number for number in step.kept if number != NEW])
        return following, Moves(
            tuple(confirmed), tuple(step.accepted), survivors, step.kept.count(NEW), tuple(step.reached)
        )

    def _configuration(self, threads: tuple[tuple[int, int], ...], barred: int) -> Configuration:
        known = self._configurations.get((threads, barred))
        if known is None:
            self._account(1 + len(threads))
            known = self._configurations[threads, barred] = Configuration(self, threads, barred)
        return known

    def _account(self, cells: int) -> None:
        """Count cells; over the cap, forget every transition. Scanners keep their configuration and go on from it."""
        self._cells += cells
        if self._cells > self._most_cells:
            for configuration in self._configurations.values():
                configuration.clear()
                configuration.by_class.clear()
            self._configurations.clear()
            self._cells = 0


class _Step:
    """Collects what becomes of the threads at one character, earliest start first."""

    def __init__(self, follow: Sequence[Sequence[int]], late: Sequence[bool]) -> None:
        self._follow = follow
        self._late = late
        self._expected_before: dict[int, int] = {}
        self.threads: list[tuple[int, int]] = []
        self.accepted: list[tuple[int, int]] = []
        self.kept: list[int] = []
        self.reached: list[tuple[int, int]] = []

    def advance(self, number: int, pattern: int, hit: int, confirmed: bool) -> None:
        """Move one thread over the character that its positions `hit` allow."""
        follow = self._follow[pattern]
        expected = 0
        while hit:
            lowest = hit & -hit
            expected |= follow[lowest.bit_length() - 1]
            hit ^= lowest
        earlier = self._expected_before.get(pattern, 0)
        expected &= ~earlier
        self._expected_before[pattern] = earlier | expected
        accepted = bool(expected & MATCHED) and not self._late[pattern]
        if accepted:
            self.accepted.append((number, pattern))
            expected ^= MATCHED
        if expected:
            if accepted or confirmed:
                self.reached.append((len(self.kept), int(accepted)))
            self.kept.append(number)
            self.threads.append((pattern, expected))


def _taking(numbers: Sequence[int]) -> Callable[[list[Register]], Sequence[Register]]:
    """A function that takes these items of a list. Mostly they are neighbours, and a slice costs the same for all."""
    first = numbers[0] if numbers else 0
    if list(numbers) == list(range(first, first + len(numbers))):
        return itemgetter(slice(first, first + len(numbers)))
    return itemgetter(*numbers)


def _bit_set(flags: Iterable[bool]) -> int:
    return sum(1 << i for i, flag in enumerate(flags) if flag)
