"""What the scanner of one pattern must say, worked out the slow way: every thread is moved by itself."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from guardproxy.match.automaton import classes_of
from guardproxy.match.layout import Expected, Layout, has_matched
from guardproxy.match.parts import Part, parts_of
from guardproxy.match.pattern_set import Pattern
from guardproxy.match.syntax import PatternSyntaxError


class SlowThread(NamedTuple):
    expected: Expected
    start: int
    hold: int


class OneByOne:
    """Reads a text character by character. `matches` are (start, end) in the order of confirmation."""

    def __init__(self, part: Part) -> None:
        self._program, self._at_end = part.program, part.at_end
        self._classes, self._bits = classes_of([part.program])
        self._layout = Layout(part.program.tree, self._bits)
        self.threads: list[SlowThread] = []
        self.barred = False
        self.matches: list[tuple[int, int]] = []
        self.position = 0

    def read(self, char: str) -> None:
        members = self._classes.members[self._classes[char]]
        late = bool(self._program.not_after)
        confirming = not self._bits[self._program.not_after] & members
        ahead = []
        for expected, start, hold in self.threads:
            if has_matched(expected) and confirming:
                self.matches.append((start, self.position))
                hold = self.position
            ahead.append(SlowThread(self._layout.advance(expected, members), start, hold))
        if not self.barred:
            ahead.append(SlowThread(self._layout.advance(self._layout.first, members), self.position, self.position))
        self.position += 1
        self.threads, before = [], 0
        for following, start, hold in ahead:
            expected = following & ~before
            before |= expected
            if has_matched(expected) and not late:
                self.matches.append((start, self.position))
                expected, hold = expected ^ 1, self.position
            if expected:
                self.threads.append(SlowThread(expected, start, hold))
        self.barred = bool(self._bits[self._program.not_before] & members)

    def end(self) -> None:
        for expected, start, hold in self.threads:
            cut_off = self._at_end and hold < self.position and self.position - start >= self._at_end
            if has_matched(expected) or cut_off:
                self.matches.append((start, self.position))
        self.threads = []

    @property
    def safe(self) -> int:
        return min([self.position, *(hold for _, _, hold in self.threads)])

    @property
    def standing(self) -> tuple[bool, list[tuple[Expected, int, int]]]:
        """What comes depends on this alone."""
        at = self.position
        return self.barred, [(expected, at - start, at - hold) for expected, start, hold in self.threads]


_PARTS = [
    "a",
    "b",
    "c",
    "[ab]",
    "[^a]",
    "a?",
    "[ab]?",
    "a{2,4}",
    "[ab]{0,6}",
    "b{3}",
    "[^c]{1,5}",
    "(?:ab|b)",
    "(?:a|bc|cab)",
    "(?:ab){1,3}",
    "(?:ab|cb){0,3}",
    "(?:ab?){1,3}",
    "(?:a|bb){0,2}",
    "(?:abc)?",
]
_ENDS = ["", "", "", "a{2,}", "b*", "[ab]+", "(?:ab?)+", "(?:a|bc)*", "(?:b?a)*"]
_EDGES = ["", "", "", "a", "b", "bc"]
ALPHABET = "abc"


def _part(core: str, not_before: str, not_after: str, at_end: int) -> Part | None:
    try:
        (part,) = parts_of(Pattern("r", core, not_before, not_after))
    except PatternSyntaxError:
        return None
    return part._replace(at_end=at_end)


@st.composite
def _any_part(draw: DrawFn) -> Part | None:
    cores = draw(st.lists(st.sampled_from(_PARTS), min_size=1, max_size=6))
    core = "".join(cores) + draw(st.sampled_from(_ENDS))
    if draw(st.booleans()):
        core = f"{core}|{''.join(draw(st.lists(st.sampled_from(_PARTS), min_size=1, max_size=4)))}"
    edges = st.sampled_from(_EDGES)
    return _part(core, draw(edges), draw(edges), draw(st.sampled_from([0, 0, 2, 4])))


def any_part() -> st.SearchStrategy[Part]:
    """A pattern with windows, counted repeats, parts that may be left out, and edges."""
    return _any_part().filter(lambda part: part is not None).map(_certain)


def _certain(part: Part | None) -> Part:
    assert part is not None
    return part


def any_text(longest: int = 30) -> st.SearchStrategy[str]:
    """For these: of few characters, and of runs of one."""
    runs = st.tuples(st.sampled_from(ALPHABET), st.integers(1, 9)).map(lambda run: run[0] * run[1])
    return st.lists(st.one_of(st.sampled_from(ALPHABET), runs), max_size=longest).map("".join)
