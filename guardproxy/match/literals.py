"""Text that must occur: what lets a clean text be passed over without reading it.

Of nearly every pattern one can say "each match holds one of these strings": `sk-`, or `AKIA` or `ASIA`; of many even
"and one of those": a verb of forgetting *and* a word for instructions. Looking for a string is a hundred times cheaper
than running an automaton, so such groups of strings are derived from the tree. A run of neighbouring parts that allow
few strings gives the set of these strings as a group; an alternation gives the union of its options' best groups; a
series has a group for each of its parts that gives one. A good group is long (so it is rare in ordinary text) and
small (so it is cheap to look for).

How a character is spelled in these strings is up to the `Spelling`: as written, in lower case, or as one of the
letters a-z or the gap between them (`guardproxy.match.words`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from guardproxy.match import edges
from guardproxy.match.charset import CharSet
from guardproxy.match.edges import NO_GAPS, Edges
from guardproxy.match.tree import Chars, Choice, Node, Repeat, Series

Literals = frozenset[str]

_MOST_STRINGS: Final = 32
_MOST_IN_GROUP: Final = 128
_MOST_GROUPS: Final = 8
_LARGEST_CLASS: Final = 6
_LONGEST: Final = 64
# Roughly by how often they stand in prose, code and mark-up; a character that is not listed is rare.
_MOST_COMMON_FIRST: Final = " etaoinshrdlucmfwygpbv\n,.k-TIASx0123CMPHWBDNEFRLGO'456789\"jqz:/()YUVJKXQZ"


def commonness(char: str) -> int:
    """0 for a rare character, the larger the more often it stands in ordinary text."""
    at = _MOST_COMMON_FIRST.find(char)
    return len(_MOST_COMMON_FIRST) - at if at >= 0 else 0


def fold(text: str) -> str:
    """Lower case, one character for each character, so that offsets stay what they are.

    `str.lower()` alone would make two characters of U+0130, and of a capital sigma one that depends on its
    neighbours (a test asks the running Python that these are the only two).
    """
    return text.replace("\u0130", "i").replace("\u03a3", "\u03c3").lower()


class Spelling(NamedTuple):
    """How strings are written. `one` spells the characters of a set, or gives None for too many; `join` puts two
    strings together; `worth` is the larger the more rarely any of the strings stands in ordinary text. `gap` is how
    the end of a word is written, if it is.
    """

    one: Callable[[CharSet], Literals | None]
    join: Callable[[str, str], str]
    worth: Callable[[Literals], float]
    gap: str = ""


def _few_characters(allowed: CharSet) -> Literals | None:
    return frozenset(allowed.characters()) if len(allowed) <= _LARGEST_CLASS else None


def _few_folded(allowed: CharSet) -> Literals | None:
    few = _few_characters(allowed)
    return few and frozenset(map(fold, few))


def _long_and_few(strings: Literals) -> float:
    """Length is good up to a point, each further string costs."""
    return min(*map(len, strings), 8) - (len(strings) - 1) / 4


AS_WRITTEN: Final = Spelling(_few_characters, str.__add__, _long_and_few)
FOLDED: Final = Spelling(_few_folded, str.__add__, _long_and_few)


def required_groups(node: Node, spelling: Spelling, around: Edges = NO_GAPS) -> tuple[Literals, ...]:
    """Groups of strings, the best first: every match, spelled like them, contains a string of each group.

    With `around`, the gaps that surely stand next to a match count as part of it.
    """
    analysis = _Analysis(spelling)
    return analysis.best(analysis.of(node, around), around)


def branches(node: Node) -> Iterator[Node]:
    """The options of a pattern that is a choice, down to those that are none: each match is a match of one of them."""
    match node:
        case Choice(options):
            for option in options:
                yield from branches(option)
        case Series((only,)):
            yield from branches(only)
        case _:
            yield node


class _Finding(NamedTuple):
    """What is known about a part: all its strings if they are few, else groups it must contain a string of each."""

    exact: Literals | None
    required: tuple[Literals, ...] = ()


class _Placed(NamedTuple):
    """What is known about a part, and what stands next to it."""

    finding: _Finding
    at: Edges


class _Analysis(NamedTuple):
    """What can be said about a tree in one spelling."""

    spelling: Spelling

    def of(self, node: Node, around: Edges) -> _Finding:
        match node:
            case Chars(allowed):
                return _Finding(self.spelling.one(allowed))
            case Choice(options):
                return self._choice([self.of(option, around) for option in options], around)
            case Series(parts):
                return self._series([_Placed(self.of(part, at), at) for part, at in edges.inside(parts, around)])
            case Repeat(part, low, high):
                at = edges.between(part, around)
                return self._repeat(_Placed(self.of(part, at), at), low, high)

    def best(self, finding: _Finding, around: Edges) -> tuple[Literals, ...]:
        if finding.exact is None:
            return finding.required
        return (self._group(finding.exact, around),) if finding.exact and "" not in finding.exact else ()

    def _group(self, strings: Literals, around: Edges) -> Literals:
        """Strings with the gaps around them."""
        if around.before:
            strings = self._joined(frozenset([self.spelling.gap]), strings)
        if around.behind:
            strings = self._joined(strings, frozenset([self.spelling.gap]))
        return minimal(strings)

    def _choice(self, findings: Sequence[_Finding], around: Edges) -> _Finding:
        """All strings of all options, or one of the best strings of each option."""
        if all(finding.exact is not None for finding in findings):
            exact = frozenset().union(*(finding.exact or () for finding in findings))
            if len(exact) <= _MOST_STRINGS:
                return _Finding(exact)
        bests = [self.best(finding, around) for finding in findings]
        if not all(bests):
            return _Finding(None)
        group = minimal(string for best in bests for string in best[0])
        return _Finding(None, (group,) if len(group) <= _MOST_IN_GROUP else ())

    def _repeat(self, part: _Placed, low: int, high: int) -> _Finding:
        finding, at = part
        if finding.exact is None:
            return _Finding(None, finding.required if low else ())
        copies = self._series([part] * min(low, _LONGEST + 1))
        if copies.exact is None or low > _LONGEST:
            return _Finding(None, self.best(copies, at))
        exact = longer = copies.exact
        copied = low
        while copied < high:
            copied += 1
            known, longer = longer, self._joined(longer, finding.exact)
            if longer == known:  # any number of gaps is a gap
                break
            exact |= longer
            if len(exact) > _MOST_STRINGS:
                return _Finding(None, self.best(copies, at))
        return _Finding(exact)

    def _series(self, parts: Sequence[_Placed]) -> _Finding:
        """All strings, or groups from parts that do not overlap: the best group, the best beside it, and so on."""
        joined = list(self._join_single_strings(parts))
        if not joined:
            return _Finding(frozenset([""]))
        found = [(group, range(0)) for part in joined for group in part.finding.required]
        for first in range(len(joined)):
            for last, strings in enumerate(self._runs(joined[first:]), first):
                if last - first == len(joined) - 1:
                    return _Finding(strings)
                if "" not in strings:
                    around = Edges(joined[first].at.before, joined[last].at.behind)
                    found.append((self._group(strings, around), range(first, last + 1)))
        found.sort(key=lambda candidate: self._worth(candidate[0]), reverse=True)
        taken: set[int] = set()
        groups: list[Literals] = []
        for group, parts_of_it in found:
            if taken.isdisjoint(parts_of_it):
                taken.update(parts_of_it)
                groups.append(group)
        return _Finding(None, tuple(groups[:_MOST_GROUPS]))

    def _join_single_strings(self, parts: Iterable[_Placed]) -> Iterator[_Placed]:
        """Neighbours that allow exactly one string each, as one; so a word is one part."""
        word, around = "", Edges()
        for part in parts:
            single = next(iter(part.finding.exact)) if part.finding.exact and len(part.finding.exact) == 1 else ""
            if single and word and len(word) <= _LONGEST:
                word, around = self.spelling.join(word, single), Edges(around.before, part.at.behind)
                continue
            if word:
                yield _Placed(_Finding(frozenset([word])), around)
            word, around = single, part.at
            if not word:
                yield part
        if word:
            yield _Placed(_Finding(frozenset([word])), around)

    def _runs(self, parts: Sequence[_Placed]) -> Iterator[Literals]:
        """The strings of the first part, of the first two parts, ... as long as they are few and not too long."""
        strings = frozenset([""])
        for part in islice(parts, _LONGEST):
            exact = part.finding.exact
            if exact is None or len(strings) * len(exact) > _MOST_STRINGS:
                return
            strings = self._joined(strings, exact)
            yield strings

    def _joined(self, before: Literals, behind: Literals) -> Literals:
        return frozenset(self.spelling.join(a, b) for a in before for b in behind)

    def _worth(self, strings: Literals) -> tuple[float, int, list[str]]:
        """The spelling's worth; then rare characters; then any fixed order."""
        common = max(min(map(commonness, string)) for string in strings)
        return self.spelling.worth(strings), -common, sorted(strings)


def minimal(strings: Iterable[str]) -> Literals:
    """Without the strings that contain another one: where they occur, the other occurs."""
    kept: list[str] = []
    for string in sorted(strings, key=len):
        if not any(shorter in string for shorter in kept):
            kept.append(string)
    return frozenset(kept)
