"""Rows of numbers that look like one number in groups: `01 02 03 04 05` counts weeks, and `0.3804 0.8687` measures.

What stands around a match a check does not see, so a row of numbers that chance made is told from a number in groups
only by what is in it.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

MOST_STEP: Final = 10
"""Rows count in ones, twos, fives and tens. `01 23 45 67 89` is a telephone number in half of all examples."""

_GROUP: Final = re.compile(r"[0-9]+")
_FEWEST: Final = 3  # groups that make a row
_DECIMAL: Final = re.compile(r"(?<![0-9.])[0-9]+\.[0-9]+(?![0-9.])")


def counts_up(text: str) -> bool:
    """Whether its groups of digits, three at least and of one size, grow by the same small step."""
    groups = _GROUP.findall(text)
    if len(groups) < _FEWEST or len(set(map(len, groups))) > 1:
        return False
    steps = {int(after) - int(before) for before, after in pairwise(groups)}
    return len(steps) == 1 and 1 <= min(steps) <= MOST_STEP


def measures(text: str) -> bool:
    """Whether two decimal fractions or more stand in it."""
    return len(_DECIMAL.findall(text)) > 1
