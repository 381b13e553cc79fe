"""Which characters beyond ASCII a text is written with: asked of the text as a whole, not of each of its characters.

A text in one language uses few of them again and again, so what holds for each sign it uses holds for the text: whether
any of them is invisible, is a space, or is read as something else. To go through a text one character at a time costs
a hundred times as much as an operation on all of its bytes, so the signs come from three of those: ASCII is deleted
from the text in UTF-8; what is left, in UTF-16, is cut into its upper and its lower bytes; and the different bytes of
each half are what deleting them from all bytes leaves away. Each upper with each lower one are all the signs there are,
and some more. That would be too many for ideographs; there a search passes over what is plain.
"""

from __future__ import annotations

import re
from typing import Final

from guardproxy.match.lookalikes import fold

PLAIN: Final = "\u4e00"
"""Stands for all ideographs, kana and syllables of Hangul that are matched as they are written."""

_LAST_ASCII: Final = 0x7F
_ASCII: Final = bytes(range(_LAST_ASCII + 1))
_BYTES: Final = bytes(range(256))
_FEW: Final = 256  # characters that are rather told apart one by one
_MOST: Final = 512  # signs that are worth asking about
_PLAIN_UPPER: Final = bytes([*range(0x34, 0xA0), *range(0xAC, 0xD8)])
_SURROGATES: Final = bytes(range(0xD8, 0xE0))


def _plain_kana() -> str:
    return "".join(char for char in map(chr, range(0x3040, 0x3100)) if fold(char) == char)


_NOT_PLAIN: Final = re.compile(f"[^{_plain_kana()}\u3400-\u9fff\uac00-\ud7a3]")


def signs_in(text: str) -> frozenset[str]:
    """Every character of the text beyond ASCII is one of these, or one that `PLAIN`, which then is one of these, stands
    for. There may be others that the text does not hold.
    """
    if text.isascii():
        return frozenset()
    beyond = text.encode("utf-8", "surrogatepass").translate(None, _ASCII).decode("utf-8", "surrogatepass")
    if len(beyond) <= _FEW:
        return frozenset(beyond)
    halves = beyond.encode("utf-16-le", "surrogatepass")
    upper = _different(halves[1::2])
    if upper.translate(None, _SURROGATES) != upper:
        return frozenset(beyond)
    if (others := upper.translate(None, _PLAIN_UPPER)) != upper or b"\x30" in upper:
        return frozenset(_NOT_PLAIN.findall(beyond)) | {PLAIN}
    lower = _different(halves[::2])
    if len(others) * len(lower) > _MOST:
        return frozenset(beyond)
    return frozenset([chr(page << 8 | low) for page in upper for low in lower if page or low > _LAST_ASCII])


def _different(several: bytes) -> bytes:
    """Each byte once."""
    return _BYTES.translate(None, _BYTES.translate(None, several))
