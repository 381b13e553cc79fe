"""Texts made of what the packs look for: whole, cut, one off, glued, nested, beside what only looks like it.

A fragment is made from an example of a rule, expanded anew, so no two are the same. How many of the texts hold a match,
and of how many rules, prints `python -m tests.promises.fragments`.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from tests.promises import packs
from tests.promises.depth import same_cases

PROSE: Final = (
    "The library opens at nine, and the reading room closes an hour before the doors do. ",
    "Please have a look at the second paragraph; I have moved the table below it.",
    "def total(rows):\n    return sum(row.price * row.count for row in rows)\n",
    "Die Straße ist gesperrt, der Zug fährt um 7:45 Uhr von Gleis 3.",
    '{"name": "value", "count": 3, "items": ["a", "b"]}',
    "| day | visitors |\n|-----|----------|\n| Mon | 1,204    |\n",
    "今日は良い天気です。",
)
SEPARATORS: Final = (
    "",
    "",
    "",
    " ",
    "\n",
    ", ",
    ": ",
    "=",
    '"',
    "'",
    "-",
    "_",
    "x",
    "7",
    "/",
    "@",
    "](",
    "\r\n",
    "\\n",
)
# No letter whose other case is in another place of Unicode (the Kelvin sign): the tests of the language have these.
NOISE: Final = "\u200b\u200d\u00ad\ufeffé😀\u0301ｅ１а\u202e\x00\x1b\u3000\U000e0041ß中"


class Case(NamedTuple):
    """A text, and the rules whose examples it is made of."""

    text: str
    rules: tuple[str, ...]


class _Maker:
    """Makes the fragments of one text."""

    def __init__(self, names: Sequence[str], longest: int) -> None:
        self._names = names
        self._longest = longest
        self.used: list[str] = []

    def whole(self, random: Random) -> str:
        for _ in range(20):
            rule = random.choice(self._names)
            text = packs.example(rule, "match", random)
            if len(text) <= self._longest:
                self.used.append(rule)
                return text
        return ""

    def cut(self, random: Random) -> str:
        """The beginning of a match, or its end: what a limit of tokens, or the end of a stream, leaves."""
        text = self.whole(random)
        at = random.randint(0, len(text))
        return random.choice([text[:at], text[at:], text[:-1], text[1:]])

    def one_off(self, random: Random) -> str:
        """One character too many, or too few, or another one."""
        text = self.whole(random)
        at = random.randrange(len(text) or 1)
        middle = random.choice(["", text[at : at + 1] * 2, random.choice("aZ0-_ .")])
        return text[:at] + middle + text[at + 1 :]

    def glued(self, random: Random) -> str:
        return self.whole(random) + self.whole(random)

    def nested(self, random: Random) -> str:
        outer, inner = self.whole(random), self.whole(random)
        at = random.randint(0, len(outer))
        return outer[:at] + inner + outer[at:]

    def near_miss(self, random: Random) -> str:
        rule = random.choice(self._names)
        if not packs.examples(rule, "pass"):
            return ""
        self.used.append(rule)
        return packs.example(rule, "pass", random)[: self._longest]

    def prose(self, random: Random) -> str:
        return random.choice(PROSE)[: self._longest]

    def noise(self, random: Random) -> str:
        """Characters that cannot be seen, or belong to nothing, inside of a match or by themselves."""
        text = random.choice([self.whole, self.prose])(random)
        at = random.randint(0, len(text))
        return text[:at] + "".join(random.choices(NOISE, k=random.randint(1, 3))) + text[at:]


_KINDS: Final[Mapping[str, Callable[[_Maker, Random], str]]] = {
    "whole": _Maker.whole,
    "glued": _Maker.glued,
    "nested": _Maker.nested,
    "one off": _Maker.one_off,
    "cut": _Maker.cut,
    "near miss": _Maker.near_miss,
    "prose": _Maker.prose,
    "noise": _Maker.noise,
}
# Hypothesis shrinks towards the front, so to what a reader understands at once.
_DRAWN: Final = ("prose", "whole", "whole", "cut", "one off", "glued", "nested", "near miss", "noise")


@st.composite
def made_of(draw: st.DrawFn, pieces: int = 3, longest: int = 300, names: Sequence[str] = ()) -> Case:
    """One to so many fragments of at most `longest` characters, of all rules or of these, and separators."""
    maker = _Maker(names or tuple(packs.rules()), longest)
    text = ""
    for kind in draw(st.lists(st.sampled_from(_DRAWN), min_size=1, max_size=pieces)):
        random = Random(draw(st.integers(0, (1 << 32) - 1)))
        text += _KINDS[kind](maker, random) + random.choice(SEPARATORS)
    return Case(text, tuple(dict.fromkeys(maker.used)))


def texts(pieces: int = 3, longest: int = 300) -> st.SearchStrategy[str]:
    return made_of(pieces, longest).map(lambda case: case.text)


class Counted(NamedTuple):
    """Of so many `cases`, these hold a match, matches of several rules, or of several that overlap."""

    cases: int
    with_a_match: int
    with_several_rules: int
    with_an_overlap: int
    rules: int

    def __str__(self) -> str:
        return (
            f"{self.with_a_match} of {self.cases} texts hold a match, {self.with_several_rules} of several rules, "
            f"{self.with_an_overlap} matches of several rules that overlap; {self.rules} of "
            f"{len(packs.rules())} rules are found"
        )


def counted(cases: int) -> Counted:
    """What the properties are given, the same each time."""
    found: Counter[str] = Counter()
    rules: set[str] = set()

    @same_cases(cases)
    @given(made_of())
    def look(case: Case) -> None:
        spans = packs.spans_in(case.text)
        of_rules = {span.rule for span in spans}
        rules.update(of_rules)
        found["all"] += 1
        found["any"] += bool(spans)
        found["several"] += len(of_rules) > 1
        found["overlap"] += any(
            one.rule != other.rule and one.start < other.end and other.start < one.end
            for one in spans
            for other in spans
        )

    look()
    return Counted(found["all"], found["any"], found["several"], found["overlap"], len(rules))


if __name__ == "__main__":
    sys.stdout.write(f"{counted(1000)}\n")
