"""Phrases as words, and which of them a text may hold: one pass over its words instead of one search per phrase.

A text is spelled with the letters a-z and gaps: `spelled()` puts a space for every other character and lower case for
upper case, so offsets stay what they are. A *phrase* is letters and single spaces; a space stands for a gap of one or
more characters, at the ends of the phrase for one character. So `ignore all` stands in `Ignore  *all*`.

A phrase stands only where its pieces do: runs of letters, each with the gap before or behind it where the phrase has
one. Texts hold few different words, and nearly all words of a new text have been seen before. So a word is remembered
with the pieces that stand in it, nearly always none. What is remembered is bounded (no word of more than 20 letters,
so no long secret either), and forgetting it changes nothing but the time.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import filterfalse
from math import log2
from typing import Final

from guardproxy.match.charset import CharSet
from guardproxy.match.literals import Literals, Spelling

_LARGEST_CLASS: Final = 6
_LONGEST_WORD: Final = 20
_KEY: Final = 3
_LEAST_BITS: Final = 2
_LEAST_RARITY: Final = -1.5
DEFAULT_WORDS: Final = 32_000
"""How many words an index remembers: about 4 MB."""

# They stand in every other text.
_COMMON: Final = frozenset(
    re.findall(
        "[a-z]+",
        """a about after all also an and any are as at be been before but by can could did do does for from had has have
        he her him his how i if in into is it its just like more most my no now of on one only or other our out over
        she so some such than that the their them then there these they this those to two up use was we were what when
        where which who will with would you your""",
    )
)

_LETTERS: Final = {letter: letter.lower() for letter in string.ascii_letters}
_TABLE: Final = bytes(ord(_LETTERS.get(chr(code), " ")) for code in range(256))
_PIECE: Final = re.compile("(?=((?:^| )[a-z]+ ?))")


def spelled(text: str) -> str:
    """The text in a-z and spaces, one character for each character."""
    return text.encode("ascii", "replace").translate(_TABLE).decode("ascii")


def _one(allowed: CharSet) -> Literals | None:
    letters = [lower for letter, lower in _LETTERS.items() if letter in allowed]
    few = frozenset(letters) if len(letters) == len(allowed) else frozenset([*letters, " "])
    return few if len(few) <= _LARGEST_CLASS else None


def _join(before: str, behind: str) -> str:
    return before + (behind.removeprefix(" ") if before.endswith(" ") else behind)


def _bits(phrase: str) -> float:
    """How much it tells that a phrase is there: a bit for each letter but the first of a word, two for a gap between
    words, half a bit for a gap at an end.
    """
    words = phrase.split()
    if not words:
        return 0
    letters = sum(0.5 if word in _COMMON else len(word) - 1 for word in words)
    return letters + 2 * (len(words) - 1) + (phrase.startswith(" ") + phrase.endswith(" ")) / 2


def _rarity(phrases: Literals) -> float:
    """How much it tells that one of the phrases is there."""
    return -log2(sum(0.5 ** _bits(phrase) for phrase in phrases))


def telling(phrases: Literals) -> bool:
    """Whether it is worth looking for the phrases: none of them stands in most texts, such as `is` or `your`."""
    return all(_bits(phrase) >= _LEAST_BITS for phrase in phrases) and _rarity(phrases) > _LEAST_RARITY


AS_WORDS: Final = Spelling(_one, _join, _rarity)


def occurrences(phrase: str, text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of every occurrence of the phrase in a spelled text, also overlapping ones."""
    end_of_it, search = _searches(phrase)
    if end_of_it(text):
        found = search(text)
        while found:
            yield found.span()
            found = search(text, found.start() + 1)


_Search = Callable[..., re.Match[str] | None]


@lru_cache(maxsize=4096)
def _searches(phrase: str) -> tuple[_Search, _Search]:
    """For the phrase from its rarest word on, which is quick to look for and nearly never there; and for all of it."""
    rarest = max(phrase.split(), key=_bits)
    return _search(phrase[phrase.index(rarest) :]), _search(phrase)


def _search(phrase: str) -> _Search:
    # At its ends a phrase asks for one character of a gap: a match may hold no more of it.
    inside = " +".join(phrase.split())
    return re.compile(" " * phrase.startswith(" ") + inside + " " * phrase.endswith(" ")).search


class WordIndex:
    """Which pieces of the phrases stand in a text, as a bit set. `needs[phrase]`: the bits of those it cannot do
    without, the rarest first.
    """

    def __init__(self, phrases: Iterable[str], *, most_words: int = DEFAULT_WORDS) -> None:
        self.needs: dict[str, tuple[int, ...]] = {}
        bits: dict[str, int] = {}
        for phrase in phrases:
            pieces = _telling_pieces(phrase)
            self.needs[phrase] = tuple(bits.setdefault(piece, 1 << len(bits)) for piece in pieces)
        self._pieces: dict[str, list[tuple[str, int]]] = {}  # by their first characters
        for piece, bit in bits.items():
            self._pieces.setdefault(piece[:_KEY], []).append((piece, bit))
        self._keys = sorted({len(key) for key in self._pieces})
        self._most_words = most_words
        self._silent: set[str] = set()
        self._speaking: dict[str, int] = {}

    def pieces_in(self, text: str) -> int:
        """The pieces that stand in the spelled text. A phrase stands in it only if all that it needs do."""
        found = 0
        for word in filterfalse(self._silent.__contains__, text.split()):
            held = self._speaking.get(word)
            found |= self._learn(word) if held is None else held
        return found

    def _learn(self, word: str) -> int:
        text = f" {word} "
        held = 0
        for length in self._keys:
            for at in range(len(text) - length + 1):
                for piece, bit in self._pieces.get(text[at : at + length], ()):
                    if text.startswith(piece, at):
                        held |= bit
        if len(word) <= _LONGEST_WORD:
            self._remember(word, held)
        return held

    def _remember(self, word: str, held: int) -> None:
        if len(self._silent) + len(self._speaking) >= self._most_words:
            self._silent.clear()
            self._speaking.clear()
        if held:
            self._speaking[word] = held
        else:
            self._silent.add(word)


def _telling_pieces(phrase: str) -> list[str]:
    """The pieces that are rare, or else the rarest; none if the phrase has no letters."""
    # Pieces may share a gap: of `do it` they are `do ` and ` it`.
    pieces = dict.fromkeys(found[1] for found in _PIECE.finditer(phrase))
    rarest_first = sorted(pieces, key=lambda piece: (_bits(piece), len(piece)), reverse=True)
    return [piece for piece in rarest_first if _bits(piece) >= _LEAST_BITS] or rarest_first[:1]
