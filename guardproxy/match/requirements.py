"""What the matches of a branch of a pattern require: the choice between strings, shapes, phrases and runs.

The rarer in ordinary text, the better; how rare is guessed, in bits.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import groupby
from typing import Final

from guardproxy.match.alternatives import joined
from guardproxy.match.charset import DIGITS
from guardproxy.match.edges import Edges, apart
from guardproxy.match.extents import Clue, chained, extent_of
from guardproxy.match.literals import branches, required_groups
from guardproxy.match.prefilter import Requirement
from guardproxy.match.regions import NO_SPACE, SEPARATORS, TOKEN
from guardproxy.match.rows import least_in_a_row, least_of
from guardproxy.match.runs import required_run
from guardproxy.match.spelling import (
    AS_SHAPES,
    AS_WRITTEN,
    FOLDED,
    Literals,
    Spelling,
    bits,
    commonness,
    minimal,
    shape_bits,
)
from guardproxy.match.tree import (
    UNBOUNDED,
    Chars,
    Choice,
    Node,
    Program,
    Repeat,
    Series,
    first_matches,
    longest,
    shortest,
)
from guardproxy.match.words import AS_WORDS, need, telling

_ENOUGH_BITS: Final = 9
_TELLING_TOKENS: Final = 20
_TELLING_STRETCH: Final = 10
_LONG_ROW: Final = 12
_WORTH_OF_RUNS: Final = 0.3
_MOST_OTHERS: Final = 3
_MOST_STRINGS: Final = 16
_PUNCTUATION: Final = re.compile(f"[{re.escape(string.punctuation)}]+")


# Policies share most of their rules, and one policy with conditions has several forms of the same ones.
@lru_cache(maxsize=2048)
def requirements_of(program: Program, *, ignore_case: bool) -> tuple[Requirement, ...]:
    """What the matches of a pattern require, branch by branch."""
    around = Edges(apart(program.not_before), apart(program.not_after))
    by_branch = [_Branch(tree, ignore_case, around) for tree in branches(program.tree)]
    return tuple(one.requirement() for branch in by_branch for one in branch.by_script())


class _Branch:
    """One option of a pattern, and what is in all of its matches."""

    def __init__(self, tree: Node, ignore_case: bool, around: Edges) -> None:
        if longest(tree) == UNBOUNDED:
            # What a match requires is in its beginning that is a match too; behind that it may go on.
            tree, around = first_matches(tree), Edges(around.before)
        self._tree = tree
        self._ignore_case = ignore_case
        self._around = around
        self._spelling = FOLDED if ignore_case else AS_WRITTEN
        self._digits = least_of(tree, DIGITS)
        self._tokens = least_in_a_row(tree, TOKEN)
        self._stretch = least_in_a_row(tree, NO_SPACE)

    def by_script(self) -> Iterator[_Branch]:
        """Itself; or, where a part of it is a choice between words and what words cannot spell, one for either."""
        if isinstance(self._tree, Series) and self._is_worded and not self._phrases:
            for at, part in enumerate(self._tree.parts):
                options = part.options if isinstance(part, Choice) else ()
                scripts = [[option for option in options if _is_telling(option) is known] for known in (True, False)]
                if all(scripts):
                    for some in scripts:
                        parts = (*self._tree.parts[:at], joined(some), *self._tree.parts[at + 1 :])
                        yield _Branch(Series(parts), self._ignore_case, self._around)
                    return
        yield self

    def requirement(self) -> Requirement:
        strings, phrases = self._strings, self._phrases if self._is_worded else ()
        if strings and phrases and (_is_common(strings[0]) or all(need(one).words for one in phrases[0].strings)):
            written = () if self._ignore_case else strings
            return self._requiring(phrases, AS_WORDS, written)._replace(marks=_marks(strings))
        if inside := self._inside_a_row():
            clues, row = inside
            return self._requiring(clues, self._spelling, strings)._replace(inside=row)
        of_strings = _bits_of(strings)
        if strings and self._tokens >= _TELLING_TOKENS:
            of_strings += _ENOUGH_BITS
        shapes = required_groups(self._tree, AS_SHAPES) if self._digits and of_strings < 2 * _ENOUGH_BITS else ()
        of_shapes = shape_bits(shapes[0].strings) if shapes else 0
        run = required_run(self._tree) if of_strings < _ENOUGH_BITS else None
        if run and run.bits * _WORTH_OF_RUNS > max(of_strings, of_shapes):
            return self._requiring((), self._spelling)._replace(run=run)
        if of_shapes > of_strings:
            return self._requiring(shapes, AS_SHAPES, strings)
        return self._requiring(strings, self._spelling, strings[1:])

    def _requiring(self, groups: Sequence[Clue], spelling: Spelling, others: Sequence[Clue] = ()) -> Requirement:
        return Requirement(
            groups,
            spelling,
            longest(self._tree),
            [other for other in others[:_MOST_OTHERS] if len(other.strings) <= _MOST_STRINGS],
            self._ignore_case,
            digits=self._digits,
            packed=least_in_a_row(self._tree, DIGITS, SEPARATORS) if self._digits else 0,
            tokens=self._tokens,
            stretch=self._stretch,
        )

    @cached_property
    def _strings(self) -> tuple[Clue, ...]:
        return required_groups(self._tree, self._spelling)

    @cached_property
    def _phrases(self) -> tuple[Clue, ...]:
        found = required_groups(self._tree, AS_WORDS, self._around)
        return tuple(phrase for phrase in found if telling(phrase.strings))

    @property
    def _is_worded(self) -> bool:
        """Whether words are what it is known by, and not a key."""
        if self._tokens >= _TELLING_TOKENS:
            return False
        if self._stretch < _TELLING_STRETCH:
            return self._ignore_case or self._digits > 0
        return 2 * self._digits >= self._stretch

    def _inside_a_row(self) -> tuple[tuple[Clue, ...], int] | None:
        """Strings in a part of it that consists of characters of `TOKEN` alone, and of how many at least."""
        parts = self._tree.parts if isinstance(self._tree, Series) else (self._tree,)
        begin = 0
        for is_row, group in groupby(parts, _is_token):
            end = begin + len(row := tuple(group))
            if is_row and (least := shortest(Series(row))) >= _LONG_ROW:
                inside = required_groups(Series(row), self._spelling)
                if _bits_of(inside) >= _ENOUGH_BITS:
                    before, behind = (chained(map(extent_of, some)) for some in (parts[:begin], parts[end:]))
                    return tuple(clue.within(before, behind) for clue in inside), least
            begin = end
        return None


def _is_token(node: Node) -> bool:
    match node:
        case Chars(allowed):
            return allowed.within(TOKEN)
        case Series(parts) | Choice(parts):
            return all(map(_is_token, parts))
        case Repeat(part):
            return _is_token(part)


def _is_telling(option: Node) -> bool:
    phrases = required_groups(option, AS_WORDS)
    return bool(phrases) and telling(phrases[0].strings)


def _is_common(clue: Clue) -> bool:
    return any(min(map(commonness, literal)) > 0 for literal in clue.strings)


def _marks(clues: Sequence[Clue]) -> Literals:
    """Strings of punctuation, one of which every match holds; or none."""
    for clue in clues:
        marks = [max(_PUNCTUATION.findall(literal), key=len, default="") for literal in clue.strings]
        if all(marks):
            return minimal(marks)
    return frozenset()


def _bits_of(clues: Sequence[Clue]) -> float:
    """How much it tells that a string of the first group is there. Half of it if that is a common character."""
    if not clues:
        return 0
    weakest = min(map(bits, clues[0].strings))
    return weakest / 2 if min(map(len, clues[0].strings)) == 1 and _is_common(clues[0]) else weakest
