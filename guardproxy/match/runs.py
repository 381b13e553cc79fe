"""What a match requires that has no string in common with the others: so many digits, close together.

A *run* is a chain of characters of one kind (digits, say) with only separators between them, such as the spaces and
hyphens of a card number, at most `gap` of them in a row. From the tree of a pattern follows the least number of both
that some run of each of its matches has; `guardproxy.match.run_search` looks for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from guardproxy.match.charset import DIGITS, CharSet
from guardproxy.match.tree import Chars, Choice, Node, Repeat, Series

HEX: Final = CharSet.of([(0x30, 0x39), (0x41, 0x46), (0x61, 0x66)])
CAPITALS: Final = CharSet.of([(0x30, 0x39), (0x41, 0x5A)])
ALPHANUMERIC: Final = CharSet.of([(0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A)])


class _Kind(NamedTuple):
    """Characters, how much each of them tells (bits), and how many of them are worth a look: fewer are words."""

    chars: CharSet
    bits: float
    worth_it: int


_KINDS: Final = (_Kind(DIGITS, 3, 1), _Kind(HEX, 1.2, 8), _Kind(CAPITALS, 2, 6), _Kind(ALPHANUMERIC, 0.7, 14))


class Run(NamedTuple):
    """At least so many characters of `kind` and so many separators, with at most `gap` separators in a row."""

    kind: CharSet
    least: int
    separators: CharSet
    least_separators: int
    gap: int

    @property
    def bits(self) -> float:
        """How much it tells that the run is there."""
        return self.least * next(kind.bits for kind in _KINDS if kind.chars == self.kind) + self.least_separators


def required_run(node: Node) -> Run | None:
    """The most telling run that every match has; None if there is none worth a look."""
    runs = [_run(node, kind.chars) for kind in _KINDS]
    worth_it = [run for run, kind in zip(runs, _KINDS, strict=True) if run.least >= kind.worth_it]
    return max(worth_it, key=lambda run: run.bits, default=None)


def _run(node: Node, kind: CharSet) -> Run:
    separators = CharSet.of(interval for chars in _separators(node, kind) for interval in chars.intervals)
    count = _Tally(kind, separators).of(node).best
    return Run(kind, count.chars, separators, count.separators, _longest_gap(node, separators).best)


def _separators(node: Node, kind: CharSet) -> Iterator[CharSet]:
    """What else than the kind can stand in a run of it: all that is neither letter nor digit."""
    for allowed in dict.fromkeys(_sets(node)):
        if not allowed.within(kind) and not allowed.mask & ALPHANUMERIC.mask & ~kind.mask:
            yield allowed & ~kind


def _sets(node: Node) -> Iterator[CharSet]:
    match node:
        case Chars(allowed):
            yield allowed
        case Series(parts) | Choice(parts):
            for part in parts:
                yield from _sets(part)
        case Repeat(part):
            yield from _sets(part)


class _Count(NamedTuple):
    """Characters of the kind, and separators."""

    chars: int = 0
    separators: int = 0

    def plus(self, other: _Count) -> _Count:
        return _Count(self.chars + other.chars, self.separators + other.separators)

    def least(self, other: _Count) -> _Count:
        return _Count(min(self.chars, other.chars), min(self.separators, other.separators))

    def times(self, number: int) -> _Count:
        return _Count(self.chars * number, self.separators * number)


class _Runs(NamedTuple):
    """What each match of a part has at least: in all of it if it is nothing but a run (else None), in the run it
    begins with, in the run it ends with, and in some run.
    """

    all: _Count | None
    head: _Count
    tail: _Count
    best: _Count

    def then(self, other: _Runs) -> _Runs:
        return _Runs(
            None if self.all is None or other.all is None else self.all.plus(other.all),
            self.head if self.all is None else self.all.plus(other.head),
            other.tail if other.all is None else self.tail.plus(other.all),
            max(self.best, other.best, self.tail.plus(other.head)),
        )

    def either(self, other: _Runs) -> _Runs:
        return _Runs(
            None if self.all is None or other.all is None else self.all.least(other.all),
            self.head.least(other.head),
            self.tail.least(other.tail),
            self.best.least(other.best),
        )


_NOTHING: Final = _Runs(_Count(), _Count(), _Count(), _Count())
_NEITHER: Final = _Runs(None, _Count(), _Count(), _Count())


class _Tally:
    def __init__(self, kind: CharSet, separators: CharSet) -> None:
        self._kind, self._separators, self._both = kind, separators, kind | separators
        self._of_chars: dict[CharSet, _Runs] = {}

    def of(self, node: Node) -> _Runs:
        match node:
            case Chars(allowed):
                return self._of_char(allowed)
            case Series(parts):
                return _chain(self.of(part) for part in parts)
            case Choice(options):
                first, *others = map(self.of, options)
                for other in others:
                    first = first.either(other)
                return first
            case Repeat(part, low, _):
                return _repeated(self.of(part), low)

    def _of_char(self, allowed: CharSet) -> _Runs:
        known = self._of_chars.get(allowed)
        if known is None:
            one = _Count(int(allowed.within(self._kind)), int(allowed.within(self._separators)))
            known = _Runs(one, one, one, one) if allowed.within(self._both) else _NEITHER
            self._of_chars[allowed] = known
        return known


def _chain(parts: Iterable[_Runs]) -> _Runs:
    known = _NOTHING
    for part in parts:
        known = known.then(part)
    return known


def _repeated(part: _Runs, low: int) -> _Runs:
    if part.all is not None:
        return _Runs(*(part.all.times(low),) * 4)
    return _chain([part] * min(low, 2)) if low else _NOTHING.either(part)


class _Gap(NamedTuple):
    """The most separators in a row: in all of a part if it can be nothing else (else None), at its ends, anywhere."""

    all: int | None
    head: int
    tail: int
    best: int

    def then(self, other: _Gap) -> _Gap:
        return _Gap(
            None if self.all is None or other.all is None else self.all + other.all,
            self.head if self.all is None else max(self.head, self.all + other.head),
            other.tail if other.all is None else max(other.tail, self.tail + other.all),
            max(self.best, other.best, self.tail + other.head),
        )


def _longest_gap(node: Node, separators: CharSet) -> _Gap:
    match node:
        case Chars(allowed):
            return _Gap(1, 1, 1, 1) if allowed.mask & separators.mask else _Gap(None, 0, 0, 0)
        case Series(parts):
            known = _Gap(0, 0, 0, 0)
            for part in parts:
                known = known.then(_longest_gap(part, separators))
            return known
        case Choice(options):
            gaps = [_longest_gap(option, separators) for option in options]
            possible = [gap.all for gap in gaps if gap.all is not None]
            head, tail, best = (max(column) for column in zip(*((g.head, g.tail, g.best) for g in gaps), strict=True))
            return _Gap(max(possible, default=None), head, tail, best)
        case Repeat(part, low, high):
            gap = _longest_gap(part, separators)
            if gap.all is None:
                return _Gap(None if low else 0, gap.head, gap.tail, gap.then(gap).best if high > 1 else gap.best)
            copies, others = high * gap.all, (high - 1) * gap.all
            longest = max(gap.best, others - gap.all + gap.tail + gap.head if high > 1 else 0)
            return _Gap(copies, others + gap.head, others + gap.tail, longest)
