"""What surely stands next to a part of a pattern: a gap, that is no ASCII letter, so that a word begins or ends there.

Of `\\s(?:ignore|forget)\\s{1,4}all` one can say that `ignore` is a whole word, because a space stands before and behind
it, in the match. At the ends of the pattern that depends on what may stand around a match (`not_before`, `not_after`);
there the end of the text is as good as a gap.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from guardproxy.match.charset import CharSet
from guardproxy.match.tree import Chars, Choice, Node, Repeat, Series

_LETTERS: Final = CharSet.of((ord(letter), ord(letter)) for letter in string.ascii_letters).mask


def apart(chars: CharSet) -> bool:
    """Whether a character that is none of these is surely a gap."""
    return not _LETTERS & ~chars.mask


class Edges(NamedTuple):
    """Whether a gap stands before and behind each match of a part; False where a letter may stand."""

    before: bool = False
    behind: bool = False


NO_GAPS: Final = Edges()


def inside(parts: Sequence[Node], around: Edges) -> Iterable[tuple[Node, Edges]]:
    """Each part of a series with what stands next to it, when `around` stands next to the series."""
    shapes = [_shape(part) for part in parts]
    before = accumulate(shapes, lambda known, shape: shape.ends and (known or not shape.empty), initial=around.before)
    behind = accumulate(
        reversed(shapes), lambda known, shape: shape.starts and (known or not shape.empty), initial=around.behind
    )
    return zip(parts, map(Edges, before, list(behind)[-2::-1]), strict=False)


def between(part: Node, around: Edges) -> Edges:
    """What stands next to each copy of a repeated part."""
    shape = _shape(part)
    return Edges(around.before and shape.ends, around.behind and shape.starts)


class _Shape(NamedTuple):
    """A match that is not empty starts, and ends, with a gap. `empty`: it may be empty."""

    starts: bool
    ends: bool
    empty: bool


def _shape(node: Node) -> _Shape:
    match node:
        case Chars(allowed):
            gap = not allowed.mask & _LETTERS
            return _Shape(gap, gap, False)
        case Series(parts):
            shapes = [_shape(part) for part in parts]
            starts, ends = _first_starts(shapes), _last_ends(shapes)
            return _Shape(starts, ends, all(shape.empty for shape in shapes))
        case Choice(options):
            shapes = [_shape(option) for option in options]
            starts, ends = all(shape.starts for shape in shapes), all(shape.ends for shape in shapes)
            return _Shape(starts, ends, any(shape.empty for shape in shapes))
        case Repeat(part, low, _):
            shape = _shape(part)
            return shape if low else shape._replace(empty=True)


def _first_starts(shapes: Sequence[_Shape]) -> bool:
    """Whether every part that can come first starts with a gap."""
    for shape in shapes:
        if not shape.starts or not shape.empty:
            return shape.starts
    return True


def _last_ends(shapes: Sequence[_Shape]) -> bool:
    for shape in reversed(shapes):
        if not shape.ends or not shape.empty:
            return shape.ends
    return True
