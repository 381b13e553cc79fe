"""How all patterns of a set begin, seen from one start, and only so far.

Most starts of most patterns are over after a character or two. A *head* is a start that is not: it is what the patterns
expect behind the characters read so far. It follows a pattern until that has matched; then the *unit* the pattern
belongs to is *woken*, and whoever reads on follows the pattern by other means. It is followed for `DEPTH` characters at
most, so repeats that last longer than that need not be counted, and there are few heads.

Heads take a step per class of characters, worked out at first use.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Final, NamedTuple

from guardproxy.match.automaton import Classes, classes_of
from guardproxy.match.cells import Cells
from guardproxy.match.charset import CharSet
from guardproxy.match.layout import Expected, Layout
from guardproxy.match.tree import UNBOUNDED, Chars, Choice, Node, Program, Repeat, Series, first_characters, shortest

DEPTH: Final = 32

_MOST_CHARACTERS: Final = 1_000
_TELLING: Final = 3
_FEW: Final = 4
_WIDE: Final = 12
_STEPS: Final = 8  # of work, that a new head takes

Thread = tuple[int, Expected]
"""(pattern, expected positions)"""

Step = tuple["Head | None", int]
"""What a character leads to: None when nothing is followed any more; and the units it wakes, as a bit set."""

Beginning = tuple["Head | None", int, "Ground"]
"""What a character begins, the units it wakes, and what can begin behind it."""

_OVER: Final[Step] = (None, 0)


class Headed(NamedTuple):
    """A program, and the unit it belongs to."""

    program: Program
    unit: int


class Head:
    """A start. `units`: whose patterns go on (a bit set). `wanted`: the sets of characters it can go on with (a bit
    set). `steps`: the known ones, by those of the wanted sets that a character is in.
    """

    __slots__ = ("steps", "threads", "units", "wanted")

    def __init__(self, threads: tuple[Thread, ...], units: int, wanted: int) -> None:
        self.threads = threads
        self.units = units
        self.wanted = wanted
        self.steps: dict[int, Step] = {}


class Ground:
    """What can begin. `barred`: the patterns that cannot (a bit set). `wanted`: the sets of characters that matter for
    what does, and for what can behind the next character (a bit set). `steps`: the known ones, by those of the wanted
    sets that a character is in.
    """

    __slots__ = ("barred", "steps", "wanted")

    def __init__(self, barred: int, wanted: int) -> None:
        self.barred = barred
        self.wanted = wanted
        self.steps: dict[int, Beginning] = {}


class _Members(dict[str, int]):
    """The sets a character is in (a bit set), as far as it was looked up."""

    def __init__(self, classes: Classes) -> None:
        super().__init__()
        self._classes = classes

    def __missing__(self, char: str) -> int:
        if len(self) > _MOST_CHARACTERS:
            self.clear()
        found = self[char] = self._classes.members[self._classes[char]]
        return found


class _Kind(NamedTuple):
    """What a class of characters means: what expects something behind it if it can start with it, and the patterns that
    cannot start behind it (a bit set).
    """

    starting: Sequence[Thread]
    barring: int


class Heads:
    """The heads of all patterns. `members`: the sets that a character is in, of those told apart here, as a bit set.
    `built` counts the work done so far.
    """

    def __init__(self, headed: Sequence[Headed], cells: Cells) -> None:
        near = [replace(one.program, tree=nearest(first_part(one.program.tree), DEPTH)) for one in headed]
        self._units = [1 << one.unit for one in headed]  # as bit sets
        self.classes, self._bits = classes_of(near)
        self.members = _Members(self.classes)
        self._layouts = [Layout(program.tree, self._bits) for program in near]
        self._first = [layout.wanted(layout.first) for layout in self._layouts]
        self._barred_by: dict[int, int] = {}  # the patterns that cannot start behind a character of a set, by its bit
        for pattern, one in enumerate(headed):
            bit = self._bits[one.program.not_before]
            self._barred_by[bit] = self._barred_by.get(bit, 0) | 1 << pattern
        self._kinds: dict[int, _Kind] = {}  # by the sets that a character is in
        self._grounds: dict[int, Ground] = {}
        self._heads: dict[tuple[Thread, ...], Head] = {}
        self._cells = cells
        self._cells.on_overflow(self._forget)
        self.built = 0

    def ground(self, before: str = "") -> Ground:
        """What can begin behind the character `before`, or at the beginning of the text."""
        return self._ground(self._kind(self.members[before]).barring if before else 0)

    def begin(self, ground: Ground, members: int) -> Beginning:
        """What begins with a character that is in these sets."""
        hit = ground.wanted & members
        step = ground.steps.get(hit)
        if step is None:
            kind = self._kinds.get(members) or self._kind(members)
            starting = [thread for thread in kind.starting if not ground.barred >> thread[0] & 1]
            head, woken = self._step(starting)
            step = ground.steps[hit] = head, woken, self._ground(kind.barring)
        return step

    def go_on(self, head: Head, members: int) -> Step:
        """The start one character later, for a character that is in these sets."""
        hit = head.wanted & members
        step = head.steps.get(hit)
        if step is None:
            step = head.steps[hit] = self._step(self._advanced(head.threads, hit)) if hit else _OVER
        return step

    def without(self, head: Head, units: int) -> Head | None:
        """The same start, with some units left out."""
        if not head.units & units:
            return head
        return self._head([thread for thread in head.threads if not units & self._units[thread[0]]])

    def _ground(self, barred: int) -> Ground:
        known = self._grounds.get(barred)
        if known is None:
            wanted = reduce(or_, self._barred_by, 0)
            for pattern, first in enumerate(self._first):
                if not barred >> pattern & 1:
                    wanted |= first
            self._cells.take(4)
            known = self._grounds[barred] = Ground(barred, wanted)
        return known

    def _kind(self, members: int) -> _Kind:
        """What a character that is in these sets begins, and bars. There are few kinds."""
        first = [(p, self._layouts[p].first) for p, wanted in enumerate(self._first) if wanted & members]
        starting = self._advanced(first, members)
        barring = reduce(or_, (patterns for bit, patterns in self._barred_by.items() if bit & members), 0)
        kind = self._kinds[members] = _Kind(starting, barring)
        return kind

    def _advanced(self, threads: Iterable[Thread], members: int) -> list[Thread]:
        layouts, advanced = self._layouts, []
        for pattern, expected in threads:
            layout = layouts[pattern]
            if taken := expected & layout.allowing(members):
                advanced.append((pattern, layout.follow(taken)))
        return advanced

    def _step(self, advanced: Sequence[Thread]) -> Step:
        self.built += 1
        self._cells.take(1)
        self._cells.work.done += _STEPS
        woken = 0
        for pattern, expected in advanced:
            if expected & 1:
                woken |= self._units[pattern]
        return self._head([thread for thread in advanced if not thread[1] & 1] if woken else advanced), woken

    def _head(self, threads: Sequence[Thread]) -> Head | None:
        if not threads:
            return None
        key = tuple(threads)
        known = self._heads.get(key)
        if known is None:
            units = wanted = 0
            for pattern, expected in key:
                units |= self._units[pattern]
                wanted |= self._layouts[pattern].wanted(expected)
            self._cells.take(4 + 2 * len(key))
            known = self._heads[key] = Head(key, units, wanted)
        return known

    def _forget(self) -> None:
        for head in self._heads.values():
            head.steps.clear()
        self._heads.clear()
        for ground in self._grounds.values():
            ground.steps.clear()
        self._grounds.clear()


def first_part(node: Node) -> Node:
    """What of a pattern is looked out for: up to where so much of it has been read that it is hardly by chance, and
    what follows may be nearly anything.
    """
    match node:
        case Choice(options):
            return Choice(tuple(map(first_part, options)))
        case Series(parts):
            told = 0
            for number, part in enumerate(parts):
                if told >= _TELLING and is_wide(first_characters(part)):
                    return Series(parts[:number])
                told += telling(part)
    return node


def is_wide(chars: CharSet) -> bool:
    return sum(char in chars for char in string.ascii_letters + string.digits) >= _WIDE


def telling(node: Node) -> int:
    """The least number of characters in a match that are one of a few."""
    match node:
        case Chars(allowed):
            return int(len(allowed) <= _FEW)
        case Series(parts):
            return sum(map(telling, parts))
        case Choice(options):
            return min(map(telling, options))
        case Repeat(part, low, _):
            return low * telling(part)


def nearest(node: Node, depth: int) -> Node:
    """A simpler tree that is the same to whoever reads no more than `depth` characters. Nobody leaves a repeat whose
    least number is `UNBOUNDED`.
    """
    match node:
        case Chars():
            return node
        case Series(parts):
            return Series(tuple(_reached(parts, depth)))
        case Choice(options):
            return Choice(tuple(nearest(option, depth) for option in options))
        case Repeat(part, low, high):
            least = shortest(part)
            low = UNBOUNDED if low * least >= depth else low
            high = UNBOUNDED if high * least >= depth else high
            return Repeat(nearest(part, depth), low, high)


def _reached(parts: Iterable[Node], depth: int) -> Iterator[Node]:
    for part in parts:
        if depth <= 0:
            return
        yield nearest(part, depth)
        depth -= shortest(part)
