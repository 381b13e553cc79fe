"""Where a text has what is rare in prose and common in what is looked for: long rows of characters, and digits.

Most patterns require one of these, and their strings are looked for only near it: keys consist of many letters,
digits, `_` and `-` in a row (`TOKENS`), addresses of many characters without a space (`STRETCH`), and most of what
says who somebody is holds six digits or more with little between them (`PACKED`). All of it is found by a few bulk
operations on the text, whatever the number of patterns. A match of at most `NEAR` characters lies in a region; for
longer ones it is the text that has it or has not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final, NamedTuple

from guardproxy.match.charset import SPACE, CharSet
from guardproxy.match.spelling import AS_SHAPES, FOLDED, Spelling, fold, shaped

Window = tuple[int, int]
"""Begin and end of a part of a text."""

NEAR: Final = 160
_CLOSE: Final = 40  # regions that are so close to each other are one

TOKEN: Final = CharSet.of([(0x2D, 0x2D), (0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)])
NO_SPACE: Final = ~SPACE
SEPARATORS: Final = CharSet.of((code, code) for code in b" ./()-")

_AS_TOKENS: Final = bytes(ord("x" if chr(code) in TOKEN else " ") for code in range(256))
# What is not ASCII becomes a question mark, so a row may seem longer than it is.
_AS_STRETCHES: Final = bytes(ord("x" if chr(code) in NO_SPACE else " ") for code in range(256))
_DIGITS: Final = "0123456789"
_NO_DIGITS: Final = bytes(code for code in range(256) if chr(code) not in _DIGITS)
_AS_DIGITS: Final = bytes(ord("x" if chr(code) in _DIGITS else " ") for code in range(256))
_SEPARATORS: Final = bytes(map(ord, SEPARATORS.characters()))


TOKENS: Final = 0
STRETCH: Final = 1
PACKED: Final = 2
DIGITS: Final = 3


class Gate(NamedTuple):
    """So many of something rare: `TOKENS`, characters of `TOKEN` in a row; `STRETCH`, characters in a row that are no
    space; `PACKED`, digits in a row with nothing but `SEPARATORS` between them; or `DIGITS` anywhere.
    """

    rare: int
    least: int


GATES: Final = (
    Gate(TOKENS, 32),
    Gate(TOKENS, 20),
    Gate(PACKED, 9),
    Gate(PACKED, 6),
    Gate(STRETCH, 40),
    Gate(STRETCH, 24),
    Gate(TOKENS, 12),
    Gate(DIGITS, 1),
    Gate(STRETCH, 10),
)
"""The rarest in ordinary text first."""
LOCAL: Final = frozenset(GATES[:6])
"""Those that most texts have in few places, if at all."""

_ROWS: Final = {
    rare: sorted((least, b"x" * least) for one, least in GATES if one == rare) for rare in (TOKENS, STRETCH, PACKED)
}

_MARKS: Final = ((_AS_TOKENS,), (_AS_STRETCHES,), (_AS_DIGITS, _SEPARATORS))


def count_digits(text: str) -> int:
    """How many ASCII digits the text has."""
    return len(text.encode("ascii", "replace").translate(None, _NO_DIGITS))


class Spelled:
    """A text, and how it is spelled otherwise, each worked out when it is asked for."""

    # Plain attributes: a cached property takes as long as what is kept here.
    __slots__ = ("_folded", "_marked", "_most", "_regions", "_shapes", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._folded: str | None = None
        self._shapes: str | None = None
        self._marked: list[bytes | None] = [None, None, None]
        self._most: list[int] = [-1, -1, -1, -1]
        self._regions: dict[Gate, list[Window]] = {}

    @property
    def folded(self) -> str:
        if self._folded is None:
            self._folded = fold(self.text)
        return self._folded

    @property
    def shapes(self) -> str:
        if self._shapes is None:
            self._shapes = shaped(self.text)
        return self._shapes

    def in_spelling(self, spelling: Spelling) -> str:
        return self.folded if spelling is FOLDED else self.shapes if spelling is AS_SHAPES else self.text

    def most(self, rare: int) -> int:
        """The highest of `GATES` that the text has, or seems to have, or 0; of digits how many there are."""
        if self._most[rare] < 0:
            self._most[rare] = self._rows_marked(PACKED).count(b"x") if rare == DIGITS else self._highest(rare)
        return self._most[rare]

    def _highest(self, rare: int) -> int:
        # What has a row of letters and digits has a row without a space.
        if rare == TOKENS and _ROWS[TOKENS][0][1] not in self._rows_marked(STRETCH):
            return 0
        highest, marked = 0, self._rows_marked(rare)
        for least, row in _ROWS[rare]:
            if row not in marked:
                break
            highest = least
        return highest

    def _rows_marked(self, rare: int) -> bytes:
        """`x` for each character that counts. Without what may stand between them, so of digits it is no map."""
        marked = self._marked[rare]
        if marked is None:
            marked = self._marked[rare] = self.text.encode("ascii", "replace").translate(*_MARKS[rare])
        return marked

    def has(self, gate: Gate, first: int, last: int) -> bool:
        """Whether so many are there, or seem to be, in a part of the text; `PACKED` cannot be asked."""
        if gate.rare == DIGITS:
            return count_digits(self.text[first:last]) >= gate.least
        return self._rows_marked(gate.rare).find(b"x" * gate.least, first, last) >= 0

    def rows(self, gate: Gate) -> Iterator[Window]:
        """The rows of so many characters, in order, as long as they are."""
        if gate.rare == PACKED:
            yield from (found.span() for found in _packed(gate.least)(self.text))
            return
        marked, row = self._rows_marked(gate.rare), b"x" * gate.least
        begin = marked.find(row)
        while begin >= 0:
            end = marked.find(b" ", begin)
            end = len(marked) if end < 0 else end
            yield begin, end
            begin = marked.find(row, end)

    def regions(self, gate: Gate) -> list[Window]:
        """Where matches of at most `NEAR` characters with so many lie, with the character behind them; in order."""
        known = self._regions.get(gate)
        if known is not None:
            return known
        merged = self._regions[gate] = []
        for begin, end in self.rows(gate):
            first, last = max(begin - NEAR, 0), min(end + NEAR + 1, len(self.text))
            if merged and first <= merged[-1][1] + _CLOSE:
                merged[-1] = (merged[-1][0], last)
            else:
                merged.append((first, last))
        return merged


@cache
def _packed(least: int) -> Callable[[str], Iterator[re.Match[str]]]:
    # Possessive: there is one way to read digits and what separates them.
    separators = re.escape(_SEPARATORS.decode())
    return re.compile(f"[0-9](?:[{separators}]*+[0-9]){{{least - 1},}}+").finditer
