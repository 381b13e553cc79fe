"""What may begin or go on in a text, told at one look-up per character.

An *outlook* is what all starts that are alive expect behind a text: their heads (`guardproxy.match.heads`), earliest
first, and what can begin there. With the ages of the heads, so many characters each, it is a *sight*. Neither depends
on where in a text it comes up, so sights are the states of a deterministic automaton. As no head ever matches, a
transition has nothing to tell but the next sight.

Outlooks are few, and to work out what comes behind one takes a look-up for each head. Sights are many, because a word
of ten letters gives ten, but a new one costs no more than counting.

A unit is woken when one of its patterns has matched, when it has read `DEPTH` characters, or when more than two of its
starts are alive: among digits and separators there are starts everywhere, and as many outlooks as ways to cut them into
groups. Who reads on for it sees its starts, so they are left out here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_
from typing import Final, NamedTuple

from guardproxy.match.cells import Cells
from guardproxy.match.heads import DEPTH, Ground, Head, Heads

_MOST_HEADS: Final = 2


class Outlook:
    """`heads`: earliest start first. `wanted`: the sets of characters that matter (a bit set). `turns`: the known ones,
    by those of the wanted sets that a character is in. `sights`: the known ones, by ages.
    """

    __slots__ = ("ground", "heads", "lookout", "sights", "turns", "wanted")

    def __init__(self, lookout: Lookout, ground: Ground, heads: tuple[Head, ...]) -> None:
        self.lookout = lookout
        self.ground = ground
        self.heads = heads
        self.wanted = reduce(or_, (head.wanted for head in heads), ground.wanted)
        self.turns: dict[int, Turn] = {}
        self.sights: dict[tuple[int, ...], Sight] = {}


class Turn(NamedTuple):
    """What a character leads to. `kept`: the places of the heads that go on; a new one comes after them if it `begins`.
    `woken`: units, as a bit set.
    """

    outlook: Outlook
    kept: Sequence[int]
    begins: bool
    woken: int


class Sight(dict[str, "Sight"]):
    """As a dictionary: the sight behind a character. For one that wakes a unit there is none (KeyError).

    `ages`: of the heads. `age`: of the first, so many characters are undecided; 0 without heads.
    """

    __slots__ = ("age", "ages", "outlook")

    def __init__(self, outlook: Outlook, ages: tuple[int, ...]) -> None:
        super().__init__()
        self.outlook = outlook
        self.ages = ages
        self.age = ages[0] if ages else 0

    def __missing__(self, char: str) -> Sight:
        ahead, woken = self.outlook.lookout.work_out(self, char)
        if woken:
            raise KeyError(char)
        return ahead

    def age_of(self, units: int) -> int:
        """The age of the first head that follows one of these units; 0 if none does."""
        for head, age in zip(self.outlook.heads, self.ages, strict=True):
            if head.units & units:
                return age
        return 0


class Lookout:
    """The sights of a set, shared by all scanners of it. `built` counts the work done so far."""

    def __init__(self, heads: Heads, cells: Cells) -> None:
        self._heads = heads
        self._cells = cells
        self._cells.on_overflow(self._forget)
        self._outlooks: dict[tuple[Ground, tuple[Head, ...]], Outlook] = {}
        self._built = 0

    @property
    def built(self) -> int:
        return self._built + self._heads.built

    def start(self, before: str = "") -> Sight:
        """What is to be seen behind the character `before`, or at the beginning of the text."""
        return self._sight(self._outlook(self._heads.ground(before), ()), ())

    def work_out(self, sight: Sight, char: str) -> tuple[Sight, int]:
        """What is to be seen behind a character, and the units it wakes, as a bit set. If none, it is mostly known from
        now on.
        """
        outlook, classes = sight.outlook, self._heads.classes
        members = outlook.wanted & classes.members[classes[char]]
        keep = self._cells.keeps((outlook.heads, sight.ages, members))
        ahead, kept, begins, woken = outlook.turns.get(members) or self._turn(outlook, members, keep)
        ages = [sight.ages[place] + 1 for place in kept]
        if begins:
            ages.append(1)
        if ages and ages[0] >= DEPTH:
            woken |= ahead.heads[0].units
            ahead = self._outlook(ahead.ground, ahead.heads[1:], keep)
            del ages[0]
        following = self._sight(ahead, tuple(ages), keep)
        if keep and not woken:
            sight[char] = following
            self._cells.take(1)
        return following, woken

    def _turn(self, outlook: Outlook, members: int, keep: bool) -> Turn:
        going_on: list[tuple[int, Head]] = []  # by place
        woken = 0
        for place, head in enumerate(outlook.heads):
            following, units = head.steps.get(head.wanted & members) or self._heads.go_on(head, members)
            woken |= units
            if following is not None:
                going_on.append((place, following))
        following, units, ground = self._heads.begin(outlook.ground, members)
        woken |= units
        if following is not None:
            going_on.append((len(outlook.heads), following))
        if len(going_on) > _MOST_HEADS:
            woken |= _crowded(head for _, head in going_on)
        if woken:
            going_on = [(place, rest) for place, head in going_on if (rest := self._heads.without(head, woken))]
        ahead = self._outlook(ground, tuple([head for _, head in going_on]), keep)
        kept = [place for place, _ in going_on if place < len(outlook.heads)]
        turn = Turn(ahead, kept, len(kept) < len(going_on), woken)
        if keep:
            outlook.turns[members] = turn
            self._cells.take(2)
        return turn

    def _outlook(self, ground: Ground, heads: tuple[Head, ...], keep: bool = True) -> Outlook:
        known = self._outlooks.get((ground, heads))
        if known is None:
            self._built += 1
            known = Outlook(self, ground, heads)
            if keep:
                self._cells.take(8 + len(heads))
                self._outlooks[ground, heads] = known
        return known

    def _sight(self, outlook: Outlook, ages: tuple[int, ...], keep: bool = True) -> Sight:
        known = outlook.sights.get(ages)
        if known is None:
            known = Sight(outlook, ages)
            if keep:
                self._cells.take(4)
                outlook.sights[ages] = known
        return known

    def _forget(self) -> None:
        """Scanners keep their sight and go on from it."""
        for outlook in self._outlooks.values():
            for sight in outlook.sights.values():
                sight.clear()
            outlook.sights.clear()
            outlook.turns.clear()
        self._outlooks.clear()


def _crowded(heads: Iterable[Head]) -> int:
    """The units that go on from more than `_MOST_HEADS` starts, as a bit set."""
    counted = [0] * (_MOST_HEADS + 1)
    for head in heads:
        going_on = head.units
        for number, before in enumerate(counted):
            counted[number] = before | going_on
            going_on &= before
    return counted[_MOST_HEADS]
