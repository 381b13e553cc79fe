"""Many patterns, looked for together: `scanner()` reads a stream, `scan()` a whole text, both in the same way.

Which rule names a text that several have found is decided by the text and the order of the rules alone: the one whose
match starts first; of those the one whose match is confirmed first; of those the first of the set. A reader follows
it by taking spans by their start and, where starts are equal, in the order in which they come.
"""

from __future__ import annotations

import string
from collections.abc import Generator, Iterator, Sequence
from typing import Final

from guardproxy.match.cells import DEFAULT_CELLS
from guardproxy.match.checked import FREE_CHECKS
from guardproxy.match.cut_off import with_cut_off
from guardproxy.match.named import Ends, Known, Reach, Reading, windows_of
from guardproxy.match.native import NativeSearch, native_search
from guardproxy.match.parts import Block, Part, Pattern, parts_of
from guardproxy.match.prefilter import Prefilter, merged
from guardproxy.match.regions import Window
from guardproxy.match.requirements import requirements_of
from guardproxy.match.scanner import Span
from guardproxy.match.set_scanner import SetScanner
from guardproxy.match.shared import shared_by
from guardproxy.match.tree import Program

__all__ = ["ASKED", "MUCH", "SLICE", "Block", "Pattern", "PatternSet"]

SLICE: Final = 16_384
"""Characters that are read at a stretch, some 10 ms of ordinary text."""

ASKED: Final = 65_536
"""Characters that are asked about at a stretch, some 2 ms of ordinary text."""

MUCH: Final = 20_000
"""Steps of work that are done at a stretch, some 10 ms."""

_FIRST_SLICE: Final = 64
_LARGEST_SLICE: Final = 4096

# So many patterns require something nearly everywhere in a text full of what numbers and links are written with, and to
# look for it costs more than to read the text.
_MANY: Final = 64
_DENSE: Final = 0.12
_MARKS: Final = f"{string.digits}@:/=".encode()


