"""Short texts, such as the names and ids that come with every answer: whether one of many strings stands in them.

In a long text it pays to ask first for what is rare and only then for strings. A short one is done with before that:
of every string one *quad* is known, four characters in a row that tell much, and all quads of the text are held against
all of these at once, as numbers. A string whose quad is there is looked for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Final, NamedTuple

from guardproxy.match.regions import Spelled
from guardproxy.match.spelling import AS_SHAPES, FOLDED, Spelling, bits, fold

MOST: Final = 256
"""The longest text, in characters, for which this is quicker than to look for strings one by one."""

_QUAD: Final = 4
_FEW: Final = 8  # so many strings are rather looked for one by one


class Brief(NamedTuple):
    """One of these strings, spelled so, and one of the marks, if there are any, stand in every match."""

    spelling: Spelling
    strings: Iterable[str]
    marks: str = ""


class Briefs:
    """What many patterns require."""

    def __init__(self, briefs: Iterable[Brief]) -> None:
        by_themselves: dict[tuple[str, Spelling], set[str]] = {}
        quads: dict[Spelling, set[str]] = {}
        for spelling, strings, marks in briefs:
            for string in strings:
                if len(string) < _QUAD or not string.isascii():
                    by_themselves.setdefault((marks, spelling), set()).add(string)
                elif spelling is AS_SHAPES:
                    quads.setdefault(AS_SHAPES, set()).add(string)
                else:  # one look for both cases
                    quads.setdefault(FOLDED, set()).add(fold(string))
        for spelling in [*quads]:
            if len(quads[spelling]) <= _FEW:
                by_themselves.setdefault(("", spelling), set()).update(quads.pop(spelling))
        self._by_themselves = [(*key, tuple(sorted(those))) for key, those in by_themselves.items()]
        self._quads = [(spelling, _Quads(those)) for spelling, those in quads.items()]

    def may_stand_in(self, spelled: Spelled) -> bool:
        """False only if nothing that is required stands in the text."""
        text = spelled.text
        for marks, spelling, strings in self._by_themselves:
            if (not marks or any(map(text.__contains__, marks))) and any(
                map(spelled.in_spelling(spelling).__contains__, strings)
            ):
                return True
        return any(quads.stand_in(spelled.in_spelling(spelling)) for spelling, quads in self._quads)


class _Quads:
    """ASCII strings of one spelling, none shorter than a quad."""

    def __init__(self, strings: Iterable[str]) -> None:
        self._strings: dict[int, list[str]] = {}
        for string in sorted(strings):
            quads = (string[at : at + _QUAD] for at in range(len(string) - _QUAD + 1))
            telling = max(quads, key=lambda quad: (bits(quad), quad))
            self._strings.setdefault(int.from_bytes(telling.encode("ascii"), sys.byteorder), []).append(string)
        self._wanted = frozenset(self._strings)

    def stand_in(self, text: str) -> bool:
        # What is not ASCII becomes a question mark: that can make a quad, and never unmakes one.
        written = memoryview(text.encode("ascii", "replace"))
        for begin in range(min(_QUAD, len(written) - _QUAD + 1)):
            quads = written[begin : len(written) - (len(written) - begin) % _QUAD].cast("I")
            if not self._wanted.isdisjoint(quads):
                for quad in self._wanted.intersection(quads):
                    if any(string in text for string in self._strings[quad]):
                        return True
        return False
