"""The alternatives of a pattern: what `\\b` says at their edges, and which repeat would hold a stream back for ever.

A repeat without end is a cycle of positions. A thread may go round in it for ever, so on the way round it must match,
or nothing would be released for as long as it does. It matches if nothing has to follow the repeat, which is seen while
the pattern is read, and if each next round begins with a character that may stand behind a match.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from guardproxy.match.charset import WORD, CharSet
from guardproxy.match.class_syntax import PatternSyntaxError
from guardproxy.match.tree import Choice, Node, Program, first_characters, last_characters

NOTHING: Final = CharSet(())


class Endless(NamedTuple):
    """A repeat without end: where it is written, what it begins with, and a repeat with an end instead of it."""

    offset: int
    first: CharSet
    bounded: str

    def refused(self, reason: str, cure: str) -> PatternSyntaxError:
        message = (
            f"this repeat has no end and {reason}, so it would hold a stream back without end;"
            f" write {self.bounded}, with the longest run you expect, or {cure}"
        )
        return PatternSyntaxError(message, self.offset)


class Alternative(NamedTuple):
    """An option of the pattern. `begins`, `ends`: the offset of the `\\b` there, or None."""

    tree: Node
    begins: int | None
    ends: int | None
    endless: tuple[Endless, ...]

    def bars_before(self) -> CharSet:
        return NOTHING if self.begins is None else _word_edge(first_characters(self.tree), self.begins, "not_before")

    def bars_behind(self) -> CharSet:
        return NOTHING if self.ends is None else _word_edge(last_characters(self.tree), self.ends, "not_after")


def _word_edge(edge: CharSet, offset: int, option: str) -> CharSet:
    if edge & ~WORD:
        message = f"\\b: not only letters, digits and _ can stand at this end of the pattern; use {option}"
        raise PatternSyntaxError(message, offset)
    return WORD


def programs_of(
    alternatives: Iterable[Alternative], not_before: CharSet, not_after: CharSet, *, holds: bool
) -> tuple[Program, ...]:
    """The alternatives with their edges, those with the same edges in one. Raises `PatternSyntaxError`."""
    by_edges: dict[tuple[CharSet, CharSet], list[Node]] = {}
    for alternative in alternatives:
        before, after = not_before | alternative.bars_before(), not_after | alternative.bars_behind()
        for endless in alternative.endless if holds else ():
            if endless.first & after:
                raise endless.refused(
                    "not_after (or \\b) lets no match end inside of the run", "leave its characters out of not_after"
                )
        by_edges.setdefault((before, after), []).append(alternative.tree)
    return tuple(Program(joined(trees), before, after) for (before, after), trees in by_edges.items())


def joined(trees: Sequence[Node]) -> Node:
    """Any of the trees."""
    return trees[0] if len(trees) == 1 else Choice(tuple(trees))
