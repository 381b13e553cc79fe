"""Text that must occur: what lets a clean text be passed over without reading it.

Of nearly every pattern one can say "each match holds one of these strings": `sk-`, or `AKIA` or `ASIA`; of many even
"and one of those": a verb of forgetting *and* a word for instructions. Looking for a string is a hundred times cheaper
than running an automaton, so such groups of strings are derived from the tree. A run of neighbouring parts that allow
few strings gives the set of these strings as a group; an alternation gives the union of its options' best groups; a
series has a group for each of its parts that gives one. A good group is long (so it is rare in ordinary text) and
small (so it is cheap to look for).

How a character is spelled in these strings is up to the `Spelling` (`guardproxy.match.spelling`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice
from typing import Final, NamedTuple

from guardproxy.match import edges
from guardproxy.match.edges import NO_GAPS, Edges
from guardproxy.match.extents import NOTHING, Clue, Extent, chained
from guardproxy.match.spelling import Literals, Spelling, commonness, minimal
from guardproxy.match.tree import Chars, Choice, Node, Repeat, Series

_MOST_STRINGS: Final = 32
_MOST_IN_GROUP: Final = 128
_MOST_GROUPS: Final = 8
_LONGEST: Final = 64


def required_groups(node: Node, spelling: Spelling, around: Edges = NO_GAPS) -> tuple[Clue, ...]:
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

    extent: Extent
    exact: Literals | None
    required: tuple[Clue, ...] = ()


class _Placed(NamedTuple):
    """What is known about a part, and what stands next to it."""

    finding: _Finding
    at: Edges


class _Run(NamedTuple):
    """Strings of neighbouring parts, and what they are worth."""

    worth: float
    parts: range
    strings: Literals


class _Analysis(NamedTuple):
    """What can be said about a tree in one spelling."""

    spelling: Spelling

    def of(self, node: Node, around: Edges) -> _Finding:
        match node:
            case Chars(allowed):
                return _Finding(Extent(1, 1, allowed.mask), self.spelling.one(allowed))
            case Choice(options):
                return self._choice([self.of(option, around) for option in options], around)
            case Series(parts):
                return self._series([_Placed(self.of(part, at), at) for part, at in self._inside(parts, around)])
            case Repeat(part, low, high):
                at = edges.between(part, around) if self.spelling.gap else NO_GAPS
                return self._repeat(_Placed(self.of(part, at), at), low, high)

    def _inside(self, parts: Sequence[Node], around: Edges) -> Iterable[tuple[Node, Edges]]:
        if self.spelling.gap:
            return edges.inside(parts, around)
        return ((piece, NO_GAPS) for part in parts for piece in _required_first(part))

    def best(self, finding: _Finding, around: Edges) -> tuple[Clue, ...]:
        if finding.exact is None:
            return finding.required
        if not finding.exact or "" in finding.exact:
            return ()
        extent = finding.extent._replace(least=0)
        return (Clue(self._group(finding.exact, around), extent, extent),)

    def _group(self, strings: Literals, around: Edges) -> Literals:
        """Strings with the gaps around them."""
        if around.before:
            strings = self._joined(frozenset([self.spelling.gap]), strings)
        if around.behind:
            strings = self._joined(strings, frozenset([self.spelling.gap]))
        return minimal(strings)

    def _choice(self, findings: Sequence[_Finding], around: Edges) -> _Finding:
        """All strings of all options, or one of the best strings of each option."""
        extent = findings[0].extent
        for finding in findings:
            extent = extent.either(finding.extent)
        if all(finding.exact is not None for finding in findings):
            exact = frozenset().union(*(finding.exact or () for finding in findings))
            if len(exact) <= _MOST_STRINGS:
                return _Finding(extent, exact)
        bests = [self.best(finding, around) for finding in findings]
        if not all(bests):
            return _Finding(extent, None)
        clue = bests[0][0]
        for best in bests:
            clue = Clue(
                clue.strings | best[0].strings, clue.before.either(best[0].before), clue.behind.either(best[0].behind)
            )
        clue = clue._replace(strings=minimal(clue.strings))
        return _Finding(extent, None, (clue,) if len(clue.strings) <= _MOST_IN_GROUP else ())

    def _repeat(self, part: _Placed, low: int, high: int) -> _Finding:
        finding, at = part
        extent = finding.extent.times(low, high)

        def first_of(clues: Iterable[Clue], copies: int) -> _Finding:
            """So much is known of the first copies, which there always are."""
            others = finding.extent.times(low - copies, high - copies)
            return _Finding(extent, None, tuple(clue.within(NOTHING, others) for clue in clues))

        if finding.exact is None:
            return first_of(finding.required, 1) if low else _Finding(extent, None)
        copied = min(low, _LONGEST + 1)
        copies = self._series([part] * copied)
        if copies.exact is None or low > _LONGEST:
            return first_of(self.best(copies, at), copied)
        exact = longer = copies.exact
        for _ in range(high - low):
            known, longer = longer, self._joined(longer, finding.exact)
            if longer == known:  # any number of gaps is a gap
                break
            exact |= longer
            if len(exact) > _MOST_STRINGS:
                return first_of(self.best(copies, at), low)
        return _Finding(extent, exact)

    def _series(self, parts: Sequence[_Placed]) -> _Finding:
        """All strings, or groups from parts that do not overlap: the best group, the best beside it, and so on."""
        joined = list(self._join_single_strings(parts))
        extents = [part.finding.extent for part in joined]
        runs = []
        for first in range(len(joined)):
            best: _Run | None = None
            for last, strings in enumerate(self._strings_from(joined[first:]), first):
                if last - first == len(joined) - 1:
                    return _Finding(chained(extents), strings)
                if "" not in strings:
                    group = self._group(strings, Edges(joined[first].at.before, joined[last].at.behind))
                    run = _Run(self.spelling.worth(group), range(first, last + 1), group)
                    best = run if best is None or run.worth > best.worth else best
            runs += [best] if best else []
        if not joined:
            return _Finding(NOTHING, frozenset([""]))
        return _Finding(chained(extents), None, self._best_apart(joined, extents, runs))

    def _best_apart(
        self, parts: Sequence[_Placed], extents: Sequence[Extent], runs: Iterable[_Run]
    ) -> tuple[Clue, ...]:
        before = list(accumulate(extents, Extent.then, initial=NOTHING))
        behind = list(accumulate(reversed(extents), lambda known, one: one.then(known), initial=NOTHING))[::-1]
        found = [
            (clue.within(before[at], behind[at + 1]), range(0))
            for at, part in enumerate(parts)
            for clue in part.finding.required
        ]
        for _, at, strings in runs:
            up_to = before[at.stop]._replace(least=before[at.start].least)
            found.append((Clue(strings, up_to, behind[at.start]._replace(least=behind[at.stop].least)), at))
        found.sort(key=lambda candidate: self._worth(candidate[0].strings), reverse=True)
        taken: set[int] = set()
        clues: list[Clue] = []
        for clue, parts_of_it in found:
            if taken.isdisjoint(parts_of_it):
                taken.update(parts_of_it)
                clues.append(clue)
        return tuple(clues[:_MOST_GROUPS])

    def _join_single_strings(self, parts: Iterable[_Placed]) -> Iterator[_Placed]:
        """Neighbours that allow exactly one string each, as one; so a word is one part."""
        word, extent, around = "", NOTHING, Edges()
        for part in parts:
            single = next(iter(part.finding.exact)) if part.finding.exact and len(part.finding.exact) == 1 else ""
            if single and word and len(word) <= _LONGEST:
                word, extent = self.spelling.join(word, single), extent.then(part.finding.extent)
                around = Edges(around.before, part.at.behind)
                continue
            if word:
                yield _Placed(_Finding(extent, frozenset([word])), around)
            word, extent, around = single, part.finding.extent, part.at
            if not word:
                yield part
        if word:
            yield _Placed(_Finding(extent, frozenset([word])), around)

    def _strings_from(self, parts: Sequence[_Placed]) -> Iterator[Literals]:
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

    def _worth(self, strings: Literals) -> tuple[float, int, str]:
        """The spelling's worth; then rare characters; then any fixed order."""
        common = max(min(map(commonness, string)) for string in strings)
        return self.spelling.worth(strings), -common, min(strings)


def _required_first(part: Node) -> tuple[Node, ...]:
    """What a repeat has at least, and what may follow: `x{3,6}` as `x{3}x{0,3}`."""
    if isinstance(part, Repeat) and 0 < part.low < part.high:
        return Repeat(part.part, part.low, part.low), Repeat(part.part, 0, part.high - part.low)
    return (part,)
