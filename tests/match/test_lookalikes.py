"""What each character of Unicode is read as."""

from __future__ import annotations

import unicodedata
from functools import cache

import pytest

from guardproxy.match.lookalikes import MOST_FOLDED, fold

HANGUL = {chr(code) for code in range(0xAC00, 0xD7A4)}


@cache
def folds() -> dict[str, str]:
    """Of all characters, those that do not stay as they are."""
    every = map(chr, range(0x80, 0x110000))
    return {char: folded for char in every if (folded := fold.__wrapped__(char)) != char}


def read(text: str) -> str:
    return "".join(map(fold, text))


@pytest.mark.parametrize(
    ("written", "reading"),
    [
        ("ＡＫＩＡ７", "AKIA7"),  # full width
        ("𝐤𝑒𝔂𝟗", "key9"),  # mathematical
        ("ⓀⒺⓎ🅺🄺🇰🄚⒦\U0001cce0", "KEYKKKKkK"),
        ("①²₃❹⓹⑹\U0001ccf7", "1234567"),
        ("٣३๓３", "3333"),  # digits of other scripts
        ("AK\u200bI\u00ad\u2060A\ufeff", "AKIA"),
        ("A\ufe0f\U000e0100\U000e0041\U000e007fB", "AB"),  # variation selectors, tags
        ("A\u034f\u115f\u3164\u2065B", "AB"),  # default ignorable
        ("A\u202eB\u2069", "AB"),  # directions
        ("A\x80\x9fB", "AB"),
        ("كـ\u0640ـA\u0640B", "كAB"),  # what only makes a word longer
        ("e\u0301\u20dd k\u0488", "e k"),  # marks that stack, marks that enclose
        ("1\ufe0f\u20e3", "1"),  # a key cap
        ("éüÅñçőİı", "euAncoIi"),
        ("раѕѕwοrd ѕk ΑΚΙΑ ՏՕ Ꭺ ꓮꓗꓲꓮ", "password sk AKIA SO A AKIA"),
        ("ᴘᴀssᴡᴏʀᴅ", "password"),
        ("ﬁnd ½ № ™ …", "find 1/2 No TM ..."),
        ("sk‐a‑b‒c–d−e－f﹣g", "sk-a-b-c-d-e-f-g"),
        ("a\u00a0b\u2003c\u3000d\u1680e\u2800f", "a b c d e f"),
        ("‘a’ “b” „c″ d´", '\'a\' "b" "c" d\''),
        ("a＠b。com ： ／ ∕ ⁄", "a@b.com : / / /"),
    ],
)
def test_what_looks_like_ascii_is_read_as_ascii(written: str, reading: str) -> None:
    assert reading == read(written)


@pytest.mark.parametrize(
    "written",
    [
        "ßøłæđþ",
        "пвтм",
        "дж",
        "漢字かな",
        "한국어",
        "שלום",
        "ไทย",
        "😀🚀",
        "\u2028\u2029\x85",
        "—―",
        "«»",
        "€£§",
        "\ufffd",
    ],
)
def test_what_only_resembles_ascii_or_is_a_letter_of_its_own_stays(written: str) -> None:
    assert written == read(written)


def test_ascii_stays_with_its_control_characters() -> None:
    assert all(fold(chr(code)) == chr(code) for code in range(0x80))


def test_nothing_folds_twice() -> None:
    assert [char for char, folded in folds().items() if read(folded) != folded] == []


def test_no_character_becomes_many() -> None:
    assert max(map(len, folds().values())) == MOST_FOLDED
    assert [
        char for char in map(chr, range(0x80, 0xFFFF)) if len(unicodedata.normalize("NFKD", char)) > MOST_FOLDED
    ] == ["\ufdfa"]


def test_two_ways_of_writing_one_letter_are_read_alike() -> None:
    every = (chr(code) for code in range(0x80, 0x110000) if not 0xD800 <= code < 0xE000)
    decomposed = {char: unicodedata.normalize("NFD", char) for char in every}
    different = {char for char, parts in decomposed.items() if parts != char and read(parts) != read(char)}
    assert different == HANGUL


def test_formats_and_marks_are_never_seen() -> None:
    unseen = {char for char, folded in folds().items() if not folded}
    every = map(chr, range(0x80, 0x110000))
    assert {char for char in every if unicodedata.category(char) in ("Cf", "Mn", "Me")} <= unseen
    assert {unicodedata.category(char) for char in unseen} == {"Cf", "Mn", "Me", "Cc", "Cn", "Lo", "Lm"}


def test_all_digits_are_those_of_ascii() -> None:
    digits = {
        char: value for char in map(chr, range(0x110000)) if (value := unicodedata.decimal(char, None)) is not None
    }
    assert {char: str(value) for char, value in digits.items()} == {char: fold(char) for char in digits}
