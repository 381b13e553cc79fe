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


# A kind is one byte. Those that make patterns have one bit each: a text of kinds is also one large number, in which
# neighbours meet by shifting it. Counting bits costs the same whatever the text is; a search for each pattern takes
# wrong turns all the time, and four times as long.
_SPACE: Final = 1
_LETTER: Final = 2
_MARK: Final = 4
_DIGIT: Final = 8
_LINE_END: Final = 16
_CAPITAL: Final = 0
_ACCENTED: Final = 32
_ALPHABET: Final = 64  # Greek, Cyrillic, Hebrew, Arabic
_SYLLABLES: Final = 96  # the scripts of India and South East Asia
_HAN: Final = 128
_RARE: Final = 160


def _kind(byte: int) -> int:
    character = chr(byte)
    if byte < 0x80:
        if character.isalpha():
            return _LETTER if character.islower() else _CAPITAL
        if character.isdigit():
            return _DIGIT
        if character in " \t\r":
            return _SPACE
        return _LINE_END if character == "\n" else _MARK
    if byte in (0xC2, 0xE2):  # signs and typographic marks
        return _MARK
    if byte < 0xCE:
        return _ACCENTED
    if byte < 0xE0:
        return _ALPHABET
    if byte < 0xE2:
        return _SYLLABLES
    return _HAN if byte < 0xF0 else _RARE


_KINDS: Final = bytes(map(_kind, range(256)))


def _everywhere(kind: int) -> int:
    return int.from_bytes(bytes([kind]) * MOST_READ, "little")


_SPACES: Final = _everywhere(_SPACE)
_LETTERS: Final = _everywhere(_LETTER)
_MARKS: Final = _everywhere(_MARK)
_DIGITS: Final = _everywhere(_DIGIT)

_PER_CHARACTER: Final = 0.177
_PER_WORD: Final = 0.187
_PER_MARK: Final = 0.66
_PER_DIGIT: Final = 0.768
_PER_LINE: Final = 1.18
_THREE_MARKS: Final = bytes([_MARK] * 3), -2.13
_FOUR_SPACES: Final = bytes([_SPACE] * 4), -0.463
_EIGHT_LETTERS: Final = bytes([_LETTER] * 8), -0.768
_OTHER: Final = tuple(
    (bytes([kind]), each)
    for kind, each in ((_ACCENTED, 0.83), (_ALPHABET, 0.128), (_SYLLABLES, 0.187), (_HAN, 0.63), (_RARE, 1.82))
)

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
    row = int.from_bytes(kinds, "little")  # the character behind another one stands eight bits higher
    spaces, letters, marks = row & _SPACES, row & _LETTERS, row & _MARKS
    weight += len(kinds) * _PER_CHARACTER
    weight += (spaces << 8 & row >> 1).bit_count() * _PER_WORD
    weight += marks.bit_count() * _PER_MARK
    weight += (row & _DIGITS).bit_count() * _PER_DIGIT
    weight += (letters << 8 & row >> 3).bit_count() * _PER_LINE
    # Rows of the same are rare enough to be counted one by one where there are any.
    pairs = spaces & spaces >> 8
    if pairs & pairs >> 16:
        weight += kinds.count(_FOUR_SPACES[0]) * _FOUR_SPACES[1]
    if marks & marks >> 8 & marks >> 16:
        weight += kinds.count(_THREE_MARKS[0]) * _THREE_MARKS[1]
    return weight + _long_words(kinds, letters) * _EIGHT_LETTERS[1]


def _long_words(kinds: bytes, letters: int) -> int:
    """How often eight letters stand in a row, in rows of so many that do not overlap."""
    pairs = letters & letters >> 8
    fours = pairs & pairs >> 16
    eights = fours & fours >> 32
    if eights & eights >> 64:
        return kinds.count(_EIGHT_LETTERS[0])
    return (eights & ~(letters << 8)).bit_count()


def _between(weight: float, length: int) -> int:
    return max(-(-length // _MOST_PER_TOKEN), round(weight))
