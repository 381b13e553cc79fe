"""Characters that nobody sees and models read: removed, but for those that ordinary writing needs.

Tag characters and variation selectors can spell a text of their own, characters without width can carry bits and cut a
word in two, bidirectional controls make a text read in another order than it is stored. A row of them is judged by the
visible characters around it, and at most this much of it stays:

- one selector of text or emoji style (U+FE0E, U+FE0F) behind any character, one ideographic selector behind a CJK one;
- one joiner (U+200C, U+200D) behind a character of a script that is written with joiners, or between two symbols, as in
  the emoji of a family;
- the tags that name a region behind the black flag.

What stays is judged the same way again, so cleaning twice changes nothing. Direction marks are removed also in Hebrew
and Arabic: models read the stored order. Text in ASCII holds none of them.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from guardproxy.match.signs import signs_in

_TAGS: Final = "\U000e0000-\U000e007f"
_SELECTORS: Final = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_NO_WIDTH: Final = "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200d\u2060-\u2065\u3164\ufeff\uffa0\ufff0-\ufffb"
_BIDI: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"
_PLANE: Final = "\U000e0080-\U000e00ff\U000e01f0-\U000e0fff\U0001d173-\U0001d17a\U0001bca0-\U0001bca3"

_HIDDEN: Final = _TAGS + _SELECTORS + _NO_WIDTH + _BIDI + _PLANE
_ROW: Final = re.compile(f"[{_HIDDEN}]+")
_SIGNS: Final = frozenset(
    chr(code)
    for first, last in re.findall("(.)(?:-(.))?", _HIDDEN)
    for code in range(ord(first), ord(last or first) + 1)
)
_STYLES: Final = frozenset("\ufe0e\ufe0f")
_JOINERS: Final = "\u200c\u200d"
_FLAG: Final = "\U0001f3f4"
_REGION: Final = re.compile("[\U000e0030-\U000e0039\U000e0061-\U000e007a]{2,6}\U000e007f")
# Arabic, Syriac, N'Ko, Mandaic and its neighbours; the Indic scripts; Tibetan, Burmese, Khmer, Mongolian; Arabic forms.
_JOINING: Final = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u17ff\u1800-\u18af\ufb50-\ufdff\ufe70-\ufefc\U00011000-\U000119ff]"
)
_IDEOGRAPH: Final = re.compile("[\u2e80-\u2fdf\u3005\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def visible(text: str, signs: frozenset[str] | None = None) -> tuple[str, int]:
    """The text without hidden characters, and how many were removed. `signs` are those in it, if they are known."""
    if text.isascii() or _SIGNS.isdisjoint(signs_in(text) if signs is None else signs):
        return text, 0
    cleaned = _ROW.sub(_kept, text)
    return cleaned, len(text) - len(cleaned)


def _kept(row: re.Match[str]) -> str:
    hidden = row[0]
    before = row.string[row.start() - 1] if row.start() else ""
    if before and hidden in _STYLES:  # alone, as behind every other emoji
        return hidden
    behind = row.string[row.end()] if row.end() < len(row.string) else ""
    if before == _FLAG and (region := _REGION.match(hidden)):
        return region[0]
    style = hidden[0] if before and hidden[0] in _STYLES else ""
    if not style and "\U000e0100" <= hidden[0] <= "\U000e01ef" and _IDEOGRAPH.match(before):
        return hidden[0]
    joiner = hidden[len(style) : len(style) + 1]
    if joiner and joiner in _JOINERS and _joins(before, joiner, behind):
        return style + joiner
    return style


def _joins(before: str, joiner: str, behind: str) -> bool:
    if _JOINING.match(before):
        return True
    return joiner == "\u200d" and _is_symbol(before) and _is_symbol(behind)


def _is_symbol(char: str) -> bool:
    return bool(char) and unicodedata.category(char) in ("So", "Sk")
