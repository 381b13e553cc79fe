"""Where matches that require phrases can be: the pieces of a text whose words allow it, and the places in them.

A text is looked at in stretches that overlap, so that every match lies within one. Where the words of a stretch allow a
phrase of each group of a branch, it is looked at again: around each place of the best group that has a place of every
other group near enough there is a window. Nearly every stretch is done with after the first look. Where there is much
to look at, the whole stretch is a window: reading it is then cheaper.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Final, NamedTuple

from guardproxy.match.regions import Window, count_digits
from guardproxy.match.spelling import Literals
from guardproxy.match.words import EDGE, need, occurrences, rarity, spelled

_STRETCH: Final = 2048
_MOST_BRANCHES: Final = 8
_FEW_EDGES: Final = 16
_MOST_PLACES: Final = 32


class Required(NamedTuple):
    """A phrase of each group, one of the `marks` if any, so many `digits`, and a string of each group of `written`, in
    a match of at most `longest` characters.

    The phrases may take in the gaps before and behind the match. Marks are strings without letters.
    """

    groups: Sequence[Literals]
    longest: int
    marks: Literals = frozenset()
    digits: int = 0
    written: Sequence[Literals] = ()


class _Group(NamedTuple):
    """Phrases, of which one must be there, each with the words it needs; `parts` are what those without words need.

    `words`: those that the phrases need, of each the rarest first. `one`: those of them that are all that a phrase
    needs. `several`: those that a phrase needs together.
    """

    phrases: tuple[tuple[str, frozenset[bytes]], ...]
    one: frozenset[bytes]
    several: tuple[frozenset[bytes], ...]
    parts: tuple[bytes, ...]
    words: tuple[tuple[bytes, ...], ...]

    @staticmethod
    def of(phrases: Literals, with_edges: bool) -> _Group:
        needs = {phrase: need(phrase) for phrase in sorted(phrases)}
        if not with_edges:
            needs = {phrase: n._replace(words=()) if n.part else n for phrase, n in needs.items()}
        words = [n.words for n in needs.values() if n.words]
        return _Group(
            tuple((phrase, frozenset(n.words)) for phrase, n in needs.items()),
            frozenset(some[0] for some in words if len(some) == 1),
            tuple(frozenset(some) for some in words if len(some) > 1),
            tuple(n.part for n in needs.values() if not n.words),
            tuple(words),
        )

    def allowed_by(self, there: Set[bytes], letters: bytes) -> bool:
        if not self.one.isdisjoint(there):
            return True
        return any(several <= there for several in self.several) or any(part in letters for part in self.parts)

    def places(self, there: Set[bytes], letters: bytes) -> list[Window]:
        found = [phrase for phrase, words in self.phrases if words <= there]
        return sorted(span for phrase in found for span in occurrences(phrase, letters))


class _Gate(NamedTuple):
    """What else a match holds: one of the marks if there are any, and so many digits."""

    marks: Literals
    digits: int

    def is_open(self, text: str, digits: int | None = None) -> bool:
        """Whether the text has them; `digits`: how many it has of these, if that is known."""
        if self.digits and self.digits > (count_digits(text) if digits is None else digits):
            return False
        for mark in self.marks:  # a plain loop, and one character first: that is what most texts do not have
            if mark[0] in text and mark in text:
                return True
        return not self.marks


_OPEN: Final = _Gate(frozenset(), 0)


class _Branch(NamedTuple):
    """`groups`: the best first. `rarest`: for each group words of which one is there if one of its phrases is; not for
    a group of which that cannot be said.
    """

    groups: tuple[_Group, ...]
    rarest: tuple[frozenset[bytes], ...]
    longest: int  # with the gaps on both sides
    gate: _Gate
    written: tuple[Literals, ...]

    @staticmethod
    def of(required: Required, with_edges: bool) -> _Branch:
        groups = [_Group.of(phrases, with_edges) for phrases in sorted(required.groups, key=rarity, reverse=True)]
        groups.sort(key=lambda group: bool(group.parts))
        rarest = (frozenset(words[0] for words in group.words) for group in groups if not group.parts)
        gate = _Gate(required.marks, required.digits)
        return _Branch(tuple(groups), tuple(rarest), required.longest + 2, gate, tuple(required.written))

    @property
    def triggers(self) -> tuple[tuple[bytes, ...], ...]:
        """Words that stand together where one of the best phrases is; none if that cannot be said."""
        best = self.groups[0]
        return () if best.parts else best.words

    def seems_allowed_by(self, there: Set[bytes], open_gates: Set[_Gate]) -> bool:
        """The quick half of `allowed_by`."""
        for words in self.rarest:  # plain loops: generators would take longer than what they do
            if words.isdisjoint(there):
                return False
        return self.gate in open_gates

    def allowed_by(self, there: Set[bytes], letters: bytes) -> bool:
        """Whether a stretch with these words and this spelling can hold a match."""
        return all(group.allowed_by(there, letters) for group in self.groups)

    def places(self, there: Set[bytes], text: str, letters: bytes) -> Iterator[Window]:
        """Windows around the phrases of the best group, in order; `letters` has one more gap at each end."""
        best = self.groups[0].places(there, letters)
        if not best:
            return
        others: list[list[Window]] = []
        for group in self.groups[1:]:
            others.append(group.places(there, letters))
            if not others[-1]:
                return
        if len(best) > _MOST_PLACES:
            yield 0, len(letters)
            return
        for start, end in best:
            first, last = max(end - self.longest, 0), start + self.longest
            if all(_one_starts_within(spans, first, last) for spans in others) and self._has_the_rest(text[first:last]):
                yield first, last - 1

    def _has_the_rest(self, part: str) -> bool:
        return self.gate.is_open(part) and all(any(map(part.__contains__, strings)) for strings in self.written)


class Phrases:
    """Looks for what many branches require."""

    def __init__(self, required: Iterable[Required]) -> None:
        required = list(required)
        edges = {n.words for one in required for group in one.groups for n in map(need, group) if n.words and n.part}
        # Looking up the edges of all words takes a while; few are rather looked for where everything else is there.
        self._branches = [_Branch.of(one, len(edges) > _FEW_EDGES) for one in required]
        gates = {branch.gate for branch in self._branches}
        self._open_gates = frozenset(gate for gate in gates if gate == _OPEN)
        self._gates = tuple(gates - self._open_gates)
        self._counting = any(gate.digits for gate in gates)
        groups = [group for branch in self._branches for group in branch.groups]
        self._words = frozenset(word for group in groups for words in group.words for word in words)
        self._beginnings = frozenset(word[1:] for word in self._words if word.startswith(b"^"))
        self._ends = frozenset(word[:-1] for word in self._words if word.endswith(b"$"))
        # A phrase of the best group brings a branch into play: by its rarest word, with the others.
        self._by_word: dict[bytes, dict[tuple[frozenset[bytes], int], _Branch]] = {}
        for number, branch in enumerate(self._branches):
            for word, *others in branch.triggers:
                self._by_word.setdefault(word, {})[frozenset(others), number] = branch
        self._triggers = frozenset(self._by_word)
        self._always = [branch for branch in self._branches if branch.groups[0].parts]
        # By the longest match, the gaps around it, and the character behind it.
        self._overlap = max((branch.longest + 1 for branch in self._branches), default=0)
        self._step = max(_STRETCH, 4 * self._overlap)

    def windows(self, text: str) -> Iterable[Window]:
        """Where matches can be, in any order, also overlapping, each with the character behind its matches."""
        open_gates = self._open_gates
        if self._gates:
            digits = count_digits(text) if self._counting else 0
            if opened := [gate for gate in self._gates if gate.is_open(text, digits)]:
                open_gates = open_gates.union(opened)
        if not open_gates:
            return ()
        letters = spelled(text)
        if len(letters) <= self._step:
            found = self._in_stretch(text, letters, open_gates)
            return ((first, min(last, len(text))) for first, last in found)
        return self._in_stretches(text, letters, open_gates)

    def _in_stretches(self, text: str, letters: bytes, open_gates: Set[_Gate]) -> Iterator[Window]:
        for begin in range(0, len(text) - self._overlap, self._step):
            stretch = slice(begin, begin + self._step + self._overlap)
            for first, last in self._in_stretch(text[stretch], letters[stretch], open_gates):
                yield begin + first, min(begin + last, len(text))

    def _in_stretch(self, text: str, letters: bytes, open_gates: Set[_Gate]) -> Iterable[Window]:
        there = self._there(letters)
        near = [branch for branch in self._always if branch.seems_allowed_by(there, open_gates)]
        for word in there & self._triggers:
            for (others, _), branch in self._by_word[word].items():
                if others <= there and branch.seems_allowed_by(there, open_gates):
                    near.append(branch)
        if not near:  # short and harmless is what most texts are
            return ()
        return self._looked_at_again(near, text, letters, there)

    def _there(self, letters: bytes) -> Set[bytes]:
        """Which of the words, beginnings and ends that are needed are there."""
        words = letters.split()
        there = self._words.intersection(words)
        if self._beginnings:
            there |= {b"^" + edge for edge in self._beginnings.intersection([word[:EDGE] for word in words])}
        if self._ends:
            there |= {edge + b"$" for edge in self._ends.intersection([word[-EDGE:] for word in words])}
        return there

    def _looked_at_again(self, near: list[_Branch], text: str, letters: bytes, there: Set[bytes]) -> Iterator[Window]:
        letters = b" %b " % letters
        found = {id(branch): branch for branch in near if branch.allowed_by(there, letters)}
        if len(found) > _MOST_BRANCHES:
            yield 0, len(letters)
            return
        for branch in found.values():
            yield from branch.places(there, text, letters)


def _one_starts_within(spans: Sequence[Window], first: int, last: int) -> bool:
    at = bisect_left(spans, (first, 0))
    return at < len(spans) and spans[at][0] < last
