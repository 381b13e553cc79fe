from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.match.literals import fold
from guardproxy.match.needles import Needles, around

texts = st.text("ab_-é", max_size=30)
longest_of = st.dictionaries(st.text("ab_-é", min_size=1, max_size=4), st.integers(4, 9), max_size=6)


@given(longest_of, texts)
def test_a_string_that_stands_in_the_text_is_found_and_nothing_else(longest: dict[str, int], text: str) -> None:
    assert any(needle in text for needle in longest) == Needles(longest).stand_in(text)


@given(longest_of, texts)
def test_windows_hold_every_match_around_a_string_and_the_character_behind_it(
    longest: dict[str, int], text: str
) -> None:
    windows = list(Needles(longest).windows(text))
    assert all(0 <= begin < end <= len(text) for begin, end in windows)
    for needle, length in longest.items():
        for start in range(len(text)):
            for end in range(start + 1, min(start + length, len(text)) + 1):
                if needle in text[start:end]:
                    assert any(begin <= start and min(end + 1, len(text)) <= last for begin, last in windows)


@given(longest_of, texts)
def test_a_gate_is_shut_only_before_texts_that_do_not_hold_a_string_in_any_case(
    longest: dict[str, int], text: str
) -> None:
    folded = {needle.lower(): length for needle, length in longest.items()}
    assert Needles(folded).gate_is_open(text) or not Needles(folded).stand_in(text.lower())


def test_folding_makes_no_caseless_character_out_of_another() -> None:
    folded = [(char, fold(char)) for char in map(chr, range(sys.maxunicode + 1)) if fold(char) != char]
    assert not [char for char, one in folded if one.lower() == one.upper()]


def test_a_text_full_of_strings_is_one_window() -> None:
    assert list(Needles({"--": 10}).windows("-" * 1000)) == [(0, 1000)]
    assert list(Needles({"--": 10}).windows("-" * 12 + "." * 84)) == [(0, 21)]


def test_around_what_is_required_lie_the_matches_that_hold_it_and_one_more_character() -> None:
    assert around(10, 12, 5, "." * 100) == (7, 16)
    assert around(2, 4, 5, "." * 6) == (0, 6)
