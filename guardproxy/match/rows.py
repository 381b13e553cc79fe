"""How many characters of one kind stand in a row in every match: what is asked of each pattern.

`sk-[a-z0-9]{20}` has 23 letters, digits and hyphens in a row, `\\d{3}-\\d{4}` four digits, and seven if hyphens are
left out. As with runs (`guardproxy.match.runs`) it follows from what is known of each part of the tree: whether it is
nothing but a row, and the rows that it begins with, ends with, and has somewhere.
"""

from __future__ import annotations

from typing import Final

from guardproxy.match.charset import CharSet
from guardproxy.match.tree import Chars, Choice, Node, Repeat, Series

_NO_CHARS: Final = CharSet(())


def least_in_a_row(node: Node, kind: CharSet, separators: CharSet = _NO_CHARS) -> int:
    """So many characters of the kind, at least, stand next to each other in every match, but for the separators."""
    return _Rows(kind, separators).of(node)[3]


def least_of(node: Node, kind: CharSet) -> int:
    """So many characters of the kind, at least, are in every match."""
    match node:
        case Chars(allowed):
            return int(allowed.within(kind))
        case Series(parts):
            return sum(least_of(part, kind) for part in parts)
        case Choice(options):
            return min(least_of(option, kind) for option in options)
        case Repeat(part, low, _):
            return low * least_of(part, kind)


_Row = tuple[int | None, int, int, int]
"""In all of a part if it is nothing but a row (else None), in the row that it begins with, in the one that it ends
with, in the longest. Plain tuples, because this is worked out several times for every pattern."""

_NO_ROW: Final[_Row] = (None, 0, 0, 0)


class _Rows:
    def __init__(self, kind: CharSet, separators: CharSet) -> None:
        self._kind, self._both = kind, kind | separators
        self._of_chars: dict[CharSet, _Row] = {}

    def of(self, node: Node) -> _Row:
        match node:
            case Chars(allowed):
                return self._of_chars.get(allowed) or self._of_char(allowed)
            case Series(parts):
                row: _Row = (0, 0, 0, 0)
                for part in parts:
                    row = _then(row, self.of(part))
                return row
            case Choice(options):
                first, *others = map(self.of, options)
                for other in others:
                    first = _either(first, other)
                return first
            case Repeat(part, low, _):
                row = self.of(part)
                if row[0] is not None:
                    return (low * row[0],) * 4
                return _then(row, row) if low > 1 else row if low else _either((0, 0, 0, 0), row)

    def _of_char(self, allowed: CharSet) -> _Row:
        row = (int(allowed.within(self._kind)),) * 4 if allowed.within(self._both) else _NO_ROW
        self._of_chars[allowed] = row
        return row


def _then(one: _Row, other: _Row) -> _Row:
    all_of_one, head, tail, best = one
    all_of_other, next_head, next_tail, next_best = other
    return (
        None if all_of_one is None or all_of_other is None else all_of_one + all_of_other,
        head if all_of_one is None else all_of_one + next_head,
        next_tail if all_of_other is None else tail + all_of_other,
        max(best, next_best, tail + next_head),
    )


def _either(one: _Row, other: _Row) -> _Row:
    return (
        None if one[0] is None or other[0] is None else min(one[0], other[0]),
        min(one[1], other[1]),
        min(one[2], other[2]),
        min(one[3], other[3]),
    )
