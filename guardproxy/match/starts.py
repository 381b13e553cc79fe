"""Many patterns tried from one start at a time: an automaton per start, of which a scanner runs several side by side.

The automaton of all patterns (`guardproxy.match.automaton`) has the starts of all live threads in its state. For text
that could be many numbers at once (`1 23 4 567 8-9`) there are as many states as ways to cut the last digits into
groups, so each character would be worked out anew. Seen from one start there are few states: how many digits were
read, and what came last. So patterns for numbers are run here, one look-up for each start that can still match; and so
are patterns whose matches are checked, because there a match that begins later must be known as well.

A state is what the patterns expect from one start. Transitions are worked out at first use and kept by character; the
number of kept cells is capped as it is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from guardproxy.match.charset import CharClasses
from guardproxy.match.layout import MATCHED, Layout
from guardproxy.match.tree import Program

DEFAULT_CELLS: Final = 30_000

Matches = tuple[tuple[int, int], ...]
"""(pattern, 0 or 1): the pattern matches from the start up to before or behind a character."""

Step = tuple["State | None", Matches]
"""What a character leads to: None when nothing can match any more."""


class State(dict[str, Step]):
    """What is expected from one start. As a dictionary: the known steps. `threads`: (pattern, expected positions)."""

    __slots__ = ("_machine", "threads")

    def __init__(self, machine: StartMachine, threads: tuple[tuple[int, int], ...]) -> None:
        super().__init__()
        self._machine = machine
        self.threads = threads

    def __missing__(self, char: str) -> Step:
        return self._machine.work_out(self, char)

    def matched_at_end(self) -> Matches:
        """The matches that are confirmed by the text ending here."""
        return tuple((pattern, 0) for pattern, expected in self.threads if expected & MATCHED)


class StartMachine(dict[str, State]):
    """As a dictionary: the state of a start behind a character (empty at the beginning of the text)."""

    def __init__(self, programs: Sequence[Program], *, cells: int = DEFAULT_CELLS) -> None:
        super().__init__()
        self._layouts = [Layout(program.tree) for program in programs]
        self._late = [bool(program.not_after) for program in programs]
        edges = [s for program in programs for s in (program.not_before, program.not_after)]
        sets = list(dict.fromkeys([*edges, *(s for layout in self._layouts for s in layout.allowed)]))
        bits = {charset: 1 << i for i, charset in enumerate(sets)}
        self._classes = CharClasses(sets)
        members = self._classes.members
        # By class of characters, then by pattern.
        self._allowing = [[layout.allowing(m, bits) for layout in self._layouts] for m in members]
        self._barring = [[bool(bits[program.not_before] & m) for program in programs] for m in members]
        self._confirming = [[not bits[program.not_after] & m for program in programs] for m in members]
        self._states: dict[tuple[tuple[int, int], ...], State] = {}
        self._most_cells = cells
        self._cells = 0
        self.steps_built = 0

    def __missing__(self, before: str) -> State:
        barred = self._barring[self._classes.class_of(before)] if before else [False] * len(self._layouts)
        first = tuple((p, layout.first) for p, layout in enumerate(self._layouts) if not barred[p])
        state = self._state(first)
        self[before] = state
        self._account(1)
        return state

    def work_out(self, state: State, char: str) -> Step:
        """The step of a state for a character it does not know yet; from now on it knows it."""
        self.steps_built += 1
        char_class = self._classes.class_of(char)
        allowing, confirming = self._allowing[char_class], self._confirming[char_class]
        threads: list[tuple[int, int]] = []
        confirmed: list[tuple[int, int]] = []
        accepted: list[tuple[int, int]] = []
        for pattern, expected in state.threads:
            if expected & MATCHED and confirming[pattern]:
                confirmed.append((pattern, 0))
            following = self._advance(pattern, expected & allowing[pattern])
            if following & MATCHED and not self._late[pattern]:
                accepted.append((pattern, 1))
                following ^= MATCHED
            if following:
                threads.append((pattern, following))
        step = self._state(tuple(threads)) if threads else None, (*confirmed, *accepted)
        state[char] = step
        self._account(1)
        return step

    def _advance(self, pattern: int, hit: int) -> int:
        follow = self._layouts[pattern].follow
        expected = 0
        while hit:
            lowest = hit & -hit
            expected |= follow[lowest.bit_length() - 1]
            hit ^= lowest
        return expected

    def _state(self, threads: tuple[tuple[int, int], ...]) -> State:
        known = self._states.get(threads)
        if known is None:
            self._account(1 + len(threads))
            known = self._states[threads] = State(self, threads)
        return known

    def _account(self, cells: int) -> None:
        """Count cells; over the cap, forget every step. Who stands in a state goes on from it."""
        self._cells += cells
        if self._cells > self._most_cells:
            for state in self._states.values():
                state.clear()
            self._states.clear()
            self.clear()
            self._cells = 0
