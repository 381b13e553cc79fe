"""A scanner of the hidden texts of a stream, one after the other, in offsets of the text as written.

`guardproxy.match.hidden_text` says what a hidden text is. While one is open, what it spells goes to a scanner of its
own; between two of them nothing waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Self

from guardproxy.match.hidden_text import MOST_BETWEEN, hidden_runs, reveal_onto
from guardproxy.match.scanner import MeteredScanner, Span
from guardproxy.match.view import SourceMap
from guardproxy.match.view_scanner import ViewScanner


class HiddenScanner:
    """Reads a source from `offset` on; see `guardproxy.match.scanner.Scanner`. `begin` makes a fresh scanner."""

    __slots__ = ("_begin", "_between", "_open", "_position")

    def __init__(self, begin: Callable[[], MeteredScanner], offset: int = 0) -> None:
        self._begin = begin
        self._position = offset
        self._open: ViewScanner | None = None
        self._between = 0  # other characters since the last one that spelled something

    @property
    def safe(self) -> int:
        return self._position if self._open is None else self._open.safe

    @property
    def open(self) -> bool:
        """Whether a hidden text has begun and is not over."""
        return self._open is not None

    def feed(self, text: str) -> Sequence[Span]:
        spans: list[Span] = []
        at = 0
        for start, end in hidden_runs(text):
            spans += self._pass(text[at:start])
            if self._open is None:
                self._open = ViewScanner(self._begin(), reveal_onto, SourceMap(self._position))
            spans += self._open.feed(text[start:end])
            self._position += end - start
            self._between = 0
            at = end
        spans += self._pass(text[at:])
        return spans

    def finish(self) -> Sequence[Span]:
        spans = self._open.finish() if self._open is not None else ()
        self._open = None
        return spans

    def fork(self) -> Self:
        """Another scanner that has read the same source."""
        other = copy(self)
        other._open = None if self._open is None else self._open.fork()
        return other

    def _pass(self, text: str) -> list[Span]:
        """Other characters."""
        self._position += len(text)
        if self._open is None or not text:
            return []
        self._between += len(text)
        if self._between > MOST_BETWEEN:
            return list(self.finish())
        return list(self._open.feed(text))
