"""Strings looked for one by one, behind gates: whether one stands in a text, and where the matches around it can lie.

Looking for one character takes a tenth of the time of looking for a string (measured: 0.04 against 0.5 us in 1 KB). So
strings are grouped behind their rarest character, and where that does stand in the text, behind a part of some of them:
prose without `:` is never searched for `postgres://` or `amqp://`, and other prose only for `://`.

A string that is found is looked at more closely before anything is read there (`Sought.window_at`): there must be
enough of the characters that the pattern allows before and behind it, and whatever else a match requires within its
reach. So `@` in `@dataclass` is nothing, and `://` only where a user's name and an `@` follow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Final, NamedTuple

from guardproxy.match.charset import LAST_CODE_POINT, OTHERS
from guardproxy.match.extents import ANY, Clue
from guardproxy.match.regions import Gate, Spelled, Window
from guardproxy.match.spelling import AS_WRITTEN, Spelling, bits, commonness

_FARTHEST: Final = 1024  # characters that are looked at on one side of a string
_FEW: Final = 64
_COMMON: Final = 30
_PART: Final = 4
_MOST_MARKS: Final = 3
_DENSE: Final = 16  # one string in so many characters: then everything is read


def around(begin: int, end: int, longest: int, text: str) -> Window:
    """Where the matches of at most `longest` characters lie that hold `[begin, end)`, and the character behind them."""
    return max(end - longest, 0), min(begin + longest + 1, len(text))


class Sought:
    """A clue, and what else its matches hold: a string of each of the `others`, spelled so, and so much of what is
    `rare`. `marks`: rare characters, neither letters nor digits, one of which every match holds; or none.
    """

    def __init__(
        self, clue: Clue, others: Sequence[Clue] = (), spelling: Spelling = AS_WRITTEN, rare: Sequence[Gate] = ()
    ) -> None:
        self.strings = clue.strings
        self._before, self._behind = clue.before, clue.behind
        self._class_before, self._class_behind = _stretch_of(clue.before.chars), _stretch_of(clue.behind.chars)
        self._others = [_Other.of(other, clue) for other in others]
        self._spelling = spelling
        self._rare = rare
        self.marks = min(filter(None, (_marks(other.strings) for other in others)), key=_commonness_of, default="")

    def window_at(self, at: int, end: int, spelled: Spelled) -> Window | None:
        """Where the matches around a string at `[at, end)` can lie, with the character behind them; None: nowhere."""
        text = spelled.text
        first, last = max(end - self._before.most, 0), min(at + self._behind.most, len(text))
        if not self._others_stand_near(at, end, first, last, spelled):
            return None
        if self._class_before:
            nearest = max(first, end - _FARTHEST)
            allowed = self._class_before(text[nearest:end][::-1])
            if allowed < end - nearest:
                first = end - allowed
        if self._class_behind:
            farthest = min(last, at + _FARTHEST)
            allowed = self._class_behind(text[at:farthest])
            if allowed < farthest - at:
                last = at + allowed
        if at - first < self._before.least or last - end < self._behind.least:
            return None
        for gate in self._rare:
            if not spelled.has(gate, first, last):
                return None
        if not self._others_stand_near(at, end, first, last, spelled):
            return None
        return first, min(last + 1, len(text))

    def _others_stand_near(self, at: int, end: int, first: int, last: int, spelled: Spelled) -> bool:
        """Whether what else a match holds stands where it must, and in `[first, last)`."""
        for other in self._others:
            text = spelled.in_spelling(self._spelling)
            if not other.stands_in(text, max(end - other.before, first), min(at + other.behind, last)):
                return False
        return True


class _Other(NamedTuple):
    """Strings; they begin at most `before` characters before the end of the string that was found, and end at most
    `behind` characters behind its start.
    """

    strings: tuple[str, ...]
    before: int
    behind: int

    @staticmethod
    def of(other: Clue, found: Clue) -> _Other:
        before, behind = other.behind.most - found.behind.least, other.before.most - found.before.least
        return _Other(tuple(other.strings), before, behind)

    def stands_in(self, text: str, first: int, last: int) -> bool:
        if first < last:
            for string in self.strings:
                if text.find(string, first, last) >= 0:
                    return True
        return False


class _Stretch:
    """Called with a text: how many characters at its beginning are in a mask."""

    def __init__(self, chars: int) -> None:
        self._chars = chars

    @cached_property
    def _match(self) -> Callable[[str], re.Match[str] | None]:
        # Made when it is first needed: most strings are never found.
        ascii_chars = "".join(re.escape(chr(code)) for code in range(128) if self._chars >> code & 1)
        others = f"{chr(128)}-{chr(LAST_CODE_POINT)}" if self._chars & OTHERS else ""
        return re.compile(f"[{ascii_chars}{others}]*").match

    def __call__(self, text: str) -> int:
        found = self._match(text)
        return found.end() if found else 0


@lru_cache(maxsize=1024)
def _stretch_of(chars: int) -> _Stretch | None:
    """None if all characters always are in the mask."""
    return None if chars == ANY else _Stretch(chars)


class Needles:
    """Strings of many clues, looked for together. They are given and looked for in one spelling."""

    def __init__(self, sought: Iterable[Sought]) -> None:
        self._sought: dict[str, list[Sought]] = {}
        by_marks: dict[str, set[str]] = {}
        for one in sought:
            by_marks.setdefault(one.marks, set()).update(one.strings)
            for string in one.strings:
                self._sought.setdefault(string, []).append(one)
        self._gates = tuple((tuple(marks) or ("",), _gates(strings)) for marks, strings in by_marks.items())

    def standing_in(self, text: str, around: str) -> set[str]:
        """Those that stand in the text, if a mark of their clue does in what is `around` it."""
        found: set[str] = set()
        for marks, gates in self._gates:
            for mark in marks:
                if mark in around:
                    break
            else:
                continue
            for gate, pairs in gates:
                if gate in text:
                    for pair, needles in pairs:
                        if pair in text:
                            found.update(needle for needle in needles if needle in text)
        return found

    def windows(self, needles: Iterable[str], text: str, spelled: Spelled) -> Iterator[Window]:
        """Around these strings in the text (which is in their spelling), where there can be a match."""
        for needle in needles:
            for sought in self._sought[needle]:
                yield from _windows(needle, sought, text, spelled)


def _windows(needle: str, sought: Sought, text: str, spelled: Spelled) -> Iterator[Window]:
    """In order; those that touch are one, so a text full of them costs as little memory as any other."""
    most = _FEW + len(text) // _DENSE
    looked, begin, end = 0, 0, -1
    at = text.find(needle)
    while at >= 0:
        looked += 1
        if looked > most:
            yield 0, len(text)
            return
        window = sought.window_at(at, at + len(needle), spelled)
        if window and window[0] <= end:
            begin, end = min(begin, window[0]), max(end, window[1])
        elif window:
            if end >= 0:
                yield begin, end
            begin, end = window
        at = text.find(needle, at + 1)
    if end >= 0:
        yield begin, end


def _marks(strings: Iterable[str]) -> str:
    """A rare character of each that is neither letter nor digit; none if one of them has none, or they are many."""
    marks = [min(filter(_is_mark, string), key=commonness, default="") for string in strings]
    return "".join(sorted(set(marks))) if all(marks) and len(set(marks)) <= _MOST_MARKS else ""


def _is_mark(char: str) -> bool:
    return not char.isalnum() and commonness(char) < _COMMON


def _commonness_of(marks: str) -> tuple[int, str]:
    return sum(map(commonness, marks)), marks


_Gates = tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]


def _gates(needles: Iterable[str]) -> _Gates:
    """The strings by a rare character in each (or none, if all are common), then by a part that several share."""
    groups: dict[str, set[str]] = {}
    for needle in needles:
        rarest = min(needle, key=lambda char: (commonness(char), char))
        groups.setdefault(rarest if commonness(rarest) < _COMMON else "", set()).add(needle)
    return tuple((gate, tuple(_by_part(group))) for gate, group in sorted(groups.items()))


def _by_part(needles: Iterable[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Few parts, so that each string has one of them, with the strings that have it; alone a string is its own."""
    left = set(needles)
    while left:
        sharing: dict[str, set[str]] = {}
        for needle in left:
            for at in range(max(len(needle) - _PART, 0) + 1):
                sharing.setdefault(needle[at : at + _PART], set()).add(needle)
        part, group = max(sharing.items(), key=lambda one: (len(one[1]), bits(one[0]), one[0]))
        yield (part if len(group) > 1 else next(iter(group))), tuple(sorted(group))
        left -= group
