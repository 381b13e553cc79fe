"""Passing over what cannot match: whether, and where, what a match requires stands in a whole text.

A match that holds a string lies within a known number of characters of it, so only windows around the strings have to
be read. The result is that of reading everything. Whatever matches lies, with its neighbours, within one window; and a
thread that began before the window changes nothing in it, because it can only displace a later thread of its pattern
where both match, and then its match would lie in a window too, one that shares characters with this one; and such
windows are merged.

What is looked for: strings (`match.needles`), phrases (`match.phrases`) and, where matches have neither in common, runs
of digits and the like (`match.run_search`). Strings and phrases are sorted by the rarest thing that their matches hold
besides (`match.regions`), and are looked for only near it: so ordinary text is searched for few of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

from guardproxy.match.briefs import MOST, Brief, Briefs
from guardproxy.match.charset import CharSet
from guardproxy.match.extents import Clue
from guardproxy.match.needles import Needles, Sought
from guardproxy.match.phrases import Phrases, Required
from guardproxy.match.regions import DIGITS, GATES, LOCAL, NEAR, PACKED, STRETCH, TOKENS, Gate, Spelled, Window
from guardproxy.match.run_search import RunSearch
from guardproxy.match.runs import Run
from guardproxy.match.spelling import AS_WRITTEN, FOLDED, Literals, Spelling
from guardproxy.match.words import AS_WORDS


class Requirement(NamedTuple):
    """What each match of a branch of a pattern requires: a string of each group, spelled so, the best group first.

    Strings that are no phrases: the first group is looked for, and what is found must have a string of the `others`
    in its reach (spelled as written, or folded if `fold_others`). Phrases: all groups, a string of the `others`, as
    written, and one of the `marks`, strings without letters. In any case what is counted: so many `digits`; so many of
    them `packed`; so many characters of `TOKEN` in a row (`tokens`); so many in a row that holds the string (`inside`);
    so many characters in a row that are no space (`stretch`).

    Without groups it may require a `run`; if it does not, every text is a candidate as a whole. `longest`: the length
    of its longest match; of matches without end, of the longest one that no shorter one begins.
    """

    groups: Sequence[Clue]
    spelling: Spelling
    longest: int
    others: Sequence[Clue] = ()
    fold_others: bool = False
    marks: Literals = frozenset()
    digits: int = 0
    packed: int = 0
    tokens: int = 0
    inside: int = 0
    stretch: int = 0
    run: Run | None = None

    @property
    def rare(self) -> tuple[Gate, ...]:
        """What its matches hold that is counted."""
        counted = (Gate(DIGITS, self.digits), Gate(TOKENS, self.tokens), Gate(STRETCH, self.stretch))
        return tuple(gate for gate in counted if gate.least)

    @property
    def place(self) -> _Place:
        """Where its strings are looked for."""
        counts = {PACKED: self.packed, **{gate.rare: gate.least for gate in self.rare}}
        gate = next((gate for gate in GATES if counts.get(gate.rare, 0) >= gate.least), None)
        if gate is None:
            return _ANYWHERE
        inside = gate.rare == TOKENS and self.inside >= gate.least
        return _Place(gate, inside, not inside and gate in LOCAL and self.longest <= NEAR)


class _Place(NamedTuple):
    """In texts that have it, everywhere; inside of the rows that it consists of; or near it."""

    gate: Gate | None
    inside: bool
    near: bool


_ANYWHERE: Final = _Place(None, False, False)
_FEW_STRINGS: Final = 10


class Prefilter:
    """Looks for what the branches of many patterns require. `longest`: the match with the most characters of all."""

    def __init__(self, requirements: Iterable[Requirement]) -> None:
        self.longest = 0
        strings: dict[_Place, dict[Spelling, list[Sought]]] = {}
        phrases: dict[_Place, list[Required]] = {}
        runs: dict[CharSet, list[tuple[Run, int]]] = {}
        briefs: list[Brief] = []
        self._blind = False
        for one in requirements:
            self.longest = max(self.longest, one.longest)
            if one.groups and one.spelling is AS_WORDS:
                groups, written = ([group.strings for group in some] for some in (one.groups, one.others))
                required = Required(groups, one.longest, one.marks, one.digits, written)
                phrases.setdefault(one.place, []).append(required)
            elif one.groups:
                sought = Sought(one.groups[0], one.others, FOLDED if one.fold_others else AS_WRITTEN, one.rare)
                strings.setdefault(one.place, {}).setdefault(one.spelling, []).append(sought)
                briefs.append(Brief(one.spelling, sought.strings, sought.marks))
            elif one.run:
                runs.setdefault(one.run.kind, []).append((one.run, one.longest))
            else:
                self._blind = True
        _join_few(strings)
        needles = {
            place: [(spelling, Needles(sought)) for spelling, sought in of_spelling.items()]
            for place, of_spelling in strings.items()
        }
        self._strings = _by_gate(needles)
        self._phrases = _by_gate({place: Phrases(required) for place, required in phrases.items()})
        self._runs = [RunSearch(required) for required in runs.values()]
        self._briefs = Briefs(briefs)

    def may_match(self, text: str) -> bool:
        """False only if no pattern can match in the text, nor in any part of it cut out where it has no letters."""
        return self._blind or next(self._found(text), None) is not None

    def _may_hold(self, text: str) -> bool:
        """Whether any string, run or phrase that is required stands in a short text."""
        if self._briefs.may_stand_in(Spelled(text)):
            return True
        for runs in self._runs:
            if runs.stand_in(text):
                return True
        return any(any(True for _ in phrases.windows(text)) for _, those in self._phrases for _, _, phrases in those)

    def windows(self, text: str) -> list[Window]:
        """Where matches can be: disjoint pieces of the text, in order, each with the character behind its matches."""
        if self._blind:
            return [(0, len(text))] if text else []
        found: list[Window] = []
        for window in self._found(text):
            found.append(window)
            if window == (0, len(text)):  # a text that is full of something: nothing can be added
                break
        return merged(found)

    def _found(self, text: str) -> Iterator[Window]:
        if len(text) <= MOST and not self._may_hold(text):
            return
        spelled = Spelled(text)
        for place, needles in _open(self._strings, spelled):
            yield from _strings_found(place, needles, spelled)
        for runs in self._runs:
            yield from runs.windows(text)
        for place, phrases in _open(self._phrases, spelled):
            for first, last in _parts(place, spelled):
                for begin, end in phrases.windows(text[first:last]):
                    yield first + begin, first + end


Searched = TypeVar("Searched")

_ByGate = Sequence[tuple[int | None, Sequence[tuple[int, _Place, Searched]]]]
"""By what is rare (None: nothing has to be): how much of it, where, and what is searched for there; the least first."""


def _join_few(strings: dict[_Place, dict[Spelling, list[Sought]]]) -> None:
    """Few strings are rather looked for in every text than what comes with them is counted."""
    for rare in (TOKENS, STRETCH, PACKED, DIGITS):
        places = [place for place in strings if place.gate and place.gate.rare == rare]
        number = sum(len(one.strings) for place in places for those in strings[place].values() for one in those)
        if number <= _FEW_STRINGS:
            for place in places:
                for spelling, those in strings.pop(place).items():
                    strings.setdefault(_ANYWHERE, {}).setdefault(spelling, []).extend(those)


def _by_gate(searched: Mapping[_Place, Searched]) -> _ByGate[Searched]:
    found: dict[int | None, list[tuple[int, _Place, Searched]]] = {}
    for place, one in searched.items():
        rare, least = place.gate or (None, 0)
        found.setdefault(rare, []).append((least, place, one))
    return [(rare, sorted(those, key=lambda one: one[0])) for rare, those in found.items()]


def _open(by_gate: _ByGate[Searched], spelled: Spelled) -> Iterator[tuple[_Place, Searched]]:
    """What the text has enough for."""
    for rare, those in by_gate:
        most = 0 if rare is None else spelled.most(rare)
        for least, place, searched in those:
            if least > most:
                break
            yield place, searched


def _strings_found(
    place: _Place, of_spelling: Iterable[tuple[Spelling, Needles]], spelled: Spelled
) -> Iterator[Window]:
    parts = _parts(place, spelled)
    # Making a new text costs about as much as searching it for a few strings.
    few = place.inside or 2 * sum(last - first for first, last in parts) < len(spelled.text)
    where = Spelled("\n".join(spelled.text[first:last] for first, last in parts)) if few else spelled
    for spelling, needles in of_spelling:
        there = needles.standing_in(where.in_spelling(spelling), (spelled if place.inside else where).text)
        if there:
            yield from needles.windows(there, spelled.in_spelling(spelling), spelled)


def _parts(place: _Place, spelled: Spelled) -> Sequence[Window]:
    """The parts of a text, which has enough of what is rare, where a place is."""
    if place.gate is not None and place.inside:
        return list(spelled.rows(place.gate))
    if place.gate is not None and place.near:
        return spelled.regions(place.gate)
    return ((0, len(spelled.text)),)


def merged(windows: Iterable[Window]) -> list[Window]:
    """Without overlaps, in order; those that touch are one."""
    found: list[Window] = []
    for begin, end in sorted(windows):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found
