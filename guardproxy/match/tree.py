"""A pattern as a tree, and what can be said of its matches before any text is read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Final

from guardproxy.match.charset import CharSet

UNBOUNDED: Final = sys.maxsize
"""As the highest count of a repeat, or as a length: there is no bound."""


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of a set."""

    allowed: CharSet


@dataclass(frozen=True, slots=True)
class Series:
    """One part after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the options."""

    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """The part, `low` to `high` times; any number of times from `low` on if `high` is UNBOUNDED."""

    part: Node
    low: int
    high: int


Node = Chars | Series | Choice | Repeat


@dataclass(frozen=True, slots=True)
class Program:
    """A tree and its edges. No match begins behind a character of `not_before` or ends before one of `not_after`."""

    tree: Node
    not_before: CharSet
    not_after: CharSet


def shortest(node: Node) -> int:
    """The least number of characters of a match."""
    match node:
        case Chars():
            return 1
        case Series(parts):
            return sum(map(shortest, parts))
        case Choice(options):
            return min(map(shortest, options))
        case Repeat(part, low, _):
            return low * shortest(part)


def longest(node: Node) -> int:
    """The largest number of characters of a match, or UNBOUNDED."""
    match node:
        case Chars():
            return 1
        case Series(parts):
            return min(sum(map(longest, parts)), UNBOUNDED)
        case Choice(options):
            return max(map(longest, options))
        case Repeat(part, _, high):
            return min(high * longest(part), UNBOUNDED)


def first_matches(node: Node) -> Node:
    """A tree with an end: of what it matches, every match begins with one. A repeat without end has its least length.

    That holds because nothing has to follow a repeat without end (`guardproxy.match.syntax`).
    """
    match node:
        case Chars():
            return node
        case Series(parts):
            return Series(tuple(map(first_matches, parts)))
        case Choice(options):
            return Choice(tuple(map(first_matches, options)))
        case Repeat(part, low, high):
            if high < UNBOUNDED:
                return Repeat(first_matches(part), low, high)
            return Repeat(first_matches(part), low, low) if low else Series(())


def positions(node: Node) -> int:
    """How many characters the pattern has when every repeat is written out; a repeat without end is its last copy."""
    match node:
        case Chars():
            return 1
        case Series(parts):
            return sum(map(positions, parts))
        case Choice(options):
            return sum(map(positions, options))
        case Repeat(part, low, high):
            return (max(low, 1) if high == UNBOUNDED else high) * positions(part)


def first_characters(node: Node) -> CharSet:
    """What a match can begin with."""
    return _outermost(node, lambda parts: parts)


def last_characters(node: Node) -> CharSet:
    """What a match can end with."""
    return _outermost(node, reversed)


def _outermost(node: Node, inwards: Callable[[tuple[Node, ...]], Iterable[Node]]) -> CharSet:
    match node:
        case Chars(allowed):
            return allowed
        case Series(parts):
            found = CharSet(())
            for part in inwards(parts):
                found |= _outermost(part, inwards)
                if shortest(part):
                    break
            return found
        case Choice(options):
            return reduce(or_, (_outermost(option, inwards) for option in options))
        case Repeat(part, _, _):
            return _outermost(part, inwards)
