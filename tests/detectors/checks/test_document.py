from __future__ import annotations

import pytest

from guardproxy.detectors.checks.document import document_number, mrz, vin

# The specimens of ICAO Doc 9303, part 4.
NAME_LINE = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"
NUMBER_LINE = "L898902C36UTO7408122F1204159ZE184226B<<<<<10"


@pytest.mark.parametrize("text", ["passport no. C01X00T47", "DL: MORGA657054SM9IJ", "12-3456-78", "id 123456789"])
def test_a_document_number_stands_behind_its_words(text: str) -> None:
    assert document_number(text)


@pytest.mark.parametrize("text", ["passport required", "licence 123", "passport 2030-01-31", "no. ABCDEF123", "A" * 30])
def test_words_dates_and_short_numbers_are_none(text: str) -> None:
    assert not document_number(text)


def test_both_lines_of_the_machine_readable_zone_are_known() -> None:
    assert mrz(NAME_LINE)
    assert mrz(NUMBER_LINE)


@pytest.mark.parametrize("at", [0, 9, 14, 19, 22, 27])
def test_a_wrong_digit_in_a_checked_field_makes_it_none(at: int) -> None:
    digit = str((int(NUMBER_LINE[at], 36) + 1) % 10)
    assert not mrz(NUMBER_LINE[:at] + digit + NUMBER_LINE[at + 1 :])


def test_a_line_of_fillers_is_none() -> None:
    assert not mrz("<" * 44)
    assert not mrz(NAME_LINE[:-1])


def test_a_vehicle_of_north_america_has_a_check_digit() -> None:
    assert vin("1M8GDM9AXKP042788")
    assert vin("VIN: 1HGCM82633A004352")
    assert not vin("1M8GDM9A1KP042788")
    assert vin("WVWZZZ1JZ3W386752")
    assert not vin("WVWZZZ1JZ3W38675I")
    assert not vin("ABCDEFGHJKLMNPRST")
