"""Where the JSON of a call's arguments ends: whether a text is all of it, or was cut off.

A parser says so of text that it can take. Of text that it cannot - numbers with thousands of digits, lists in thousands
of lists, a byte order mark, quotation marks of another language - only the end is looked for: what has been opened and
not closed was cut off. That errs towards cut off, since a client acts on a call and some repair a truncated one.
"""

from __future__ import annotations

import json
import re
from typing import Final

_LENIENT: Final = json.JSONDecoder(strict=False)
_MARK: Final = "\ufeff"
_STRUCTURE: Final = re.compile(r"[\[\]{}\"']")
_ENDS: Final = {'"': re.compile(r'[\\"]'), "'": re.compile(r"[\\']")}


class JsonEnd:
    """Reads a text piece by piece. Nothing is checked but that what opens is closed."""

    __slots__ = ("_began", "_depth", "_escaped", "_follows", "_quote")

    def __init__(self) -> None:
        self._depth = 0
        self._quote = ""  # of the string at hand
        self._escaped = self._began = self._follows = False

    @property
    def is_open(self) -> bool:
        """Whether a string, a list or an object has not ended."""
        return bool(self._quote) or self._depth > 0

    @property
    def is_whole(self) -> bool:
        """Whether the text is a string, a list or an object that has ended, with nothing but white space behind."""
        return self._began and not self.is_open and not self._follows

    def feed(self, text: str) -> None:
        """The next piece."""
        at = 0
        while at < len(text):
            at = self._string(text, at) if self._quote else self._between(text, at)

    def _string(self, text: str, at: int) -> int:
        if self._escaped:
            self._escaped = False
            return at + 1
        found = _ENDS[self._quote].search(text, at)
        if found is None:
            return len(text)
        if found[0] == "\\":
            self._escaped = True
        else:
            self._quote = ""
        return found.end()

    def _between(self, text: str, at: int) -> int:
        found = _STRUCTURE.search(text, at)
        end = len(text) if found is None else found.start()
        if self._depth == 0 and text[at:end].strip().strip(_MARK):
            self._follows = True  # or stands before
        if found is None:
            return end
        mark = found[0]
        if self._depth == 0 and (self._began or mark in "]}"):
            self._follows = True
        self._began = True
        if mark in "[{":
            self._depth += 1
        elif mark in "]}":
            self._depth = max(self._depth - 1, 0)
        else:
            self._quote = mark
        return found.end()


def is_all(text: str, *, ended: bool) -> bool:
    """Whether nothing of this text, which should be one JSON value, is missing. `ended`: whoever wrote it says so.

    Read as leniently as Python's own parser can, since models write line breaks into their strings.
    """
    try:
        read = _LENIENT.decode(text)
    except (ValueError, RecursionError):
        end = JsonEnd()
        end.feed(text)
        return not end.is_open if ended else end.is_whole
    return ended or type(read) not in (int, float)
