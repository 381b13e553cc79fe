from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from guardproxy.detectors.checks.payment import aba_routing, iban, luhn, payment_card

# Numbers that payment services publish for tests.
CARDS = [
    "4111111111111111",
    "4012888888881881",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "30569309025904",
    "6011111111111117",
    "3530111333300000",
    "6200000000000005",
]
IBANS = ["DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606", "NO9386011117947"]


@pytest.mark.parametrize("number", CARDS)
def test_a_card_is_one_in_digits_and_in_groups(number: str) -> None:
    assert payment_card(number)
    if len(number) == 16:
        assert payment_card(" ".join(number[i : i + 4] for i in range(0, 16, 4)))
        assert payment_card("-".join(number[i : i + 4] for i in range(0, 16, 4)))


@given(st.sampled_from(CARDS), st.data())
def test_one_wrong_digit_makes_it_none(number: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(number) - 1))
    digit = data.draw(st.sampled_from("0123456789"))
    assume(digit != number[at])
    assert not payment_card(number[:at] + digit + number[at + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "4111 11111111 1111",  # no card is printed so
        "4111-1111 1111-1111",
        "9999999999999995",  # nobody's prefix
        "4222222222222",  # Visa with thirteen digits
        "378282246310005 ",
        "0000000000000000",
        "",
    ],
)
def test_what_only_has_a_right_luhn_digit_is_no_card(text: str) -> None:
    assert not payment_card(text)


def test_luhn_reads_over_separators() -> None:
    assert luhn("7992-7398-713")
    assert not luhn("79927398710")
    assert not luhn("0000")
    assert not luhn("7")


@given(st.text("0123456789 -٣é\udc80", max_size=24))
def test_luhn_doubles_every_second_digit_from_the_last_and_adds_them_all(text: str) -> None:
    digits = [int(char) for char in text if char in "0123456789"]
    total = sum(sum(divmod(digit * (1 + at % 2), 10)) for at, digit in enumerate(reversed(digits)))
    assert luhn(text) == (len(digits) > 1 and any(digits) and total % 10 == 0)


@pytest.mark.parametrize("number", IBANS)
def test_an_iban_may_be_written_in_groups_and_in_small_letters(number: str) -> None:
    assert iban(number)
    assert iban(number.lower())
    assert iban(" ".join(number[i : i + 4] for i in range(0, len(number), 4)))


@given(st.sampled_from(IBANS), st.data())
def test_an_iban_with_one_wrong_character_is_none(number: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(2, len(number) - 1))
    wrong = data.draw(st.sampled_from("0123456789" if number[at].isdigit() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    assume(wrong != number[at])
    assert not iban(number[:at] + wrong + number[at + 1 :])


def test_an_iban_has_the_length_of_its_country() -> None:
    assert not iban("DE8937040044053201300")
    assert not iban("US89370400440532013000")


def test_a_routing_number_has_a_district_and_a_check_digit() -> None:
    assert aba_routing("111000025")
    assert aba_routing("routing number: 021000021")
    assert not aba_routing("111000026")
    assert not aba_routing("999999992")
    assert not aba_routing("11100002")
