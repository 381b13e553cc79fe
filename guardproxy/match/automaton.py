"""A pattern as an automaton that knows where each match began, one step for all starts at once.

Threads. A thread is the pattern tried from one start; it *expects* a set of positions (`guardproxy.match.layout`).
Reading a character keeps the expected positions that allow it and moves on to what follows them. A position expected
by an earlier thread is dropped from a later one: whatever follows, both would match up to the same ends, and the match
with the earlier start contains the other. So there are never more threads than positions. A thread that expects nothing
is dead, so every thread alive can still become a match: that is what makes holding text back minimal.

One set for all threads. Each expected position belongs to one thread, so what all of them expect is one set, and a
step of it is a step of all. Where the next position follows, or the same one again, that is a shift. Where others
follow, at an *exit* (`guardproxy.match.exits`), the positions taken are kept in mind for one character: only if that
allows something of what the exit leads to is it *entered*, and seen whose it is. So what a character costs hardly
depends on how many threads there are.

What a character means is worked out once for each class of characters. Nothing else is kept, so a text that is written
to be dear takes no memory.

A pattern that says what must not follow (`not_after`) keeps its match open for a character: what leads to position 0
is entered by any character that may stand behind a match. Any other pattern confirms at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from guardproxy.match.charset import CharClasses, CharSet
from guardproxy.match.exits import Exits
from guardproxy.match.layout import Expected, Layout, character_sets
from guardproxy.match.rigid import Rigid
from guardproxy.match.tree import Program
from guardproxy.match.work import Work

_MOST_CHARACTERS: Final = 1_000
_SIZE: Final = 2_000  # positions for which a character costs a quarter of a step more


class Kind(NamedTuple):
    """What a class of characters means. Of the positions that allow it: those `chained` to the next one, those
    `exiting`, and those that are `special`, as they stay expected or as a match ends with them, `accepting`.

    `wanted` is what an exit may lead to for it to be entered by such a character, and `entering` the exits that lead to
    something of it. `fresh`: what a match can begin with behind it.
    """

    chained: int
    exiting: int
    special: int
    entering: int
    fresh: int
    accepting: int
    wanted: int


class Automaton:
    """A pattern, shared by all scanners of it. `kinds`: of all characters, as far as they were looked up. `late`: a
    match waits for the character behind it. `loose` are the positions that are not rigid. `weight`: a character costs
    so many quarters of a step of work. `built` counts the kinds worked out so far.
    """

    def __init__(self, program: Program, work: Work | None = None) -> None:
        self._program = program
        self.work = Work() if work is None else work
        classes, self._bits = char_classes_of([program])
        self._layout = layout = Layout(program.tree, self._bits)
        self.size = layout.size
        self.rigid = Rigid(layout)
        self.loose = (1 << layout.size) - 2 & ~self.rigid.positions
        self.exits = Exits(layout, self.rigid)
        self.late = bool(program.not_after)
        self.kinds = _Kinds(self, classes)
        self.weight = 1 + layout.size // _SIZE
        self.built = 0

    def start(self, before: str = "") -> Expected:
        """What is expected behind the character `before`, or at the beginning of the text."""
        return self.kinds[before].fresh if before else self.rigid.first

    def kind(self, members: int) -> Kind:
        """Of the characters in these sets."""
        self.built += 1
        rigid, exits, late = self.rigid, self.exits, self.late
        allowed = self._layout.allowing(members)
        confirming = late and not self._bits[self._program.not_after] & members
        wanted = allowed | confirming
        taken = allowed | sum(1 << copy for copy, copied in rigid.copies if allowed >> copied & 1)
        accepting = 0 if late else exits.ending & taken
        return Kind(
            exits.chained & taken,
            (exits.onward | exits.ending if late else exits.onward) & taken,
            exits.staying & taken | accepting,
            exits.to(wanted),
            0 if self._bits[self._program.not_before] & members else rigid.first,
            accepting,
            wanted,
        )


class _Kinds(dict[str, Kind]):
    """By character; there are few different ones."""

    def __init__(self, automaton: Automaton, classes: CharClasses) -> None:
        super().__init__()
        self._automaton, self._classes = automaton, classes
        self._of_class: dict[int, Kind] = {}

    def __missing__(self, char: str) -> Kind:
        if len(self) > _MOST_CHARACTERS:
            self.clear()
        char_class = self._classes.class_of(char)
        kind = self._of_class.get(char_class)
        if kind is None:
            kind = self._of_class[char_class] = self._automaton.kind(self._classes.members[char_class])
        self[char] = kind
        return kind


class Classes(dict[str, int]):
    """The class of a character, as far as it was looked up. `members`: the sets that each class lies in (bit sets)."""

    def __init__(self, classes: CharClasses) -> None:
        super().__init__()
        self._classes = classes
        self.members = classes.members

    def __missing__(self, char: str) -> int:
        if len(self) > _MOST_CHARACTERS:
            self.clear()
        found = self[char] = self._classes.class_of(char)
        return found


def classes_of(programs: Sequence[Program]) -> tuple[Classes, dict[CharSet, int]]:
    """The classes of characters that programs tell apart, and the bit of each set."""
    classes, bits = char_classes_of(programs)
    return Classes(classes), bits


def char_classes_of(programs: Sequence[Program]) -> tuple[CharClasses, dict[CharSet, int]]:
    """The same, not looked up."""
    sets = dict.fromkeys(charset for program in programs for charset in (program.not_before, program.not_after))
    sets.update(dict.fromkeys(charset for program in programs for charset in character_sets(program.tree)))
    return CharClasses(list(sets)), {charset: 1 << number for number, charset in enumerate(sets)}
