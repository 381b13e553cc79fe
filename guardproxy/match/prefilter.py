"""Passing over what cannot match: whether, and where, required literals occur in a whole text.

A match of at most `n` characters that contains a literal lies within `n` characters of it, so only windows around the
literals have to be read. The result is that of reading everything. Whatever matches lies, with its neighbours, within
one window; and a thread that began before the window changes nothing in it, because it can only displace a later
thread of its pattern where both match, and then its match would lie within the same window too.

Looking for one character takes a tenth of the time of looking for a string (measured: 0.04 against 0.5 us in 1 KB),
so literals are grouped behind their rarest character: prose without `_` is never searched for `ghp_` or `npm_`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from guardproxy.match.literals import Literals, commonness, fold, minimal

Window = tuple[int, int]


class Requirement(NamedTuple):
    """A pattern for the prefilter: its literals (None: it has none), folded or as written, and its longest match."""

    literals: Literals | None
    folded: bool
    longest: int


class Prefilter:
    """Looks for the literals of many patterns. A pattern without any makes every text a candidate as a whole."""

    def __init__(self, requirements: Iterable[Requirement]) -> None:
        reaches: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self._blind = False
        for literals, folded, longest in requirements:
            self._blind |= literals is None
            for literal in literals or ():
                reaches[folded][literal] = max(reaches[folded].get(literal, 0), longest)
        self._exact, self._folded = map(_without_longer, reaches)
        self._exact_gates, self._folded_gates = _gates(self._exact), _gates(self._folded)

    def may_match(self, text: str) -> bool:
        """False only if no pattern can match in the text, nor in any part of it."""
        if self._blind or _any_behind(self._exact_gates, text):
            return True
        return bool(self._folded) and _any_behind(self._folded_gates, fold(text))

    def windows(self, text: str) -> list[Window]:
        """Where matches can be: disjoint pieces of the text, in order, each with the character behind its matches."""
        if self._blind:
            return [(0, len(text))]
        found = list(_around(text, self._exact)) if _any_behind(self._exact_gates, text) else []
        if self._folded:
            found += _around(fold(text), self._folded)
        return _merged(found)


def _without_longer(reaches: Mapping[str, int]) -> dict[str, int]:
    """The shortest literals only, each reaching as far as the literals that contain it."""
    return {
        literal: max(reach for longer, reach in reaches.items() if literal in longer) for literal in minimal(reaches)
    }


_Gates = tuple[tuple[str, tuple[str, ...]], ...]


def _gates(literals: Iterable[str]) -> _Gates:
    """The literals by their rarest character."""
    groups: dict[str, list[str]] = {}
    for literal in literals:
        groups.setdefault(min(literal, key=commonness), []).append(literal)
    return tuple((gate, tuple(group)) for gate, group in groups.items())


def _any_behind(gates: _Gates, text: str) -> bool:
    # Plain loops: a generator inside any() would cost as much as the searches.
    for gate, literals in gates:
        if gate in text:
            for literal in literals:
                if literal in text:
                    return True
    return False


def _around(text: str, reaches: Mapping[str, int]) -> Iterator[Window]:
    """Around every literal in the text, the characters that a match containing it can reach, and one more."""
    for literal, reach in reaches.items():
        at = text.find(literal)
        while at >= 0:
            begin, end = at + len(literal) - reach, at + reach + 1
            # Where literals stand close to each other, go on to the last one whose window touches this one: a text
            # full of them costs as little memory as any other.
            while (touching := text.rfind(literal, at + 1, end + reach)) >= 0:
                at, end = touching, touching + reach + 1
            yield max(begin, 0), min(end, len(text))
            at = text.find(literal, at + 1)


def _merged(windows: list[Window]) -> list[Window]:
    windows.sort()
    merged: list[Window] = []
    for begin, end in windows:
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged
