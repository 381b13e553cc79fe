"""The question every scanner answers: what did you find, and up to where are you sure?

A scanner reads one text that arrives in pieces. `safe` is the promise that makes streaming exact: a span reported
later either starts at or after `safe`, or starts inside a span that was already reported and reaches `safe` (it only
makes that one longer). So text before `safe` and outside the reported spans can go out, for every way the text may
continue. Spans of one `feed` come in the order in which they were confirmed; at the end of the text `finish()`
reports the rest and `safe` is the length of the text.

Offsets are code points from the beginning of the text, ends exclusive.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, Self


class Span(NamedTuple):
    """Text `[start, end)` matches the rule. The same start may be reported again with a larger end."""

    start: int
    end: int
    rule: str


class Scanner(Protocol):
    """Reads one text piece by piece. Not reusable, not shared."""

    @property
    def safe(self) -> int:
        """Up to where nothing can change any more (see the module text)."""

    def feed(self, text: str) -> Sequence[Span]:
        """The spans confirmed by this piece."""

    def finish(self) -> Sequence[Span]:
        """The spans confirmed by the text ending here. Call once; `feed` is over."""


class MeteredScanner(Scanner, Protocol):
    """A scanner that says what its text costs, and of which there can be another one."""

    @property
    def work(self) -> int:
        """The steps of work so far (`guardproxy.match.work`)."""

    def fork(self) -> Self:
        """Another scanner that has read the same text, and told what this one has told."""


class DetectorScanner(MeteredScanner, Protocol):
    """A scanner that can be told apart from another one of the same detector."""

    def stands_like(self, other: Self, alike: int) -> bool:
        """Whether both will find the same in whatever comes, and none of it begins before the last `alike` characters,
        which are the same in both texts.
        """
