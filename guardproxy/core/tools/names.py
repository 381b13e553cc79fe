"""Names of tools and other values, held against patterns with `*` for any characters.

No other character is special, and case and width do not count: a model that writes `Send_Email` means the same tool,
and so may the program that looks it up. Matching takes one pass per piece between stars, whatever the pattern.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import NamedTuple


def folded(text: str) -> str:
    """The text as it is compared: compatibility forms and case undone, no space around it."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return text.strip().casefold()


def matches(pattern: str, value: str) -> bool:
    """Whether a folded value is all of a folded pattern, in which `*` stands for any characters or none."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == value
    *middle, last = rest
    if len(value) < len(first) + len(last) or not value.startswith(first) or not value.endswith(last):
        return False
    at, end = len(first), len(value) - len(last)
    for piece in middle:
        found = value.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


class Names(NamedTuple):
    """A set of names, as folded patterns."""

    patterns: tuple[str, ...] = ()

    @staticmethod
    def of(patterns: Iterable[str]) -> Names:
        return Names(tuple(dict.fromkeys(map(folded, patterns))))

    def match(self, value: str) -> bool:
        name = folded(value)
        return any(matches(pattern, name) for pattern in self.patterns)

    def match_any(self, values: Iterable[str]) -> bool:
        return any(map(self.match, values))


EVERYTHING = Names(("*",))
NOTHING = Names()
