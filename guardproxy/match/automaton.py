"""A pattern as an automaton that knows where each match began, built while it runs.

Threads. A thread is the pattern tried from one start; it *expects* a set of positions (`guardproxy.match.layout`).
Reading a character keeps the expected positions that allow it and moves on to what follows them. A position expected
by an earlier thread is dropped from a later one: whatever follows, both would match up to the same ends, and the match
with the earlier start contains the other. So there are never more threads than positions. A thread that expects nothing
is dead, so every thread alive can still become a match: that is what makes holding text back minimal.

Configurations. What can happen next depends on the threads' expectations in the order of their starts and on whether
the last character bars a start, not on where the starts are. So this is the state of a deterministic automaton, and the
starts are registers outside of it that a transition tells how to move (a tagged automaton, after Laurikari 2000). A
transition is worked out at first use, per class of characters, and kept; a known one costs two look-ups, for the class
and for the transition. What comes up once is not built at all (`guardproxy.match.cells`): then a scanner moves the
threads themselves, which costs more than to look up and much less than to build.

A pattern that says what must not follow (`not_after`) keeps its match open as an expectation of position 0 and
confirms it at the next character; any other pattern confirms at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

from guardproxy.match.cells import Cells
from guardproxy.match.charset import CharClasses, CharSet
from guardproxy.match.layout import Expected, Layout, character_sets, has_matched
from guardproxy.match.tree import Program

NEW: Final = -1
"""In place of a thread's number: the thread that starts at this character."""

_MOST_CHARACTERS: Final = 1_000
# Steps of work: to ask whether a transition is known for another class; to work one out, and two for each thread.
_ASKING: Final = 2
_STEPS: Final = 4

Register = tuple[int, int]
"""What a scanner remembers of a thread: start and hold (`guardproxy.match.pattern_scanner`)."""


class Moves(NamedTuple):
    """What a character does to the threads. A thread is its number before the character, or NEW.

    `confirmed` matches end before the character, `accepted` ones behind it. `survivors` takes the registers of the
    threads that go on out of those of all threads; `new` threads come after them. `reached` lists (new number, 0 or
    1) of the threads that have just matched up to before or behind the character.
    """

    confirmed: tuple[int, ...]
    accepted: tuple[int, ...]
    survivors: Callable[[list[Register]], Sequence[Register]]
    new: int
    reached: tuple[tuple[int, int], ...]


_Told = tuple[int, Expected, bool, bool]

Transition = tuple["Configuration", Moves | None]
"""The next configuration, and what changes; None when every thread stays where it is and nothing matches."""


class Configuration(dict[int, Transition]):
    """A state. As a dictionary: the transitions known so far, by class; a missing one is worked out by looking it up,
    if the state is `kept`. One that is not has none (KeyError).

    `threads`: what each expects, earliest start first. `barred`: no match can start. `told`: the transitions known so
    far, by what of a class makes a difference here.
    """

    __slots__ = ("_automaton", "barred", "kept", "threads", "told")

    def __init__(self, automaton: Automaton, threads: tuple[Expected, ...], barred: bool) -> None:
        super().__init__()
        self._automaton = automaton
        self.threads = threads
        self.barred = barred
        self.kept = False
        self.told: dict[_Told, Transition] | None = None  # most states are only passed through

    def __missing__(self, char_class: int) -> Transition:
        if not self.kept:
            raise KeyError(char_class)
        return self._automaton.work_out(self, char_class)


class Kind(NamedTuple):
    """What a class of characters means: the positions that allow it, what is expected behind a start with it, whether
    it bars starts behind it, and whether it confirms a match before it that was open.
    """

    allowed: int
    starting: Expected
    barring: bool
    confirming: bool


