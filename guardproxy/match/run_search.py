"""Looking for runs (`guardproxy.match.runs`): chains of so many characters of a kind.

A text without enough characters of the kind is done with after three bulk operations: everything but the kind becomes
a blank, separators are left out, and then so many of the kind must stand next to each other. Otherwise one search
finds the chains, and each chain is asked whose requirement it meets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from guardproxy.match.charset import CharSet
from guardproxy.match.needles import around
from guardproxy.match.regions import Window
from guardproxy.match.runs import Run

_WIDEST_GAP: Final = 50
_FEW: Final = 10
# A chain that is too short is tried from each of its characters, so this bounds the work for a character.
_COUNTED: Final = 32


class RunSearch:
    """Looks for what many patterns require of one kind of run."""

    def __init__(self, required: Sequence[tuple[Run, int]]) -> None:
        self._required = required
        runs = [run for run, _ in required]
        kind = "".join(runs[0].kind.characters())
        separators = CharSet.of(interval for run in runs for interval in run.separators.intervals)
        least, gap = min(run.least for run in runs), max(run.gap for run in runs)
        self._kind = kind
        # Looking for a single character is quicker than the bulk operations, if there are not too many of them.
        self._few_chars = kind if len(kind) <= _FEW else ""
        self._gap = gap if gap <= _WIDEST_GAP else None
        self._separator = re.compile(one_of(separators)) if separators else None
        # Everything that is not ASCII becomes a question mark.
        self._without = bytes(code for code in range(128) if chr(code) in separators)
        self._without += b"?" if separators and separators.intervals[-1][1] > 127 else b""
        self._table = bytes(ord("x" if chr(code) in kind else " ") for code in range(256))
        self._enough = b"x" * least
        between = f"{one_of(separators)}{{0,{'' if self._gap is None else self._gap}}}" if separators else ""
        # Possessive: what stands between two characters of the kind is never one of them, so there is no second way.
        self._chains = re.compile(f"[{kind}](?:{between}[{kind}]){{{min(least, _COUNTED) - 1},}}+")

    def stand_in(self, text: str) -> bool:
        return next(self.windows(text), None) is not None

    def windows(self, text: str) -> Iterator[Window]:
        """Around every chain that meets a requirement, in any order, also overlapping."""
        if self._few_chars and not any(map(text.__contains__, self._few_chars)):
            return
        if self._enough not in text.encode("ascii", "replace").translate(self._table, self._without):
            return
        for chain in self._chains.finditer(text):
            begin, end = chain.span()
            chars = sum(map(chain[0].count, self._kind))
            separators = end - begin - chars + self._separators_next_to(text, begin, end)
            for run, longest in self._required:
                if run.least <= chars and run.least_separators <= separators:
                    yield around(end - run.least, begin + run.least, longest, text)

    def _separators_next_to(self, text: str, begin: int, end: int) -> int:
        """A run may begin and end with separators: not fewer than these."""
        if self._separator is None:
            return 0
        if self._gap is None:
            return len(text)
        before = self._separator.findall(text, max(begin - self._gap, 0), begin)
        return len(before) + len(self._separator.findall(text, end, end + self._gap))


def one_of(chars: CharSet) -> str:
    """A regular expression for one of these characters."""
    parts = (f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in chars.intervals)
    return f"[{''.join(parts)}]"
