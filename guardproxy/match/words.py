"""Phrases as words, and which of them a text may hold: one pass over its words instead of one search per phrase.

A text is spelled with the letters a-z and gaps: `spelled()` puts a space for every other character and lower case for
upper case, so offsets stay what they are. A *phrase* is letters and single spaces; a space stands for a gap of one or
more characters, at the ends of the phrase for one character. So `ignore all` stands in `Ignore  *all*`.

A phrase stands only where its whole words do, those with a gap on both sides. A phrase without a telling whole word
has a *part* instead, which is looked for by itself: as many searches as there are such parts. Where they are many, the
first or last letters of the words are looked up first.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator
from functools import lru_cache
from math import log2
from typing import Final, NamedTuple

from guardproxy.match.charset import CharSet
from guardproxy.match.spelling import Literals, Spelling

_LARGEST_CLASS: Final = 6
_LEAST_BITS: Final = 2
_RARE_BITS: Final = 5
_LEAST_RARITY: Final = -1.5

# They stand in every other text.
_COMMON: Final = frozenset(
    re.findall(
        "[a-z]+",
        """a about after all also an and any are as at be been before but by can could did do does for from had has
        have he her him his how i if in into is it its just like more most my no not now of on one only or
        other our out over s she so some such t than that the their them then there these they this those
        to two up use was we were what when where which who will with would you your""",
    )
)
# They stand in one text of ten or so.
_FREQUENT: Final = frozenset(
    re.findall(
        "[a-z]+",
        """above access actual add additional again answer anything ask available back base because become begin
        beginning begins being between call called change check code command commands common complete
        configuration content copy core current data debug default describe different display don each end
        ensure enter every everything example exception existing false file filter find first follow
        following form function general get give given go good help here however include information
        initial input instead internal key know language last let limited line lines list long longer look
        made make many may me message method might mode model name named need never new next normal
        normally nothing object off order original output part people place point possible post print
        prior process protocol provide provided purpose question rather read real return right rules same
        say see send set should show simple since something standard start starting starts state string
        support system take task tasks tell text their think through time true try type typical under
        until updated usage user uses using value very want way well while without word words work write
        year""",
    )
)

_LETTERS: Final = {letter: letter.lower() for letter in string.ascii_letters}
_TABLE: Final = bytes(ord(_LETTERS.get(chr(code), " ")) for code in range(256))
_BEGUN: Final = re.compile("(?<= )[a-z]{3,}$")
_ENDED: Final = re.compile("^[a-z]{3,}(?= )")
_WHOLE: Final = re.compile("(?<= )[a-z]+(?= )")


def spelled(text: str) -> bytes:
    """The text in a-z and spaces, one byte for each character."""
    return text.encode("ascii", "replace").translate(_TABLE)


@lru_cache(maxsize=1024)
def _one(allowed: CharSet) -> Literals | None:
    letters = [lower for letter, lower in _LETTERS.items() if letter in allowed]
    few = frozenset(letters) if len(letters) == len(allowed) else frozenset([*letters, " "])
    return few if len(few) <= _LARGEST_CLASS else None


def _join(before: str, behind: str) -> str:
    return before + (behind.removeprefix(" ") if before.endswith(" ") else behind)


def _bits(phrase: str) -> float:
    """How much it tells that a phrase is there: for each of its words, and two bits for a gap between them."""
    words = phrase.split()
    if not words:
        return 0
    begins, ends = phrase.startswith(" "), phrase.endswith(" ")
    whole = [(at > 0 or begins) and (at < len(words) - 1 or ends) for at in range(len(words))]
    return sum(map(_word_bits, words, whole)) + 2 * (len(words) - 1) + (begins + ends) / 2


def _word_bits(word: str, whole: bool) -> float:
    """For a word that is not known to be common a bit for each letter but the first; if it is whole, several."""
    if word in _COMMON or len(word) == 1:
        return 0.5
    bits = len(word) - 1
    return min(3, bits) if word in _FREQUENT else max(6, bits) if whole else bits


def rarity(phrases: Literals) -> float:
    """How much it tells that one of the phrases is there."""
    return -log2(sum(0.5 ** _bits(phrase) for phrase in phrases))


def telling(phrases: Literals) -> bool:
    """Whether it is worth looking for the phrases: none of them stands in most texts, such as `is` or `your`."""
    return all(_bits(phrase) >= _LEAST_BITS for phrase in phrases) and rarity(phrases) > _LEAST_RARITY


AS_WORDS: Final = Spelling(_one, _join, rarity, gap=" ")


def occurrences(phrase: str, letters: bytes) -> Iterator[tuple[int, int]]:
    """(start, end) of every occurrence of the phrase in a spelled text, also overlapping ones."""
    end_of_it, search = _searches(phrase)
    if end_of_it in letters:
        found = search(letters)
        while found:
            yield found.span()
            found = search(letters, found.start() + 1)


@lru_cache(maxsize=4096)
def _searches(phrase: str) -> tuple[bytes, Callable[..., re.Match[bytes] | None]]:
    """A word of the phrase, the rarest, which is quick to look for; and the search for all of it."""
    words = phrase.split()
    rarest = max(words, key=lambda word: (word not in _COMMON, word not in _FREQUENT, len(word)))
    # At its ends a phrase asks for one character of a gap: a match may hold no more of it.
    begin, end = " " * phrase.startswith(" "), " " * phrase.endswith(" ")
    before = begin if rarest == words[0] else " "
    behind = end if rarest == words[-1] else " "
    return f"{before}{rarest}{behind}".encode(), re.compile((begin + " +".join(words) + end).encode()).search


EDGE: Final = 3
"""So many letters of a word are looked up where only its beginning or its end is known."""


class Need(NamedTuple):
    """What stands in a spelled text wherever a phrase does: whole words, the rarest first, or if it has none a part.

    If the part is the beginning or the end of a word, there is also a word that is written `^abc` or `abc$`: its first
    or last letters, `EDGE` of them.
    """

    words: tuple[bytes, ...]
    part: bytes


@lru_cache(maxsize=4096)
def need(phrase: str) -> Need:
    """What the phrase cannot do without; common words only where the others are not rare enough."""
    whole = sorted(set(_WHOLE.findall(phrase)), key=lambda word: (_word_bits(word, True), word), reverse=True)
    if whole:
        rare = [word for word in whole if _word_bits(word, True) >= _LEAST_BITS]
        enough = rare if sum(_word_bits(word, True) for word in rare) >= _RARE_BITS else whole
        return Need(tuple(word.encode() for word in enough), b"")
    if edges := [*_BEGUN.findall(phrase), *_ENDED.findall(phrase)]:
        longest = max(edges, key=len)
        if f" {longest}" in phrase:
            return Need((f"^{longest[:EDGE]}".encode(),), f" {longest}".encode())
        return Need((f"{longest[-EDGE:]}$".encode(),), f"{longest} ".encode())
    return Need((), max(re.findall(" ?[a-z]+ ?", phrase), key=_bits, default="").encode())
