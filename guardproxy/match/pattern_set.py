"""Many patterns, looked for together: `scanner()` reads a stream, `scan()` a whole text, both with one automaton.

Which rule names a text that several have found is decided by the text and the order of the rules alone: the one whose
match starts first; of those the one whose match is confirmed first; of those the first of the set. A reader follows
it by taking spans by their start and, where starts are equal, in the order in which they come.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Final

from guardproxy.match.automaton import DEFAULT_CELLS, Automaton
from guardproxy.match.checked import FREE_CHECKS
from guardproxy.match.cut_off import with_cut_off
from guardproxy.match.parts import Block, Part, Pattern, parts_of
from guardproxy.match.pattern_scanner import PatternScanner
from guardproxy.match.prefilter import Prefilter
from guardproxy.match.requirements import requirements_of
from guardproxy.match.routing import routes_of
from guardproxy.match.scanner import Span
from guardproxy.match.tracking_scanner import TrackingScanner
from guardproxy.match.tree import Program

__all__ = ["SLICE", "Block", "Pattern", "PatternSet"]

SLICE: Final = 16_384
"""Characters that are read at a stretch, some 10 ms of ordinary text."""

_FIRST_SLICE: Final = 64
_LARGEST_SLICE: Final = 4096


class PatternSet:
    """Looks for all matches of all patterns. Raises `PatternSyntaxError` for a pattern outside of the language.

    The spans found for a pattern cover exactly what the union of all its matches covers: for every end of a match,
    the match that begins first. `cells` caps what the automaton remembers, `free_checks` what may be checked of a run
    of matches (`guardproxy.match.checked`).
    """

    def __init__(
        self, patterns: Sequence[Pattern | Block], *, cells: int = DEFAULT_CELLS, free_checks: int = FREE_CHECKS
    ) -> None:
        parts = [(part, pattern.ignore_case) for pattern in patterns for part in parts_of(pattern)]
        self._rules = tuple(part.rule for part, _ in parts)
        self._routes = routes_of([part for part, _ in parts], cells, free_checks)
        self._automaton = Automaton(self._routes.programs, cells=cells)
        self._prefilter = Prefilter(
            requirement
            for part, cased in parts
            for requirement in requirements_of(_candidates(part), ignore_case=cased)
        )

    @property
    def transitions_built(self) -> int:
        """The work the automaton has done so far that it could not look up."""
        return self._automaton.transitions_built + sum(machine.steps_built for machine in self._routes.machines)

    def may_match(self, text: str) -> bool:
        """False only if nothing can match in the text, nor in a part of it that is cut out where no letter stands."""
        return self._prefilter.may_match(text)

    def scan(self, text: str) -> list[Span]:
        """All spans of a whole text: those of `scanner()`, in the same order."""
        steps = self.scan_in_steps(text)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                found: list[Span] = end.value
                return found

    def scan_in_steps(self, text: str) -> Generator[None, None, list[Span]]:
        """`scan` that stops after each `SLICE` characters of a long text."""
        found: list[Span] = []
        scanner: PatternScanner | TrackingScanner | None = None
        for begin, end in self._prefilter.windows(text):
            if scanner is None or scanner.position < begin:
                if scanner is not None:
                    found += scanner.take()
                scanner = self.scanner(offset=begin, before=text[begin - 1] if begin else "")
            while scanner.position < end:
                scanner.read(text[scanner.position : min(scanner.position + SLICE, end)])
                if len(text) > SLICE:
                    yield
            if self._routes.endless:
                yield from self._read_on(scanner, text, end)
        if scanner is not None:
            found += scanner.take()
            if scanner.position == len(text):
                found += scanner.finish()
        return found

    def _read_on(self, scanner: PatternScanner | TrackingScanner, text: str, end: int) -> Generator[None, None, None]:
        """A window is as wide as a match before it may be over. What goes on behind the window is read to its end."""
        size = _FIRST_SLICE
        while scanner.position < len(text) and scanner.open_from(self._routes.endless) < end:
            scanner.read(text[scanner.position : scanner.position + size])
            size = min(2 * size, _LARGEST_SLICE)
            if size == _LARGEST_SLICE:
                yield

    def scanner(self, *, offset: int = 0, before: str = "") -> PatternScanner | TrackingScanner:
        """A fresh scanner for a text that arrives in pieces; or from `offset` on, behind the character `before`."""
        following, at_end = self._routes.following, self._routes.at_end
        if not following.trackers:
            return PatternScanner(self._automaton, self._rules, offset=offset, before=before, at_end=at_end)
        apart = following.trackers
        scanner = PatternScanner(self._automaton, self._rules, offset=offset, before=before, apart=apart, at_end=at_end)
        return TrackingScanner(scanner, following, before)


def _candidates(part: Part) -> Program:
    """All that may be reported of a part is a match of this."""
    return with_cut_off(part.program, part.at_end) if part.at_end else part.program
