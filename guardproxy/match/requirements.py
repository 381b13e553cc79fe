"""What the matches of a branch of a pattern require: the choice between strings, phrases and runs.

The rarer in ordinary text, the better; how rare is guessed, in bits.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from guardproxy.match.edges import Edges, apart
from guardproxy.match.literals import AS_WRITTEN, FOLDED, Literals, branches, commonness, minimal, required_groups
from guardproxy.match.prefilter import LEVELS, TOKEN, Requirement
from guardproxy.match.runs import least_in_a_row, required_run, without
from guardproxy.match.tree import (
    UNBOUNDED,
    Chars,
    Choice,
    Node,
    Program,
    Repeat,
    Series,
    first_match,
    longest,
    shortest,
)
from guardproxy.match.words import AS_WORDS, need, telling

_ENOUGH_BITS: Final = 9
_TELLING_TOKENS: Final = 24
_PUNCTUATION: Final = re.compile(f"[{re.escape(string.punctuation)}]+")


def requirements_of(program: Program, *, ignore_case: bool) -> Iterator[Requirement]:
    """What the matches of a pattern require, branch by branch."""
    around = Edges(apart(program.not_before), apart(program.not_after))
    return (_requirement(branch, ignore_case, around) for branch in branches(program.tree))


def _requirement(branch: Node, ignore_case: bool, around: Edges) -> Requirement:
    most = longest(branch)
    if most == UNBOUNDED:
        # What a match requires is in its beginning that is a match too; behind that it may go on.
        most, around = first_match(branch), Edges(around.before)
    spelling = FOLDED if ignore_case else AS_WRITTEN
    strings = required_groups(branch, spelling)
    tokens = least_in_a_row(branch, TOKEN)
    if ignore_case and strings and tokens < _TELLING_TOKENS:
        phrases = [group for group in required_groups(branch, AS_WORDS, around) if telling(group)]
        if phrases and (any(map(_is_common, strings[0])) or all(need(phrase).words for phrase in phrases[0])):
            return Requirement(phrases, AS_WORDS, most, _marks(strings))
    for row in _rows(branch):
        inside = required_groups(row, spelling)
        if inside and _bits(inside[0]) >= _ENOUGH_BITS:
            return Requirement(inside, spelling, most, tokens=shortest(row), inside=True)
    run = required_run(branch)
    if run and (not strings or _bits(strings[0]) < min(run.bits, _ENOUGH_BITS)):
        return Requirement((), spelling, most, run=run)
    return Requirement(strings, spelling, most, tokens=tokens)


def _rows(branch: Node) -> Iterator[Node]:
    """The parts that consist of characters of `TOKEN` alone, many of them."""
    parts = branch.parts if isinstance(branch, Series) else (branch,)
    for is_row, group in groupby(parts, _is_token):
        row = Series(tuple(group))
        if is_row and shortest(row) >= LEVELS[0]:
            yield row


def _is_token(node: Node) -> bool:
    match node:
        case Chars(allowed):
            return not without(allowed, TOKEN)
        case Series(parts) | Choice(parts):
            return all(map(_is_token, parts))
        case Repeat(part):
            return _is_token(part)


def _is_common(literal: str) -> bool:
    return min(map(commonness, literal)) > 0


def _marks(groups: Sequence[Literals]) -> Literals:
    """Strings of punctuation, one of which every match holds; or none."""
    for group in groups:
        marks = [max(_PUNCTUATION.findall(literal), key=len, default="") for literal in group]
        if all(marks):
            return minimal(marks)
    return frozenset()


def _bits(literals: Literals) -> float:
    """How much it tells that one of the strings is there: ten bits for a rare character, two for a blank."""
    return min(sum(10 - commonness(char) / 9 for char in literal) for literal in literals)
