from __future__ import annotations

import re
import sys

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.match.charset import CharSet
from guardproxy.match.words import AS_WORDS, WordIndex, occurrences, spelled, telling

LETTERS = "abcdefghijklmnopqrstuvwxyz"
texts = st.text("abAB  .é\u212a\u0130\n", max_size=24)
phrases = st.text("ab  ", min_size=1, max_size=6).map(lambda text: re.sub(" +", " ", text)).filter(str.strip)


def collapsed(text: str) -> str:
    return re.sub(" +", " ", spelled(text))


def stands_in(index: WordIndex, phrase: str, text: str) -> bool:
    needed = sum(index.needs[phrase])
    return index.pieces_in(spelled(text)) & needed == needed


def test_every_character_is_spelled_as_a_letter_or_a_gap() -> None:
    every_character = "".join(map(chr, range(sys.maxunicode + 1)))
    letters = [(char, one) for char, one in zip(every_character, spelled(every_character), strict=True) if one != " "]
    assert [(char, char.lower()) for char in LETTERS.upper() + LETTERS] == letters


@given(st.sets(st.characters(), min_size=1, max_size=8) | st.sets(st.sampled_from("aAkK\u212aé .")))
def test_a_set_is_spelled_as_its_characters_are(chars: set[str]) -> None:
    strings = AS_WORDS.one(CharSet.of((ord(char), ord(char)) for char in chars))
    assert strings is None or strings == frozenset(map(spelled, chars))


@given(texts, texts)
def test_joining_spelled_texts_is_spelling_the_joined_text(before: str, behind: str) -> None:
    assert collapsed(before + behind) == AS_WORDS.join(collapsed(before), collapsed(behind))


@given(st.lists(phrases, max_size=5, unique=True), texts)
def test_a_phrase_that_stands_in_a_text_has_all_its_pieces_there(some: list[str], text: str) -> None:
    index = WordIndex(some)
    assert not [phrase for phrase in some if phrase in collapsed(text) and not stands_in(index, phrase, text)]


@given(st.lists(phrases, max_size=5, unique=True), st.lists(texts, max_size=8), st.integers(1, 4))
def test_what_an_index_remembers_changes_nothing(some: list[str], many: list[str], most_words: int) -> None:
    forgetful, warm = WordIndex(some, most_words=most_words), WordIndex(some)
    for text in [*many, *many]:
        cold = WordIndex(some).pieces_in(spelled(text))
        assert cold == warm.pieces_in(spelled(text)) == forgetful.pieces_in(spelled(text))


def test_what_an_index_remembers_is_bounded() -> None:
    index = WordIndex(["aa"], most_words=10)
    words = [a + b + c for a in LETTERS for b in LETTERS for c in "abc"]
    index.pieces_in(" ".join(words))
    index.pieces_in("b" * 21)
    remembered = [*index._silent, *index._speaking]
    assert 0 < len(remembered) <= 10
    assert "b" * 21 not in remembered


def test_a_piece_inside_a_longer_word_is_found_and_a_gap_asks_for_the_end_of_a_word() -> None:
    index = WordIndex(["restrict", " dan ", "ignore all"])
    assert stands_in(index, "restrict", "UNRESTRICTED!")
    assert stands_in(index, " dan ", "(Dan)")
    assert not stands_in(index, " dan ", "danger, Jordan")
    assert stands_in(index, "ignore all", "Ignore\n*all*")
    assert not stands_in(index, "ignore all", "ignored by all")


@given(phrases, texts)
def test_a_phrase_occurs_wherever_some_gaps_of_it_are_wider(phrase: str, text: str) -> None:
    letters = spelled(text)
    inside = " +".join(phrase.split())
    wanted = re.compile(" " * phrase.startswith(" ") + inside + " " * phrase.endswith(" "))
    expected = [found.span() for at in range(len(letters)) if (found := wanted.match(letters, at))]
    assert expected == list(occurrences(phrase, letters))


def test_only_what_does_not_stand_in_every_text_is_telling() -> None:
    assert telling(frozenset(["instruction", "prompt"]))
    assert telling(frozenset(["i can t"]))
    assert not telling(frozenset(["instruction", "your"]))
    assert not telling(frozenset(["instruction", " "]))
    assert not telling(frozenset(a + b + "a" for a in LETTERS for b in "ab"))
