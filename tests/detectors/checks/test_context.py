from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.detectors.checks.context import behind_words, first_number, tails


def is_number(text: str) -> bool:
    return text == "536-90-4399"


def test_words_before_a_number_are_left_out() -> None:
    check = behind_words(is_number)
    assert check("536-90-4399")
    assert check("SSN: 536-90-4399")
    assert check('"social security number": "536-90-4399')
    assert check("身份证536-90-4399")
    assert check("SSN536-90-4399")


def test_digits_are_never_left_out() -> None:
    assert not behind_words(is_number)("12 536-90-4399")
    assert list(tails("no. 12 34")) == ["no. 12 34", "12 34"]


def test_the_first_number_begins_with_its_word() -> None:
    assert (text := "passport no. C01X00T47")[first_number(text) :] == "C01X00T47"
    assert first_number("none") == 4
    assert (text := "身份12")[first_number(text) :] == "12"


@given(st.text(alphabet="ab1 -:+身", max_size=30))
def test_each_tail_ends_the_text_and_keeps_all_digits(text: str) -> None:
    digits = [char for char in text if char.isdigit()]
    for tail in tails(text):
        assert text.endswith(tail)
        assert digits == [char for char in tail if char.isdigit()]
