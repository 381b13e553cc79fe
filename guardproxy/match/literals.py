"""Text that must occur: what lets a clean text be passed over without reading it.

Of nearly every pattern one can say "each match holds one of these strings": `sk-`, or `AKIA` or `ASIA`. Looking for
a string is a hundred times cheaper than running an automaton, so such strings are derived from the tree. A run of
neighbouring parts that allow few strings gives the set of these strings; an alternation gives the union over its
options; the best set of a pattern is long (so it is rare in ordinary text) and small (so it is cheap to look for).

Case is folded by `fold()`, one character to one character, so offsets into the folded text are offsets into the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from guardproxy.match.tree import Chars, Choice, Node, Repeat, Series

Literals = frozenset[str]

_MOST_STRINGS: Final = 16
_LARGEST_CLASS: Final = 6
_LONGEST: Final = 64
# Roughly by how often they stand in prose, code and mark-up; a character that is not listed is rare.
_MOST_COMMON_FIRST: Final = " etaoinshrdlucmfwygpbv\n,.k-TIASx0123CMPHWBDNEFRLGO'456789\"jqz:/()YUVJKXQZ"


def commonness(char: str) -> int:
    """0 for a rare character, the larger the more often it stands in ordinary text."""
    at = _MOST_COMMON_FIRST.find(char)
    return len(_MOST_COMMON_FIRST) - at if at >= 0 else 0


def fold(text: str) -> str:
    """Lower case, one character for each character.

    `str.lower()` alone would make two characters of U+0130, and of a capital sigma one that depends on its
    neighbours (a test asks the running Python that these are the only two).
    """
    return text.replace("\u0130", "i").replace("\u03a3", "\u03c3").lower()


def required_literals(node: Node, *, ignore_case: bool = False) -> Literals | None:
    """Strings of which every match contains at least one, or None; folded with `ignore_case`."""
    return _analyse(node, ignore_case).best()


class _Finding(NamedTuple):
    """What is known about a part: all its strings if they are few, else strings one of which it must contain."""

    exact: Literals | None
    required: Literals | None = None

    def best(self) -> Literals | None:
        return _better([self.exact, self.required])


def _analyse(node: Node, ignore_case: bool) -> _Finding:
    match node:
        case Chars(allowed):
            if len(allowed) > _LARGEST_CLASS:
                return _Finding(None)
            return _Finding(frozenset(fold(c) if ignore_case else c for c in allowed.characters()))
        case Choice(options):
            return _union([_analyse(option, ignore_case) for option in options])
        case Series(parts):
            return _series([_analyse(part, ignore_case) for part in parts])
        case Repeat(part, low, high):
            return _repeat(_analyse(part, ignore_case), low, high)


def _union(findings: Sequence[_Finding]) -> _Finding:
    exact: set[str] = set()
    required: set[str] = set()
    all_exact = all_required = True
    for finding in findings:
        best = finding.best()
        exact.update(finding.exact or ())
        required.update(best or ())
        all_exact &= finding.exact is not None
        all_required &= best is not None
    few = all_exact and len(exact) <= _MOST_STRINGS
    return _Finding(frozenset(exact) if few else None, frozenset(required) if all_required and not few else None)


def _repeat(part: _Finding, low: int, high: int) -> _Finding:
    if low == 0:
        once = high == 1 and part.exact is not None and len(part.exact) < _MOST_STRINGS
        return _Finding(part.exact | {""}) if once and part.exact is not None else _Finding(None)
    if part.exact is None:
        return _Finding(None, part.required)
    copies = _series([part] * min(low, _LONGEST + 1))
    return copies if low == high and low <= _LONGEST else _Finding(None, copies.best())


def _series(findings: Sequence[_Finding]) -> _Finding:
    joined = list(_join_single_strings(findings))
    candidates = [finding.required for finding in joined]
    exact: Literals | None = None
    for first in range(len(joined)):
        for last, strings in enumerate(_runs(joined[first:]), first):
            candidates.append(strings)
            if first == 0 and last == len(joined) - 1:
                exact = strings
    return _Finding(exact if joined else frozenset([""]), _better(candidates))


def _join_single_strings(findings: Iterable[_Finding]) -> Iterator[_Finding]:
    """Neighbours that allow exactly one string each, as one; so a word is one part."""
    word = ""
    for finding in findings:
        if finding.exact is not None and len(finding.exact) == 1 and len(word) <= _LONGEST:
            word += next(iter(finding.exact))
            continue
        if word:
            yield _Finding(frozenset([word]))
        word = next(iter(finding.exact)) if finding.exact is not None and len(finding.exact) == 1 else ""
        if not word:
            yield finding
    if word:
        yield _Finding(frozenset([word]))


def _runs(findings: Sequence[_Finding]) -> Iterator[Literals]:
    """The strings of the first part, of the first two parts, ... as long as they are few and not too long."""
    strings = frozenset([""])
    for finding in islice(findings, _LONGEST):
        if finding.exact is None or len(strings) * len(finding.exact) > _MOST_STRINGS:
            return
        strings = frozenset(a + b for a in strings for b in finding.exact)
        yield strings


def _better(candidates: Iterable[Literals | None]) -> Literals | None:
    usable = [minimal(candidate) for candidate in candidates if candidate and "" not in candidate]
    return max(usable, key=_worth, default=None)


def minimal(strings: Iterable[str]) -> Literals:
    """Without the strings that contain another one: where they occur, the other occurs."""
    kept: list[str] = []
    for string in sorted(strings, key=len):
        if not any(shorter in string for shorter in kept):
            kept.append(string)
    return frozenset(kept)


def _worth(strings: Literals) -> tuple[float, int, list[str]]:
    """Long is good up to a point, each further string costs; then rare characters; then any fixed order."""
    length = min(*map(len, strings), 8)
    common = max(min(map(commonness, string)) for string in strings)
    return length - (len(strings) - 1) / 4, -common, sorted(strings)
