"""A scanner of a text as it is matched, in offsets of the text as written.

Around any scanner: it reads the view, this one speaks of the source. What the view drops needs care in a stream. A
match that has been reported may still grow, and then covers what was dropped behind it so far; so directly behind such
a match dropped characters wait for the next one that is not. Dropped characters in front of a character that is held
go out: no match begins with them.

What is remembered of the source reaches back to what the inner scanner still holds, and to the beginning of a match
that may still grow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from typing import Self

from guardproxy.match.scanner import MeteredScanner, Span
from guardproxy.match.view import SourceMap, fold_onto

Reading = Callable[[SourceMap, str], str]
"""Reads the next piece of a source and notes where its characters stand: `fold_onto`, `reveal_onto`."""


Growing = Mapping[tuple[int, str], int]
"""By (start, rule): the end of a span that was reported and may still grow."""


def still_growing(known: Growing, found: Iterable[Span], safe: int) -> Growing:
    """Those of the known spans, and of the ones just found, that reach `safe`: nothing else can grow any more."""
    ends = dict(known)
    for start, end, rule in found:
        ends[start, rule] = max(end, ends.get((start, rule), 0))
    return {span: end for span, end in ends.items() if end >= safe}


class ViewScanner:
    """Reads a source piece by piece; see `guardproxy.match.scanner.Scanner`. `scanner` is not used elsewhere.

    The promise of the inner scanner about spans that grow holds for this one. It may begin inside of a source: `source`
    says where, and what `scanner` has read before it; `growing` is what was reported of that.
    """

    __slots__ = ("_ascii_length", "_growing", "_map", "_reading", "_safe", "_scanner", "_shift", "_stays")

    def __init__(
        self,
        scanner: MeteredScanner,
        reading: Reading = fold_onto,
        source: SourceMap | None = None,
        growing: Growing | None = None,
    ) -> None:
        self._scanner = scanner
        self._reading = reading
        self._map = SourceMap() if source is None else source
        self._stays = reading is fold_onto  # whether ASCII stays as it is
        # As long as all that matters stands equally far behind its offset in the view, ASCII needs no map.
        self._shift = self._map.shift
        self._ascii_length = 0  # of source that the map does not know of yet
        self._growing: Growing = growing or {}  # in offsets of the view
        self._safe = 0

    @property
    def work(self) -> int:
        """The steps of work so far."""
        return self._scanner.work

    @property
    def safe(self) -> int:
        return self._safe if self._shift is None else self._scanner.safe + self._shift

    @property
    def breaks(self) -> int:
        """How many places of the source are remembered."""
        return self._map.breaks

    @property
    def growing(self) -> bool:
        """Whether something that was reported may still grow."""
        return bool(self._growing)

    @property
    def known_from(self) -> int:
        """No span that is reported from now on begins before."""
        if not self._growing:
            return self.safe
        start = min(start for start, _ in self._growing)
        return self._map.source_start(start) if self._shift is None else start + self._shift

    def feed(self, text: str) -> Sequence[Span]:
        if self._shift is not None and self._stays and text.isascii():
            self._ascii_length += len(text)
            return self._feed_shifted(text)
        self._map.keep(self._ascii_length)
        self._ascii_length = 0
        read = self._reading(self._map, text)
        if self._shift is not None and self._shift == self._map.shift:
            return self._feed_shifted(read)
        return self._feed_mapped(read)

    def finish(self) -> Sequence[Span]:
        spans = self._in_source(self._scanner.finish())
        self._map.keep(self._ascii_length)
        self._safe = self._map.written
        self._shift = None
        return spans

    def fork(self) -> Self:
        """Another scanner that has read the same source."""
        return self.reading_for(self._scanner.fork(), self._reading)

    def reading_for(self, scanner: MeteredScanner, reading: Reading) -> Self:
        """The same for a scanner and a reading that are copies already."""
        other = copy(self)
        other._scanner, other._reading, other._map = scanner, reading, self._map.fork()
        return other

    def _feed_shifted(self, read: str) -> Sequence[Span]:
        spans = self._scanner.feed(read)
        if not spans:
            return spans
        self._watch(spans)
        return self._in_source(spans)

    def _feed_mapped(self, read: str) -> Sequence[Span]:
        spans = self._scanner.feed(read) if read else ()
        self._watch(spans)
        self._shift = None
        found = self._in_source(spans)
        self._settle()
        return found

    def _in_source(self, spans: Sequence[Span]) -> Sequence[Span]:
        match self._shift:
            case 0:
                return spans
            case None:
                return list(map(self._map.to_source, spans))
            case shift:
                return [Span(start + shift, end + shift, rule) for start, end, rule in spans]

    def _watch(self, spans: Sequence[Span]) -> None:
        """Keep the spans that may still grow."""
        if spans or self._growing:
            self._growing = still_growing(self._growing, spans, self._scanner.safe)

    def _settle(self) -> None:
        """Say how far the source is decided, and forget what will not be asked for any more."""
        safe = self._scanner.safe
        self._safe = self._map.source_start(safe)
        if safe in self._growing.values():
            self._safe = min(self._safe, self._map.source_end(safe))
        # One before: the character whose end a growing match has reached.
        self._map.forget(min(safe - 1, min((start for start, _ in self._growing), default=safe)))
        self._shift = self._map.shift
