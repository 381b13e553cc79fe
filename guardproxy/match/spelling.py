"""How the characters of a text are spelled where strings are looked for in it.

As they are written; in lower case, for patterns that ignore it; as shapes, where all digits are alike and so are all
letters, because numbers have their groups and separators in common and nothing else (`00-000-0000`). Another spelling
is in `guardproxy.match.words`. The three here keep every character in its place.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable
from functools import lru_cache
from math import log2
from typing import Final, NamedTuple

from guardproxy.match.charset import OTHERS, CharSet

Literals = frozenset[str]

_LARGEST_CLASS: Final = 6
# Roughly by how often they stand in prose, code and mark-up; a character that is not listed is rare.
_MOST_COMMON_FIRST: Final = " etaoinshrdlucmfwygpbv\n,.k-TIASx0123CMPHWBDNEFRLGO'456789\"jqz:/()YUVJKXQZ"
_COMMONNESS: Final = {char: len(_MOST_COMMON_FIRST) - at for at, char in enumerate(_MOST_COMMON_FIRST)}


def commonness(char: str) -> int:
    """0 for a rare character, the larger the more often it stands in ordinary text."""
    return _COMMONNESS.get(char, 0)


_LETTER: Final = "a"
_DIGIT: Final = "0"
_OUTSIDE: Final = "?"
_BITS_OF_SHAPES: Final = {_DIGIT: 3.0, _LETTER: 1.0}
_ENOUGH: Final = 24


def bits(string: str) -> float:
    """How much it tells that the string is there: ten bits for a rare character, three for a digit, two for a blank."""
    return sum(_BITS_OF_SHAPES[_DIGIT] if char.isdigit() else 10 - commonness(char) / 9 for char in string)


def fold(text: str) -> str:
    """Lower case, one character for each character, so that offsets stay what they are.

    `str.lower()` alone would make two characters of U+0130, and of a capital sigma one that depends on its
    neighbours (a test asks the running Python that these are the only two).
    """
    if text.isascii():
        return text.lower()
    return text.replace("\u0130", "i").replace("\u03a3", "\u03c3").lower()


_SHAPE_OF: Final = {
    **{chr(code): chr(code) for code in range(128)},
    **dict.fromkeys(string.ascii_letters, _LETTER),
    **dict.fromkeys(string.digits, _DIGIT),
}
_SHAPES: Final = bytes(ord(_SHAPE_OF.get(chr(code), _OUTSIDE)) for code in range(256))


def shaped(text: str) -> str:
    """`a` for each ASCII letter, `0` for each digit, `?` for what is not ASCII; the rest as it is."""
    return text.encode("ascii", "replace").translate(_SHAPES).decode("ascii")


class Spelling(NamedTuple):
    """How strings are written. `one` spells the characters of a set, or gives None for too many; `join` puts two
    strings together; `worth` is the larger the more rarely any of the strings stands in ordinary text. `gap` is how
    the end of a word is written, if it is.
    """

    one: Callable[[CharSet], Literals | None]
    join: Callable[[str, str], str]
    worth: Callable[[Literals], float]
    gap: str = ""


def _few_characters(allowed: CharSet) -> Literals | None:
    return frozenset(allowed.characters()) if len(allowed) <= _LARGEST_CLASS else None


def _few_folded(allowed: CharSet) -> Literals | None:
    few = _few_characters(allowed)
    return few and frozenset(map(fold, few))


def _few_shapes(allowed: CharSet) -> Literals | None:
    return _shapes_in(allowed.mask)


@lru_cache(maxsize=1024)
def _shapes_in(mask: int) -> Literals | None:
    found = {shape for shape, chars in _MASKS if chars & mask} | ({_OUTSIDE} if mask & OTHERS else set())
    return frozenset(found) if len(found) <= _LARGEST_CLASS else None


def _masks() -> dict[str, int]:
    masks: dict[str, int] = {}
    for char, shape in _SHAPE_OF.items():
        masks[shape] = masks.get(shape, 0) | 1 << ord(char)
    return masks


_MASKS: Final = tuple(_masks().items())


def _long_and_few(strings: Literals) -> float:
    """Length is good up to a point, each further string costs."""
    return min(*map(len, strings), 8) - (len(strings) - 1) / 4


def shape_bits(shapes: Literals) -> float:
    """How much it tells that one of the shapes is there: three bits for a digit, one for a letter."""
    least = min(sum(_BITS_OF_SHAPES.get(char) or bits(char) for char in shape) for shape in shapes)
    return min(least - log2(len(shapes)), _ENOUGH) - len(shapes) / 4


AS_WRITTEN: Final = Spelling(_few_characters, str.__add__, _long_and_few)
FOLDED: Final = Spelling(_few_folded, str.__add__, _long_and_few)
AS_SHAPES: Final = Spelling(_few_shapes, str.__add__, shape_bits)


def minimal(strings: Iterable[str]) -> Literals:
    """Without the strings that contain another one: where they occur, the other occurs."""
    rising = sorted(strings, key=len)
    if not rising or len(rising[0]) == len(rising[-1]):
        return frozenset(rising)
    kept: list[str] = []
    for one in rising:
        if not any(map(one.__contains__, kept)):
            kept.append(one)
    return frozenset(kept)