class PatternSet:
    """Looks for all matches of all patterns. Raises `PatternSyntaxError` for a pattern outside of the language.

    The spans found for a pattern cover exactly what the union of all its matches covers: for every end of a match,
    the match that begins first. `cells` caps what is remembered of texts (`guardproxy.match.cells`), `free_checks` what
    may be checked of a run of matches (`guardproxy.match.checked`); so many characters are `asked` about at a stretch.
    """

    def __init__(
        self,
        patterns: Sequence[Pattern | Block],
        *,
        cells: int = DEFAULT_CELLS,
        free_checks: int = FREE_CHECKS,
        asked: int = ASKED,
    ) -> None:
        parts = [(part, pattern.cased) for pattern in patterns for part in parts_of(pattern)]
        self._shared = shared_by([part for part, _ in parts], cells, free_checks)
        self._many = len(parts) > _MANY
        programs = [(_candidates(part), cased) for part, cased in parts]
        self._prefilter = Prefilter(
            requirement for program, cased in programs for requirement in requirements_of(program, ignore_case=cased)
        )
        # A part of a text that is asked about overlaps the next one, so that each match lies in one of them, with the
        # characters beside it.
        self._overlap = self._prefilter.longest + 2
        self._step = max(asked, 4 * self._overlap)
        self._programs = tuple(program for program, _ in programs)
        self._reaches: Sequence[Reach] = ()
        self._native: NativeSearch | None = None

    def accelerate(self) -> None:
        """Pass over clean text with a native library from now on, if there is one; preparing it takes seconds.

        May be called in another thread than what looks for the patterns meanwhile. It changes nothing that is found.
        """
        if self._native is None and (search := native_search(self._programs)) is not None:
            self._reaches = [*map(Reach, self._programs)]
            self._native = search

    @property
    def accelerated(self) -> bool:
        return self._native is not None

    @property
    def transitions_built(self) -> int:
        """The work done so far that could not be looked up."""
        shared = self._shared
        return shared.at_words.built + shared.anywhere.built + sum(unit.built for unit in shared.units)

    @property
    def work(self) -> int:
        """The steps of work that all texts have cost so far (`guardproxy.match.work`)."""
        return self._shared.work.done

    def may_match(self, text: str) -> bool:
        """False only if nothing can match in the text, nor in a part of it that is cut out where no letter stands."""
        if self._native is not None and self._native.excludes(text):
            return False
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

    def scan_in_steps(
        self, text: str, windows: Sequence[Window] | None = None, known: Known | None = None
    ) -> Generator[None, None, list[Span]]:
        """`scan` that stops after each `SLICE` characters of a long text, while it asks where to read in a longer one,
        and in any text after so much work. `windows`: where, if that was asked before. What lies in parts of the text
        that are `known` may be left out.
        """
        if windows is None:
            if (named := (yield from self._named_in_steps(text))) is not None:
                return (yield from self._read_named_in_steps(text, named, known))
            windows = yield from self.windows_in_steps(text)
        found: list[Span] = []
        scanner: SetScanner | None = None
        for begin, end in windows:
            if scanner is None or scanner.position < begin:
                if scanner is not None:
                    found += scanner.take()
                scanner = self.scanner(offset=begin, before=text[begin - 1] if begin else "")
            while scanner.position < end:
                before = scanner.work
                scanner.read(text[scanner.position : min(scanner.position + SLICE, end)], most=MUCH)
                if len(text) > SLICE or scanner.work - before >= MUCH:
                    yield
            if self._shared.endless:
                yield from self._read_on(scanner, text, end)
        if scanner is not None:
            found += scanner.take()
            if scanner.position == len(text):
                found += scanner.finish()
        return found

    def windows_in_steps(self, text: str) -> Generator[None, None, Sequence[Window]]:
        """Where matches can be, asked of one part of a long text after the other."""
        found: list[Window] = []
        for begin, asked in self._parts_of(text):
            found += [(begin + first, begin + last) for first, last in self._windows_in(asked)]
            if len(text) > len(asked):
                yield
        return merged(found)

    def _parts_of(self, text: str) -> Iterator[tuple[int, str]]:
        """What is asked about at a stretch, with its offset: every match lies in one of them, with its neighbours."""
        for begin in range(0, max(len(text) - self._overlap, 1), self._step):
            yield begin, text[begin : begin + self._step + self._overlap]

    def _named_in_steps(self, text: str) -> Generator[None, None, Sequence[tuple[int, int]] | None]:
        """Where matches of which part may end, if there is a quick answer."""
        found: list[tuple[int, int]] = []
        for begin, asked in self._parts_of(text):
            ends = None if self._native is None else self._native.ends_in(asked)
            if ends is None:
                return None
            found += [(part, begin + end) for part, end in ends] if begin else ends
            if len(text) > len(asked):
                yield
        return found

    def _read_named_in_steps(self, text: str, ends: Ends, known: Known | None) -> Generator[None, None, list[Span]]:
        reading, work = Reading(self._shared, text), self._shared.work
        before = work.done
        for unit, windows in windows_of(ends, self._shared, self._reaches, text, known).items():
            for _ in reading.read(unit, windows):
                if work.done - before >= MUCH:
                    yield
                    before = work.done
        return reading.spans()

    def _windows_in(self, text: str) -> Sequence[Window]:
        if self._many and len(text) > _FIRST_SLICE:
            unmarked = text.encode("ascii", "replace").translate(None, _MARKS)
            if len(text) - len(unmarked) > _DENSE * len(text):
                return [(0, len(text))]
        return self._prefilter.windows(text)

    def _read_on(self, scanner: SetScanner, text: str, end: int) -> Generator[None, None, None]:
        """A window is as wide as a match before it may be over. What goes on behind the window is read to its end."""
        size = _FIRST_SLICE
        while scanner.position < len(text) and scanner.open_from() < end:
            before = scanner.work
            scanner.read(text[scanner.position : scanner.position + size], most=MUCH)
            size = min(2 * size, _LARGEST_SLICE)
            if size == _LARGEST_SLICE or scanner.work - before >= MUCH:
                yield

    def scanner(self, *, offset: int = 0, before: str = "") -> SetScanner:
        """A fresh scanner for a text that arrives in pieces; or from `offset` on, behind the character `before`."""
        return SetScanner(self._shared, offset=offset, before=before)


def _candidates(part: Part) -> Program:
    """All that may be reported of a part is a match of this."""
    return with_cut_off(part.program, part.at_end) if part.at_end else part.program
