from __future__ import annotations

import pytest

from guardproxy.detectors.checks.contact import email, phone_digits


@pytest.mark.parametrize(
    "address",
    ["jane.doe@example.com", "o'brien+x_1@mail.example.co.uk", "jürgen@müller.example.de", "a@b-c.example.xn--p1ai"],
)
def test_an_address_has_a_mailbox_and_a_domain(address: str) -> None:
    assert email(address)


@pytest.mark.parametrize(
    "text",
    [
        "git@github.com",
        "icon@2x.png",
        "typing@3.11.py",
        ".jane@example.com",
        "jane.@example.com",
        "ja..ne@example.com",
        "jane@localhost",
        "jane@-example.com",
        "requests@2.31.0",
        "j" * 65 + "@example.com",
        "@example.com",
    ],
)
def test_what_only_has_an_at_sign_is_none(text: str) -> None:
    assert not email(text)


@pytest.mark.parametrize("text", ["Tel. (030) 23125-123", "phone: 555 0143", "тел. 8 (495) 123-45-67"])
def test_behind_a_word_any_number_that_can_be_dialled_is_one(text: str) -> None:
    assert phone_digits(text)


@pytest.mark.parametrize("text", ["call 555-123", "tel 11.12.2026", "call 2026-11-22", "phone", "1234567890123456"])
def test_short_and_long_numbers_and_dates_are_none(text: str) -> None:
    assert not phone_digits(text)
