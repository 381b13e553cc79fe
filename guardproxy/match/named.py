"""Reading a whole text only for what a search has named, and only where: units, each in windows of its own.

A search that is quicker than to read (`guardproxy.match.native`) tells the places where matches of each pattern may
end. A match has a known number of characters at most, and none that its pattern has nowhere; so its unit has to read no
more than what lies between there and such an end, and no other unit has to read it. Nothing looks out for what may
begin.

The result is that of reading everything, for the reason why windows are enough for a set
(`guardproxy.match.prefilter`): what a thread from outside of a window could change in it would be a match of its own,
with a window that shares characters with this one, and such windows are one. That holds for each unit by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Final

from guardproxy.match.charset import CharSet
from guardproxy.match.layout import character_sets
from guardproxy.match.pattern_scanner import Ends as MatchEnds
from guardproxy.match.prefilter import merged
from guardproxy.match.regions import Window
from guardproxy.match.run_search import one_of
from guardproxy.match.scanner import Span
from guardproxy.match.set_scanner import MOVES, NOTING, WAKING
from guardproxy.match.shared import Shared
from guardproxy.match.tree import Program, first_matches, longest
from guardproxy.match.units import Unit, UnitScanner

Ends = Iterable[tuple[int, int]]
"""(part, offset): a match of the part may end here, or one character before."""

Known = Callable[[int, int], bool]
"""Whether all that matches in this part of a text, with its neighbours, is known already."""

_FIRST_PIECE: Final = 64  # behind a window
_PIECE: Final = 4096

_Steps = Generator[None, None, None]


class Reach:
    """How far before its end a match of a program can begin."""

    __slots__ = ("_longest", "_outside")

    def __init__(self, program: Program) -> None:
        tree = first_matches(program.tree)
        self._longest = longest(tree)
        allowed = CharSet.of(interval for chars in set(character_sets(tree)) for interval in chars.intervals)
        outside = ~allowed
        # The last character that is in no match: `.*` goes to the end, and comes back to there.
        self._outside = re.compile(f".*{one_of(outside)}", re.DOTALL) if outside else None

    def begin(self, text: str, end: int) -> int:
        """No match that ends here, or one character before, begins earlier."""
        least = max(end - self._longest - 1, 0)
        found = self._outside.match(text, least, max(end - 1, least)) if self._outside else None
        return least if found is None else found.end()


def windows_of(
    ends: Ends, shared: Shared, reaches: Sequence[Reach], text: str, known: Known | None = None
) -> Mapping[int, Sequence[Window]]:
    """Where each unit has to read a text. `reaches[k]`: of part k. What is `known` is left out, but for units whose
    matches may go on behind it.
    """
    by_part: dict[int, list[int]] = {}
    for part, end in ends:
        by_part.setdefault(part, []).append(end)
    found: dict[int, list[Window]] = {}
    for part, places in by_part.items():
        windows, reach = found.setdefault(shared.unit_of[part], []), reaches[part]
        windows += [(reach.begin(text, end), min(end + 1, len(text))) for end in places]
    where = {unit: merged(windows) for unit, windows in found.items()}
    if known is None:
        return where
    return {
        unit: windows if shared.endless >> unit & 1 else [window for window in windows if not known(*window)]
        for unit, windows in where.items()
    }


class Reading:
    """One text, read unit by unit. `read` stops after each piece; what was found is in `spans` then."""

    def __init__(self, shared: Shared, text: str) -> None:
        self._shared = shared
        self._text = text
        self._found: dict[tuple[int, int], MatchEnds] = {}
        self._found_at_end: dict[tuple[int, int], MatchEnds] = {}

    def spans(self) -> list[Span]:
        """In the order in which reading everything finds them."""
        return self._shared.in_order(self._found) + self._shared.in_order(self._found_at_end)

    def read(self, unit: int, windows: Sequence[Window]) -> _Steps:
        """Read for one unit."""
        one = self._shared.units[unit]
        scanner: UnitScanner | None = None
        for begin, end in windows:
            if scanner is None or scanner.position < begin:
                if scanner is not None:
                    self._collect(one, scanner, self._found)
                self._shared.work.done += WAKING
                scanner = one.scanner(begin, self._text[begin - 1] if begin else "")
            while scanner.position < end:
                self._go_on(scanner, min(scanner.position + _PIECE, end))
                yield
            size = _FIRST_PIECE
            while one.endless and scanner.open_from() < end and scanner.position < len(self._text):
                self._go_on(scanner, scanner.position + size)
                size = min(2 * size, _PIECE)
                yield
        if scanner is not None:
            self._collect(one, scanner, self._found)
            if scanner.position == len(self._text):
                scanner.end()
                self._collect(one, scanner, self._found_at_end)

    def _go_on(self, scanner: UnitScanner, end: int) -> None:
        piece = self._text[scanner.position : end]
        self._shared.work.done += len(piece) // MOVES
        scanner.read(piece)

    def _collect(self, unit: Unit, scanner: UnitScanner, into: dict[tuple[int, int], MatchEnds]) -> None:
        found = scanner.drain()
        self._shared.work.done += NOTING * len(found)
        for (start, local), ends in found.items():
            into[start, unit.parts[local]] = ends
