"""A pattern as a tree, and what its size says about its matches. Every repeat is bounded, so everything is finite."""

from __future__ import annotations

from dataclasses import dataclass

from guardproxy.match.charset import CharSet


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
    """The part, `low` to `high` times."""

    part: Node
    low: int
    high: int


Node = Chars | Series | Choice | Repeat


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
    """The largest number of characters of a match."""
    match node:
        case Chars():
            return 1
        case Series(parts):
            return sum(map(longest, parts))
        case Choice(options):
            return max(map(longest, options))
        case Repeat(part, _, high):
            return high * longest(part)


def positions(node: Node) -> int:
    """How many characters the pattern has when every repeat is written out."""
    match node:
        case Chars():
            return 1
        case Series(parts):
            return sum(map(positions, parts))
        case Choice(options):
            return sum(map(positions, options))
        case Repeat(part, _, high):
            return high * positions(part)
