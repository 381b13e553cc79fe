"""Which part of a set runs where.

Most run in the automaton and are reported as it finds them. A checked one runs there too, and what is found is tried
again from every start (`guardproxy.match.checked`). A block has its start there, and its end beside it
(`guardproxy.match.blocks`).

Numbers run beside it altogether, all in one machine. Their patterns are many, alike, and match wherever digits stand in
groups, and in one automaton they multiply (`guardproxy.match.starts`). The automaton only says where one can start:
behind a character that does not bar it, at one that few words of ordinary text begin with. Everything with that
property and a check goes there too, because it is checked from every start in any case.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from functools import partial, reduce
from operator import and_, or_
from typing import Final, NamedTuple

from guardproxy.match.automaton import Automaton
from guardproxy.match.blocks import BlockTracker
from guardproxy.match.charset import DIGITS, SPACE, CharSet
from guardproxy.match.checked import CheckedTracker
from guardproxy.match.parts import MOST_CHECKED, Part
from guardproxy.match.starts import DEFAULT_CELLS, StartMachine
from guardproxy.match.tracker import Tracker
from guardproxy.match.tracking_scanner import Following
from guardproxy.match.tree import UNBOUNDED, Chars, Program, first_characters, longest

_COMMON: Final = SPACE | CharSet.of((ord(letter), ord(letter)) for letter in string.ascii_lowercase)
_END_CELLS: Final = 2_000


class Routes(NamedTuple):
    """`programs` of the automaton; what of them is followed; the ones whose matches, or blocks, have no longest
    length; and of which so many characters are enough at the end of the text.
    """

    programs: list[Program]
    following: Following
    endless: frozenset[int]
    machines: list[StartMachine]
    at_end: dict[int, int]


def routes_of(parts: Sequence[Part], cells: int, free_checks: int) -> Routes:
    """Where the parts run. Nothing that is made here keeps more than `cells` cells, or checks more freely."""
    beside = [k for k, part in enumerate(parts) if _runs_beside(part)]
    inside = [k for k in range(len(parts)) if k not in set(beside)]
    programs = [parts[k].program for k in inside]
    trackers: dict[int, Callable[[], Tracker]] = {}
    machines: list[StartMachine] = []
    checked = [(p, [k]) for p, k in enumerate(inside) if parts[k].check]
    if beside:
        checked.append((len(programs), beside))
        programs.append(_any_start([parts[k].program for k in beside]))
    for p, numbers in checked:
        machine = StartMachine([parts[k].program for k in numbers], cells=min(cells, DEFAULT_CELLS))
        machines.append(machine)
        trackers[p] = partial(CheckedTracker, machine, numbers, [parts[k].check for k in numbers], free_checks)
    for p, k in enumerate(inside):
        if (end := parts[k].end) is not None:
            ends = Automaton([end], cells=min(cells, _END_CELLS))
            trackers[p] = partial(BlockTracker, ends, parts[k].most, k)
    following = Following(
        rules=[part.rule for part in parts],
        late=[bool(part.program.not_after) for part in parts],
        part_of=inside,
        trackers=trackers,
        reach=1 + max((longest(parts[k].program.tree) for _, numbers in checked for k in numbers), default=0),
    )
    endless = (p for p, k in enumerate(inside) if parts[k].end or longest(parts[k].program.tree) == UNBOUNDED)
    at_end = {p: parts[k].at_end for p, k in enumerate(inside) if parts[k].at_end}
    return Routes(programs, following, frozenset(endless), machines, at_end)


def _runs_beside(part: Part) -> bool:
    first = first_characters(part.program.tree)
    if part.end or part.at_end or longest(part.program.tree) > MOST_CHECKED or first & _COMMON:
        return False
    return bool(part.check or first & DIGITS)


def _any_start(programs: Sequence[Program]) -> Program:
    """One character, where any of the programs may start."""
    first = reduce(or_, (first_characters(program.tree) for program in programs))
    barred = reduce(and_, (program.not_before for program in programs))
    return Program(Chars(first), barred, CharSet(()))
