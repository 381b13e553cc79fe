"""Numbers of documents: passports and licences by their words, passports by their machine readable zone, vehicles.

The machine readable zone (ICAO Doc 9303) has digits that check fields with the weights 7, 3, 1, letters counting 10 to
35. The check digit of a vehicle identification number (ISO 3779, 49 CFR 565) is only required in North America.
"""

from __future__ import annotations

import re
from typing import Final

from guardproxy.detectors.checks.context import behind_words, first_number
from guardproxy.detectors.checks.when import date_of_birth

_DOCUMENT: Final = re.compile(r"[A-Za-z0-9](?:[ ./-]?[A-Za-z0-9]){5,19}")
_NAME_LINE: Final = re.compile(r"P[A-Z<][A-Z]{3}[A-Z]{1,37}(?:<[A-Z]{1,37}){0,4}<<[A-Z<]{0,38}")
_NUMBER_LINE: Final = re.compile(r"[A-Z0-9<]{9}[0-9][A-Z<]{3}[0-9]{7}[MFX<][0-9]{7}[A-Z0-9<]{14}[0-9<][0-9]")
_LINE: Final = 44
_VIN: Final = re.compile(r"[A-HJ-NPR-Z0-9]{17}")
_VIN_VALUES: Final = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", [*range(1, 9), *range(1, 6), 7, 9, *range(2, 10), *range(10)], strict=True)
)
_VIN_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def document_number(text: str) -> bool:
    """Behind words, 6 to 20 letters and digits with at least four digits: what document numbers look like. No date."""
    number = text[first_number(text) :]
    if not _DOCUMENT.fullmatch(number) or date_of_birth(number):
        return False
    return sum(char.isdigit() for char in number) >= 4


def mrz(text: str) -> bool:
    """A line of a passport's machine readable zone: the one with the name, or the one with the number."""
    if len(text) != _LINE:
        return False
    if _NAME_LINE.fullmatch(text):
        return True
    return bool(_NUMBER_LINE.fullmatch(text)) and all(
        _mrz_digit(text[first:last]) == int(text[last]) for first, last in ((0, 9), (13, 19), (21, 27))
    )


@behind_words
def vin(text: str) -> bool:
    """A vehicle identification number; where it begins with 1 to 5 (North America), with a right check digit."""
    number = text.upper()
    if not _VIN.fullmatch(number) or sum(char.isdigit() for char in number) < 4:
        return False
    if number[0] not in "12345":
        return True
    rest = sum(weight * _VIN_VALUES[char] for weight, char in zip(_VIN_WEIGHTS, number, strict=True)) % 11
    return number[8] == "0123456789X"[rest]


def _mrz_digit(field: str) -> int:
    values = [0 if char == "<" else int(char, 36) for char in field]
    return sum(value * (7, 3, 1)[index % 3] for index, value in enumerate(values)) % 10
