"""Unicode's general categories as sets of characters: letters, digits, punctuation of all scripts.

Which character is of which category is asked of the running Python (`unicodedata`), once for all code points and only
when the first pattern names a category: 0.15 s. A name of one letter is the union of the categories that begin with it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import cache
from itertools import groupby
from typing import Final

from guardproxy.match.charset import LAST_CODE_POINT, CharSet, Interval

_GROUPS: Final[Mapping[str, str]] = {
    "L": "ultmo",
    "M": "nce",
    "N": "dlo",
    "P": "cdseifo",
    "S": "mcko",
    "Z": "slp",
    "C": "cfson",
}
CATEGORIES: Final = tuple(
    name for group, members in _GROUPS.items() for name in (group, *(group + member for member in members))
)
"""Every name there is: `L`, `Lu`, ..., `Cn`."""


@cache
def category(name: str) -> CharSet:
    """The characters of a category out of `CATEGORIES`."""
    members = [name] if len(name) > 1 else [name + member for member in _GROUPS[name]]
    return CharSet.of(interval for member in members for interval in _intervals()[member])


@cache
def _intervals() -> Mapping[str, list[Interval]]:
    found: dict[str, list[Interval]] = {name: [] for name in CATEGORIES}
    first = 0
    for name, run in groupby(map(unicodedata.category, map(chr, range(LAST_CODE_POINT + 1)))):
        behind = first + sum(1 for _ in run)
        found[name].append((first, behind - 1))
        first = behind
    return found