class Automaton:
    """A pattern, shared by all scanners of it. `classes`: of all characters, as far as they were looked up. `kinds`: by
    class. `built` counts the work done so far.
    """

    def __init__(self, program: Program, *, cells: Cells | None = None) -> None:
        self._program = program
        self.classes, self._bits = classes_of([program])
        self.layout = Layout(program.tree, self._bits)
        self.late = bool(program.not_after)
        self.kinds = _Kinds(self._kind)
        self.cells = Cells() if cells is None else cells
        self.cells.on_overflow(self._forget)
        self._moves: dict[tuple[tuple[Any, ...], ...], Moves] = {}
        self._configurations: dict[tuple[tuple[Expected, ...], bool], Configuration] = {}
        self.built = 0

    def start(self, before: str = "") -> Configuration:
        """Where a scanner begins: behind the character `before`, or at the beginning of the text."""
        return self.configuration((), self.kinds[self.classes[before]].barring if before else False)

    def configuration(self, threads: tuple[Expected, ...], barred: bool) -> Configuration:
        """The state with these threads, earliest start first."""
        known = self.known(threads, barred)
        return Configuration(self, threads, barred) if known is None else known

    def known(self, threads: tuple[Expected, ...], barred: bool) -> Configuration | None:
        """The same if it is kept, or will be from now on, because it has come up before."""
        known = self._configurations.get((threads, barred))
        if known is None and self.cells.keeps_again((threads, barred)):
            known = self._configurations[threads, barred] = Configuration(self, threads, barred)
            known.kept = True
            self.cells.take(5 + 2 * len(threads))
        return known

    def work_out(self, configuration: Configuration, char_class: int) -> Transition:
        """The transition of a configuration for a class it does not know yet; mostly it knows it from now on."""
        kind = self.kinds[char_class]
        threads = configuration.threads
        expected = 0
        for thread in threads:
            expected |= thread
        # Most classes that a state tells apart lead to the same, as all letters and digits do inside of a key.
        starting = 0 if configuration.barred else kind.starting
        told = expected & kind.allowed, starting, kind.barring, has_matched(expected) and kind.confirming
        self.cells.work.done += _ASKING
        transition = None if configuration.told is None else configuration.told.get(told)
        if transition is None:
            transition = self._build(configuration, kind)
        if configuration.kept and transition[0].kept:
            if configuration.told is None:
                configuration.told = {}
            configuration[char_class] = configuration.told[told] = transition
            self.cells.take(1)
        return transition

    def _build(self, configuration: Configuration, kind: Kind) -> Transition:
        self.built += 1
        self.cells.work.done += _STEPS + 2 * len(configuration.threads)
        step = _Step(self.late)
        follow = self.layout.follow
        confirmed = []
        for number, expected in enumerate(configuration.threads):
            matched = kind.confirming and has_matched(expected)
            if matched:
                confirmed.append(number)
            if taken := expected & kind.allowed:
                step.advance(number, follow(taken), matched)
        if kind.starting and not configuration.barred:
            step.advance(NEW, kind.starting, False)
        following = self.configuration(tuple(step.threads), kind.barring)
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
            self.cells.take(2 + len(kept))
        return moves

    def _kind(self, char_class: int) -> Kind:
        members = self.classes.members[char_class]
        return Kind(
            self.layout.allowing(members),
            self.layout.advance(self.layout.first, members),
            bool(self._bits[self._program.not_before] & members),
            not self._bits[self._program.not_after] & members,
        )

    def _forget(self) -> None:
        """Scanners keep their configuration and go on from it."""
        for configuration in self._configurations.values():
            configuration.clear()
            configuration.told = None
            configuration.kept = False
        self._configurations.clear()
        self._moves.clear()


class _Kinds(dict[int, Kind]):
    """By class of characters; there are few."""

    def __init__(self, kind_of: Callable[[int], Kind]) -> None:
        super().__init__()
        self._kind_of = kind_of

    def __missing__(self, char_class: int) -> Kind:
        kind = self[char_class] = self._kind_of(char_class)
        return kind


class _Step:
    """Collects what becomes of the threads at one character, earliest start first."""

    __slots__ = ("_expected_before", "_late", "accepted", "kept", "reached", "threads")

    def __init__(self, late: bool) -> None:
        self._late = late
        self._expected_before: Expected = 0
        self.threads: list[Expected] = []
        self.accepted: list[int] = []
        self.kept: list[int] = []
        self.reached: list[tuple[int, int]] = []

    def advance(self, number: int, expected: Expected, confirmed: bool) -> None:
        """Take a thread that expects this behind the character."""
        expected &= ~self._expected_before
        self._expected_before |= expected
        accepted = has_matched(expected) and not self._late
        if accepted:
            self.accepted.append(number)
            expected ^= 1
        if expected:
            if accepted or confirmed:
                self.reached.append((len(self.kept), int(accepted)))
            self.kept.append(number)
            self.threads.append(expected)


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
