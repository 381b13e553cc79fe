from __future__ import annotations

import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.match.charset import CharSet
from guardproxy.match.words import AS_WORDS, EDGE, need, occurrences, rarity, spelled, telling

LETTERS = "abcdefghijklmnopqrstuvwxyz"
texts = st.text("abAB  .é\u212a\u0130\n", max_size=24)
phrases = st.text("ab  ", min_size=1, max_size=6).map(lambda text: re.sub(" +", " ", text)).filter(str.strip)


def collapsed(text: str) -> str:
    return re.sub(" +", " ", spelled(text).decode())


def test_every_character_is_spelled_as_a_letter_or_a_gap() -> None:
    every_character = "".join(map(chr, range(sys.maxunicode + 1)))
    letters = [
        (char, one) for char, one in zip(every_character, spelled(every_character).decode(), strict=True) if one != " "
    ]
    assert [(char, char.lower()) for char in LETTERS.upper() + LETTERS] == letters


@given(st.sets(st.characters(), min_size=1, max_size=8) | st.sets(st.sampled_from("aAkK\u212aé .")))
def test_a_set_is_spelled_as_its_characters_are(chars: set[str]) -> None:
    strings = AS_WORDS.one(CharSet.of((ord(char), ord(char)) for char in chars))
    assert strings is None or strings == frozenset(spelled(char).decode() for char in chars)


@given(texts, texts)
def test_joining_spelled_texts_is_spelling_the_joined_text(before: str, behind: str) -> None:
    assert collapsed(before + behind) == AS_WORDS.join(collapsed(before), collapsed(behind))


@given(phrases, texts)
def test_where_a_phrase_stands_there_is_what_it_needs(phrase: str, text: str) -> None:
    words, part = need(phrase)
    assert words or part
    if phrase in collapsed(f" {text} "):
        letters = b" %b " % spelled(text)
        assert set(words) <= {
            known for word in letters.split() for known in (word, b"^" + word[:EDGE], word[-EDGE:] + b"$")
        }
        assert part in letters


@pytest.mark.parametrize(
    ("phrase", "words", "part"),
    [
        (" restrict ", [b"restrict"], b""),
        ("restrict", [], b"restrict"),
        (" jailbreak", [b"^jai"], b" jailbreak"),
        ("jailbreak ", [b"eak$"], b"jailbreak "),
        ("un jailbreak", [b"^jai"], b" jailbreak"),
        (" a c", [b"a"], b""),
        (" no", [], b" no"),
        (" the unruly dan ", [b"unruly", b"dan"], b""),
        (" you are ", [b"you", b"are"], b""),
        (" without the line ", [b"without", b"line"], b""),
        ("ignore all ", [b"all"], b""),
        ("un ignore all", [b"ignore"], b""),
    ],
)
def test_what_a_phrase_needs_are_its_rare_whole_words_or_else_a_part(
    phrase: str, words: list[bytes], part: bytes
) -> None:
    needed = need(phrase)
    assert set(words) == set(needed.words)
    assert part == needed.part


@given(phrases, texts)
def test_a_phrase_occurs_wherever_some_gaps_of_it_are_wider(phrase: str, text: str) -> None:
    letters = spelled(text)
    inside = " +".join(phrase.split())
    wanted = re.compile((" " * phrase.startswith(" ") + inside + " " * phrase.endswith(" ")).encode())
    expected = [found.span() for at in range(len(letters)) if (found := wanted.match(letters, at))]
    assert expected == list(occurrences(phrase, letters))


def test_only_what_does_not_stand_in_every_text_is_telling() -> None:
    assert telling(frozenset(["instruction", "prompt"]))
    assert telling(frozenset(["i can t"]))
    assert not telling(frozenset(["instruction", "your"]))
    assert not telling(frozenset(["instruction", " "]))
    assert not telling(frozenset(a + b + "a" for a in LETTERS for b in "ab"))


def test_common_words_are_less_rare_than_others_and_phrases_are_rarer_than_their_words() -> None:
    rising = [" the ", " line ", " gpt ", " restrictions "]
    assert rising == sorted(rising, key=lambda phrase: rarity(frozenset([phrase])))
    assert rarity(frozenset([" line "])) < rarity(frozenset([" this line "]))
    assert rarity(frozenset([" gpt ", " dan "])) < rarity(frozenset([" gpt "]))
