"""How many tokens a text probably takes, from what kinds of characters stand next to each other.

A tokenizer joins what it has often seen: a common word with the space before it is one token, while digits go in groups
of three, punctuation by itself or with its like, and a long run of letters is cut. So each byte is replaced by its kind
(letter, capital, digit, mark, white space, script), and a token count is a weighted sum of how often a few short
patterns of kinds occur. Weights are fitted to the counts of OpenAI's current vocabulary (o200k) on English prose, code
and documentation, where nineteen texts of twenty are within a tenth of the true count (`python -m bench.tokens`); other
languages are nearly always within a quarter.

It is not a bound: whoever wants to can write text that takes more. A long text is judged by parts of it, so that its
length costs nothing.
"""

from __future__ import annotations

from typing import Final

MOST_READ: Final = 3072
"""Characters of a request that are looked at; of a longer one so many in `_WINDOWS` places."""

_WINDOWS: Final = 8
_CONTINUATIONS: Final = bytes(range(0x80, 0xC0))


def _kind(byte: int) -> str:
    character = chr(byte)
    if byte < 0x80:
        if character.isalpha():
            return "a" if character.islower() else "A"
        if character.isdigit():
            return "0"
        if character in " \t\r":
            return " "
        return "\n" if character == "\n" else "."
    if byte in (0xC2, 0xE2):  # signs and typographic marks
        return "."
    if byte < 0xCE:  # Latin letters with accents
        return "v"
    if byte < 0xE0:  # Greek, Cyrillic, Hebrew, Arabic
        return "y"
    if byte < 0xE2:  # the scripts of India and South East Asia
        return "z"
    return "h" if byte < 0xF0 else "w"  # Chinese, Japanese, Korean; everything rare


_KINDS: Final = "".join(map(_kind, range(256))).encode()

_PER_CHARACTER: Final = 0.177
_ASCII: Final = (
    (b" a", 0.187),
    (b".", 0.66),
    (b"0", 0.768),
    (b"a\n", 1.18),
    (b"...", -2.13),
    (b"    ", -0.463),
    (b"aaaaaaaa", -0.768),
)
_OTHER: Final = ((b"v", 0.83), (b"y", 0.128), (b"z", 0.187), (b"h", 0.63), (b"w", 1.82))

_MOST_PER_TOKEN: Final = 8
"""Of a text of any length a token has no more characters than so many, but for runs of white space."""


def estimate_tokens(text: str) -> int:
    """Tokens the text probably takes, at least one unless it is empty. Costs the same for all long texts."""
    length = len(text)
    if length <= MOST_READ:
        return _between(_weigh(text), length)
    width = MOST_READ // _WINDOWS
    step = (length - width) / (_WINDOWS - 1)
    read = "".join(text[start : start + width] for start in (int(number * step) for number in range(_WINDOWS)))
    return _between(_weigh(read) * length / len(read), length)


def _weigh(text: str) -> float:
    if text.isascii():
        kinds = text.encode().translate(_KINDS)
        weight = 0.0
    else:
        kinds = text.encode("utf-8", "replace").translate(_KINDS, _CONTINUATIONS)
        weight = sum(kinds.count(kind) * each for kind, each in _OTHER)
    count = kinds.count
    weight += len(kinds) * _PER_CHARACTER
    for pattern, each in _ASCII:
        weight += count(pattern) * each
    return weight


def _between(weight: float, length: int) -> int:
    return max(-(-length // _MOST_PER_TOKEN), round(weight))
