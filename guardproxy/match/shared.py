"""What all scanners of a pattern set share: the lookouts, the units, and what is known of each part.

What can begin anywhere, also inside of a word, is looked out for apart from what begins at words: together they would
be as many sights as there are beginnings of words times what their ends can begin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from guardproxy.match.cells import Cells
from guardproxy.match.edges import apart
from guardproxy.match.heads import Headed, Heads
from guardproxy.match.lookout import Lookout
from guardproxy.match.parts import Part
from guardproxy.match.pattern_scanner import Ends
from guardproxy.match.scanner import Span
from guardproxy.match.units import Unit, units_of
from guardproxy.match.work import Work

Found = Mapping[tuple[int, int], Ends]
"""By (start, part): the first and the last end that were confirmed."""


class Shared(NamedTuple):
    """Part k is reported as `rules[k]`, `late[k]` if a match of it waits for the character behind it.

    `unit_of[k]` follows part k. Bit sets of units: `endless`, whose matches, or blocks, have no longest length;
    `at_end`, of which the beginning of a match may be one where the text ends.
    """

    at_words: Lookout
    anywhere: Lookout
    units: Sequence[Unit]
    work: Work
    rules: Sequence[str]
    late: Sequence[bool]
    unit_of: Sequence[int]
    endless: int
    at_end: int

    def in_order(self, found: Found) -> list[Span]:
        """As spans, in the order of confirmation (`guardproxy.match.set_scanner`)."""
        late, rules = self.late, self.rules

        def confirmed(span: tuple[int, int]) -> tuple[int, int, int]:
            start, part = span
            return 2 * found[span][0] - (not late[part]), start, part

        return [Span(start, found[start, part][1], rules[part]) for start, part in sorted(found, key=confirmed)]


def shared_by(parts: Sequence[Part], cells: int, free_checks: int) -> Shared:
    """What the scanners of a set of these parts share; see `guardproxy.match.pattern_set.PatternSet`."""
    # What is many and cheap is forgotten apart from what it is made of, and heads, of which all else in the lookouts is
    # made, have room for all that the shipped packs have: to make them anew costs more than anything else here.
    work = Work()
    sights, heads, others = (Cells(cells * share // 11, work) for share in (5, 4, 2))
    units = units_of(parts, others, free_checks)
    unit_of = {number: place for place, unit in enumerate(units) for number in unit.parts}
    headed = [Headed(part.program, unit_of[number]) for number, part in enumerate(parts)]
    at_words = [one for one in headed if apart(one.program.not_before)]
    anywhere = [one for one in headed if not apart(one.program.not_before)]
    return Shared(
        Lookout(Heads(at_words, heads), sights),
        Lookout(Heads(anywhere, heads), sights),
        units,
        work,
        rules=[part.rule for part in parts],
        late=[bool(part.program.not_after) for part in parts],
        unit_of=[unit_of[number] for number in range(len(parts))],
        endless=sum(1 << place for place, unit in enumerate(units) if unit.endless),
        at_end=sum(1 << place for place, unit in enumerate(units) if unit.at_end),
    )


def units_in(bits: int) -> list[int]:
    """The members of a bit set of units."""
    found = []
    while bits:
        lowest = bits & -bits
        found.append(lowest.bit_length() - 1)
        bits ^= lowest
    return found
