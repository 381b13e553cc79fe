"""Many patterns tried from one start at a time: an automaton per start, of which a scanner runs several side by side.

The automaton of all patterns (`guardproxy.match.automaton`) has the starts of all live threads in its state. For text
that could be many numbers at once (`1 23 4 567 8-9`) there are as many states as ways to cut the last digits into
groups, so each character would be worked out anew. Seen from one start there are few states: how many digits were
read, and what came last. So patterns for numbers are run here, one look-up for each start that can still match; and so
are patterns whose matches are checked, because there a match that begins later must be known as well.

A state is what the patterns expect from one start. Steps are worked out at first use, per class of characters, and
kept; what is kept is capped (`guardproxy.match.cells`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from guardproxy.match.automaton import classes_of
from guardproxy.match.cells import Cells
from guardproxy.match.layout import Expected, Layout, has_matched
from guardproxy.match.tree import Program

_STEPS: Final = 6  # of work, that a step of a state takes, and one for each of its threads

Thread = tuple[int, Expected]
"""(pattern, expected positions)"""

Matches = tuple[tuple[int, int], ...]
"""(pattern, 0 or 1): the pattern matches from the start up to before or behind a character."""

Step = tuple["State | None", Matches]
"""What a character leads to: None when nothing can match any more."""


class State(dict[int, Step]):
    """What is expected from one start. As a dictionary: the steps by class; a missing one is worked out. `kept`:
    whether it is remembered. `patterns`: those that can match, as bits.
    """

    __slots__ = ("_machine", "kept", "patterns", "threads")

    def __init__(self, machine: StartMachine, threads: tuple[Thread, ...]) -> None:
        super().__init__()
        self._machine = machine
        self.threads = threads
        self.patterns = sum([1 << pattern for pattern, _ in threads])
        self.kept = False

    def __missing__(self, char_class: int) -> Step:
        return self._machine.work_out(self, char_class)

    def matched_at_end(self) -> Matches:
        """The matches that are confirmed by the text ending here."""
        return tuple((pattern, 0) for pattern, expected in self.threads if has_matched(expected))


NO_CHARACTER: Final = -1
"""In place of a class of characters: the beginning of the text."""


class StartMachine(dict[int, State]):
    """Shared by all who follow its patterns. As a dictionary: the state of a start behind a character, by class; a
    missing one is worked out. `classes`: of all characters, as far as they were looked up.
    """

    def __init__(self, programs: Sequence[Program], *, cells: Cells | None = None) -> None:
        super().__init__()
        self._programs = programs
        self.classes, self._bits = classes_of(programs)
        self._layouts = [Layout(program.tree, self._bits) for program in programs]
        self._states: dict[tuple[Thread, ...], State] = {}
        self.cells = Cells() if cells is None else cells
        self.cells.on_overflow(self._forget)
        self.built = 0

    def __missing__(self, char_class: int) -> State:
        members = self.classes.members[char_class] if char_class >= 0 else 0
        barred = (bool(self._bits[program.not_before] & members) for program in self._programs)
        state = self._state(tuple((p, self._layouts[p].first) for p, bars in enumerate(barred) if not bars))
        self[char_class] = state
        self.cells.take(1)
        return state

    def start(self, before: str = "") -> State:
        """The state of a start behind a character, or at the beginning of the text."""
        return self[self.classes[before] if before else NO_CHARACTER]

    def work_out(self, state: State, char_class: int) -> Step:
        """The step of a state for a class it does not know yet; mostly it knows it from now on."""
        step = self._build(state, self.classes.members[char_class])
        if state.kept and (step[0] is None or step[0].kept):
            state[char_class] = step
            self.cells.take(1)
        return step

    def _build(self, state: State, members: int) -> Step:
        self.built += 1
        self.cells.work.done += _STEPS + len(state.threads)
        threads: list[Thread] = []
        confirmed: list[tuple[int, int]] = []
        accepted: list[tuple[int, int]] = []
        for pattern, expected in state.threads:
            not_after = self._programs[pattern].not_after
            if has_matched(expected) and not self._bits[not_after] & members:
                confirmed.append((pattern, 0))
            following = self._layouts[pattern].advance(expected, members)
            if has_matched(following) and not not_after:
                accepted.append((pattern, 1))
                following ^= 1
            if following:
                threads.append((pattern, following))
        return self._state(tuple(threads)) if threads else None, (*confirmed, *accepted)

    def _state(self, threads: tuple[Thread, ...]) -> State:
        known = self._states.get(threads)
        if known is None:
            known = State(self, threads)
            if self.cells.keeps(threads):
                known.kept = True
                self._states[threads] = known
                self.cells.take(4 + 2 * len(threads))
        return known

    def _forget(self) -> None:
        """Who stands in a state goes on from it."""
        for state in self._states.values():
            state.clear()
            state.kept = False
        self._states.clear()
        self.clear()
