"""How often a part of a pattern may stand: `?`, `*`, `+`, `{3}`, `{1,200}`, `{3,}` (see `guardproxy.match.syntax`)."""

from __future__ import annotations

import re
from typing import Final

from guardproxy.match.class_syntax import CharacterReader
from guardproxy.match.tree import UNBOUNDED

MOST_POSITIONS: Final = 10_000
_COUNTS: Final = re.compile(r"\{([0-9]*)(,?)([0-9]*)\}")


class CountReader(CharacterReader):
    """Reads characters, classes and counts."""

    def _counts(self) -> tuple[int, int] | None:
        """The repeat that stands here, or None."""
        found = {"?": (0, 1), "*": (0, UNBOUNDED), "+": (1, UNBOUNDED)}.get(self._next())
        if found:
            self._at += 1
            return found
        return self._counts_in_braces() if self._next() == "{" else None

    def _counts_in_braces(self) -> tuple[int, int]:
        found = _COUNTS.match(self._text, self._at)
        if not found or found[0] in ("{}", "{,}"):
            self._fail("'{' begins a repeat such as {3} or {1,200}; write \\{ for the character")
        low, comma, high = found.groups()
        if len(low) > 6 or len(high) > 6:
            self._fail(f"too many repeats, a pattern has at most {MOST_POSITIONS:,} positions; write fewer")
        if not low:
            self._fail(f"write {{0,{high}}}")
        self._at = found.end()
        if comma and not high:
            return int(low), UNBOUNDED
        return int(low), int(high or low)
