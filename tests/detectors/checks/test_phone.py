from __future__ import annotations

import pytest

from guardproxy.detectors.checks.phone import PHONE, phone


# Numbers reserved for fiction, and the example numbers of the numbering plans.
@pytest.mark.parametrize("text", ["+1 202-555-0143", "+44 (20) 7946 0018", "0049 30 23125 123", "tel:+33199001234"])
def test_a_number_in_international_form_is_valid_anywhere(text: str) -> None:
    assert phone("phone")(text)


@pytest.mark.parametrize("text", ["202-555-0143", "+999 123 4567890", "+1 123 456 7890", "+49", "+ 49 30 23125", ""])
def test_another_one_is_not(text: str) -> None:
    assert not phone("phone")(text)


@pytest.mark.parametrize(
    ("region", "text"),
    [
        ("us", "(202) 555-0143"),
        ("us", "416-555-0143"),
        ("gb", "020 7946 0018"),
        ("de", "Telefon: 030 23125 123"),
        ("fr", "01.99.00.12.34"),
        ("es", "912 34 56 78"),
        ("it", "312 345 6789"),
        ("nl", "+31 20 123 4567"),
    ],
)
def test_a_number_can_be_dialled_in_its_region(region: str, text: str) -> None:
    assert phone(f"phone-{region}")(text)


@pytest.mark.parametrize(("region", "text"), [("us", "123-456-7890"), ("fr", "+49 30 23125 123"), ("gb", "020 79")])
def test_and_not_in_another_one(region: str, text: str) -> None:
    assert not phone(f"phone-{region}")(text)


@pytest.mark.parametrize("name", PHONE)
def test_every_region_is_known_and_what_is_no_number_raises_nothing(name: str) -> None:
    check = phone(name)
    for text in ("", "no number", "0", "+", "9" * 64, "(((((((((", "+1(((((", "١٢٣٤٥٦٧٨"):
        assert not check(text)
