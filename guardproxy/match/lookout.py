"""What may begin or go on in a text, told at one look-up per character.

A *sight* is what all starts that are alive expect behind a text: their heads (`guardproxy.match.heads`), earliest
first, with their ages, so many characters each; and what can begin there. It does not depend on where in a text it
comes up, so sights are the states of a deterministic automaton. As no head ever matches, a transition has nothing to
tell but the next sight.

Sights are many, because a word of ten letters gives ten, but a new one costs a look-up for each head, and heads are
few. In text that never repeats what it begins most sights are new and not kept; then that is what a character costs.

A unit is woken when one of its patterns has matched, when it has read `DEPTH` characters, or when more than two of its
starts are alive: among digits and separators there are starts everywhere, and as many sights as ways to cut them into
groups. Who reads on for it sees its starts, so they are left out here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from guardproxy.match.cells import Cells
from guardproxy.match.heads import DEPTH, Ground, Head, Heads

_MOST_HEADS: Final = 2
_STEPS: Final = 4  # of work, that a new sight takes


class Sight(dict[str, "Sight"]):
    """As a dictionary: the sight behind a character. For one that wakes a unit there is none (KeyError).

    `heads`: earliest start first. `ages`: of the heads. `age`: of the first, so many characters are undecided; 0
    without heads. `kept`: whether it is remembered. `waking`: what is known of the characters that wake a unit.
    """

    __slots__ = ("age", "ages", "ground", "heads", "kept", "lookout", "waking")

    def __init__(self, lookout: Lookout, ground: Ground, heads: tuple[Head, ...], ages: tuple[int, ...]) -> None:
        super().__init__()
        self.lookout = lookout
        self.ground = ground
        self.heads = heads
        self.ages = ages
        self.age = ages[0] if ages else 0
        self.kept = False
        self.waking: dict[str, tuple[Sight, int]] = {}

    def ahead(self, char: str) -> tuple[Sight, int]:
        """The sight behind a character, and the units it wakes, as a bit set."""
        ahead = self.get(char)
        return (ahead, 0) if ahead is not None else self.waking.get(char) or self.lookout.work_out(self, char)

    def __missing__(self, char: str) -> Sight:
        if char in self.waking:
            raise KeyError(char)
        ahead, woken = self.lookout.work_out(self, char)
        if woken:
            raise KeyError(char)
        return ahead

    def looks_like(self, other: Sight) -> bool:
        """Whether both see the same, with the same ages."""
        return self is other or (self.ground, self.heads, self.ages) == (other.ground, other.heads, other.ages)

    def age_of(self, units: int) -> int:
        """The age of the first head that follows one of these units; 0 if none does."""
        for head, age in zip(self.heads, self.ages, strict=True):
            if head.units & units:
                return age
        return 0


_Key = tuple[Ground, tuple[Head, ...], tuple[int, ...]]


class Lookout:
    """The sights of a set, shared by all scanners of it."""

    def __init__(self, heads: Heads, cells: Cells) -> None:
        self._heads = heads
        self._cells = cells
        self._cells.on_overflow(self._forget)
        self._sights: dict[_Key, Sight] = {}
        self._made = 0

    @property
    def built(self) -> int:
        """The work done so far that could not be looked up."""
        return self._made + self._heads.built

    def start(self, before: str = "") -> Sight:
        """What is to be seen behind the character `before`, or at the beginning of the text."""
        return self._sight(self._heads.ground(before), (), ())

    def work_out(self, sight: Sight, char: str) -> tuple[Sight, int]:
        """What is to be seen behind a character, and the units it wakes, as a bit set. If none, it is mostly known from
        now on.
        """
        self._cells.work.done += _STEPS
        members = self._heads.members[char]
        heads: list[Head] = []
        ages: list[int] = []
        woken = 0
        for head, age in zip(sight.heads, sight.ages, strict=True):
            if hit := head.wanted & members:
                following, units = head.steps.get(hit) or self._heads.go_on(head, members)
                woken |= units
                if following is not None:
                    heads.append(following)
                    ages.append(age + 1)
        ground = sight.ground
        following, units, ground = ground.steps.get(ground.wanted & members) or self._heads.begin(ground, members)
        woken |= units
        if following is not None:
            heads.append(following)
            ages.append(1)
        if len(heads) > _MOST_HEADS:
            woken |= _crowded(heads)
        if ages and ages[0] >= DEPTH:
            woken |= heads[0].units
        if woken:
            left = [
                (rest, age) for head, age in zip(heads, ages, strict=True) if (rest := self._heads.without(head, woken))
            ]
            heads, ages = [head for head, _ in left], [age for _, age in left]
        ahead = self._sight(ground, tuple(heads), tuple(ages))
        if ahead.kept and sight.kept:
            self._cells.take(1)
            if woken:
                sight.waking[char] = ahead, woken
            else:
                sight[char] = ahead
        return ahead, woken

    def _sight(self, ground: Ground, heads: tuple[Head, ...], ages: tuple[int, ...]) -> Sight:
        key = ground, heads, ages
        known = self._sights.get(key)
        if known is None:
            known = Sight(self, ground, heads, ages)
            self._made += 1
            if self._cells.keeps(key):
                known.kept = True
                self._sights[key] = known
                self._cells.take(5 + len(heads))
        return known

    def _forget(self) -> None:
        """Scanners keep their sight and go on from it."""
        for sight in self._sights.values():
            sight.clear()
            sight.waking.clear()
            sight.kept = False
        self._sights.clear()


def _crowded(heads: Iterable[Head]) -> int:
    """The units that go on from more than `_MOST_HEADS` starts, as a bit set."""
    once = twice = more = 0
    for head in heads:
        going_on = head.units
        more |= twice & going_on
        twice |= once & going_on
        once |= going_on
    return more
