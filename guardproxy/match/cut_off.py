"""Matches that the end of the text cuts off: a key of which only 32 of 36 characters came before the tokens ran out.

A pattern may say that `at_end` characters that begin one of its matches are taken for a match where the text ends
behind them, or behind more of the match. That depends on the text alone, as every match does. It is meant for what
shows what it is by its first characters, so those of them that tell are counted.

For looking over a text before it is read (`guardproxy.match.prefilter`) such a pattern stands for a wider one: its
first `at_end` characters, and behind them as many of any it allows as its matches have.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Final

from guardproxy.match.charset import CharSet
from guardproxy.match.class_syntax import PatternSyntaxError
from guardproxy.match.literals import branches
from guardproxy.match.tree import UNBOUNDED, Chars, Choice, Node, Program, Repeat, Series, longest, shortest

LEAST_AT_END: Final = 8
_TELLING: Final = 3
_MOST_ALTERNATIVES: Final = 8

_NOTHING: Final = Series(())


def refuse_untelling(program: Program, at_end: int) -> None:
    """Raises `PatternSyntaxError` unless so many characters that begin a match are enough to know it by."""
    if at_end < LEAST_AT_END:
        raise PatternSyntaxError(f"fewer than {LEAST_AT_END} characters say too little; raise it", 0)
    if at_end >= longest(program.tree):
        message = f"no match is longer than {longest(program.tree)} characters, so none can be cut off there; lower it"
        raise PatternSyntaxError(message, 0)
    if not all(begins_telling(branch, at_end) for branch in branches(program.tree)):
        raise PatternSyntaxError(
            f"the first {at_end} characters of a match must hold {_TELLING} that are always the same, or each one of "
            f"at most {_MOST_ALTERNATIVES}, as in sk- or gh[pous]_; raise it, or leave it out",
            0,
        )


def begins_telling(branch: Node, characters: int = LEAST_AT_END) -> bool:
    """Whether so many characters that begin a match are seldom found in other text."""
    return _telling(beginning(branch, characters)) >= _TELLING


def _telling(node: Node) -> int:
    """The least number of characters in a match that are nearly always the same."""
    match node:
        case Chars(allowed):
            return int(len(allowed) <= _MOST_ALTERNATIVES)
        case Series(parts):
            return sum(map(_telling, parts))
        case Choice(options):
            return min(map(_telling, options))
        case Repeat(part, low, _):
            return low * _telling(part)


def with_cut_off(program: Program, at_end: int) -> Program:
    """A wider pattern: it matches what the program matches, and all that begins a match and has `at_end` characters."""
    return Program(Choice(tuple(_wider(branch, at_end) for branch in branches(program.tree))), *_edges(program))


def _edges(program: Program) -> tuple[CharSet, CharSet]:
    return program.not_before, program.not_after


def _wider(branch: Node, at_end: int) -> Node:
    first = beginning(branch, at_end)
    most = longest(branch)
    return Series((first, Repeat(Chars(_characters(branch)), 0, most if most == UNBOUNDED else most - shortest(first))))


def beginning(node: Node, most: int) -> Node:
    """Of at most so many characters: every match begins with a match of it, and so does all that begins a match and
    has so many characters.
    """
    if longest(node) <= most:
        return node
    match node:
        case Chars():
            return _NOTHING
        case Series(parts):
            return Series(_beginnings(parts, most))
        case Choice(options):
            return Choice(tuple(beginning(option, most) for option in options))
        case Repeat(part, low, _):
            copies = min(low, most // max(longest(part), 1))
            if copies:
                return Repeat(part, copies, copies)
            return beginning(part, most) if low else _NOTHING


def _beginnings(parts: tuple[Node, ...], most: int) -> tuple[Node, ...]:
    found = []
    for part in parts:
        found.append(beginning(part, most))
        most -= longest(part)
        if most <= 0:
            break
    return tuple(found)


def _characters(node: Node) -> CharSet:
    """What stands anywhere in a match."""
    match node:
        case Chars(allowed):
            return allowed
        case Series(parts) | Choice(parts):
            return reduce(or_, map(_characters, parts), CharSet(()))
        case Repeat(part):
            return _characters(part)
