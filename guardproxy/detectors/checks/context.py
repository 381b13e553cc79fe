"""Numbers behind words. A bare number of nine digits is nobody's; behind "passport no." it is somebody's.

There is no look-behind in the language of patterns, so a rule that needs a word before a number matches both, and its
check sees both: `SSN: 536-90-4399`. What the check is asked about is each text that begins where a word of the match
begins, or its first digit, as long as no digit is left out: `SSN: 536-90-4399`, `536-90-4399`, never `90-4399`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

Check = Callable[[str], bool]

_FIRST_DIGIT: Final = re.compile(r"[0-9]")
_WORD: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9+(]")


def behind_words(check: Check) -> Check:
    """The same check, also satisfied by what stands behind some or all of the words before the first digit."""

    def checks(text: str) -> bool:
        return any(map(check, tails(text)))

    return checks


def tails(text: str) -> Iterator[str]:
    """The text, and what is left of it from each word on, up to the word with the first digit, and from that digit."""
    yield text
    digit = _FIRST_DIGIT.search(text)
    if digit is not None:
        begins = {word.start() for word in _WORD.finditer(text, 0, digit.end())}
        for begin in sorted({*begins, digit.start()} - {0}):
            yield text[begin:]


def first_number(text: str) -> int:
    """Where the word with the first digit begins; the length of the text if there is none."""
    digit = _FIRST_DIGIT.search(text)
    if digit is None:
        return len(text)
    return max((word.start() for word in _WORD.finditer(text, 0, digit.end())), default=digit.start())
