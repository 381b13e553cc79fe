"""Passing over what cannot match: whether, and where, what a match requires stands in a whole text.

A match of at most `n` characters that holds a string lies within `n` characters of it, so only windows around the
strings have to be read. The result is that of reading everything. Whatever matches lies, with its neighbours, within
one window; and a thread that began before the window changes nothing in it, because it can only displace a later
thread of its pattern where both match, and then its match would lie in a window too, one that shares characters with
this one; and such windows are merged.

Four searches, each for all branches of its kind at once: strings (`match.needles`); strings of matches that also hold
many letters, digits, `_` and `-` in a row, as keys do and prose does not; phrases (`match.phrases`); and, where matches
have no string in common, runs of digits and the like (`match.run_search`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from guardproxy.match.charset import CharSet
from guardproxy.match.literals import FOLDED, Literals, Spelling, fold
from guardproxy.match.needles import Needles, Window
from guardproxy.match.phrases import Phrases, Required
from guardproxy.match.run_search import RunSearch
from guardproxy.match.runs import Run
from guardproxy.match.words import AS_WORDS

TOKEN: Final = CharSet.of([(0x2D, 0x2D), (0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)])
"""What keys and identifiers are made of. Ordinary words have fewer of them in a row than `LEVELS` say."""
LEVELS: Final = (12, 16, 20, 24, 32)

_AS_TOKENS: Final = bytes(ord("x" if chr(code) in TOKEN else " ") for code in range(256))


class Requirement(NamedTuple):
    """What each match of a branch of a pattern requires, spelled so: a string of each group, the best group first.

    `longest`: the length of its longest match; of matches without end, of the longest one that no shorter one begins.
    Of strings that are no phrases only the first group is used. A match that requires phrases may also require one of
    the `marks`, strings without letters. One that requires strings may also require so many characters of `TOKEN` in a
    row, which hold the string if it is `inside`. Without groups it may require a `run`; if it does not, every text is a
    candidate as a whole.
    """

    groups: Sequence[Literals]
    spelling: Spelling
    longest: int
    marks: Literals = frozenset()
    tokens: int = 0
    inside: bool = False
    run: Run | None = None


class _Strings(NamedTuple):
    """Strings to look for in one spelling, in texts with so many characters of `TOKEN` in a row, or only in there."""

    folded: bool
    level: int
    inside: bool
    needles: Needles

    def stand_in(self, text: str) -> bool:
        if not self.folded:
            return self.needles.stand_in(text)
        return self.needles.gate_is_open(text) and self.needles.stand_in(fold(text))


class Prefilter:
    """Looks for what the branches of many patterns require."""

    def __init__(self, requirements: Iterable[Requirement]) -> None:
        strings_of: dict[tuple[bool, int, bool], dict[str, int]] = {}
        runs: dict[CharSet, list[tuple[Run, int]]] = {}
        phrases: list[Required] = []
        self._blind = False
        for one in requirements:
            if one.groups and one.spelling is AS_WORDS:
                phrases.append(Required(one.groups, one.longest, one.marks))
            elif one.groups:
                level = max((level for level in LEVELS if level <= one.tokens), default=0)
                known = strings_of.setdefault((one.spelling is FOLDED, level, one.inside and level > 0), {})
                known.update({s: max(one.longest, known.get(s, 0)) for s in one.groups[0]})
            elif one.run:
                runs.setdefault(one.run.kind, []).append((one.run, one.longest))
            else:
                self._blind = True
        strings = [_Strings(*key, Needles(known)) for key, known in strings_of.items()]
        self._anywhere = [one for one in strings if not one.level]
        self._with_tokens = [one for one in strings if one.level]
        self._least_tokens = min((one.level for one in self._with_tokens), default=0)
        self._phrases = Phrases(phrases)
        self._runs = [RunSearch(required) for required in runs.values()]

    def may_match(self, text: str) -> bool:
        """False only if no pattern can match in the text, nor in any part of it cut out where it has no letters."""
        if self._blind or next(self._standing_in(text), None) is not None:
            return True
        if any(runs.stand_in(text) for runs in self._runs):
            return True
        return next(iter(self._phrases.windows(text)), None) is not None

    def windows(self, text: str) -> list[Window]:
        """Where matches can be: disjoint pieces of the text, in order, each with the character behind its matches."""
        if self._blind:
            return [(0, len(text))] if text else []
        found: list[Window] = []
        for strings in self._standing_in(text):
            found += strings.needles.windows(fold(text) if strings.folded else text)
        for runs in self._runs:
            found += runs.windows(text)
        found += self._phrases.windows(text)
        return _merged(found)

    def _standing_in(self, text: str) -> Iterator[_Strings]:
        """The groups of strings of which one stands in the text as it must."""
        for strings in self._anywhere:
            if strings.stand_in(text):
                yield strings
        tokens = _long_tokens(text, self._least_tokens) if self._least_tokens else []
        if tokens:
            longest, inside = max(map(len, tokens)), " ".join(tokens)
            for strings in self._with_tokens:
                if strings.level <= longest and strings.stand_in(inside if strings.inside else text):
                    yield strings


def _long_tokens(text: str, least: int) -> list[str]:
    """The longest pieces of the text that consist of `TOKEN`, if they have so many characters."""
    marked = text.encode("ascii", "replace").translate(_AS_TOKENS)
    row = b"x" * least
    tokens = []
    begin = marked.find(row)
    while begin >= 0:
        end = marked.find(b" ", begin)
        end = len(text) if end < 0 else end
        tokens.append(text[begin:end])
        begin = marked.find(row, end)
    return tokens


def _merged(windows: list[Window]) -> list[Window]:
    windows.sort()
    merged: list[Window] = []
    for begin, end in windows:
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged
