"""Numbers of money: payment cards, IBANs, routing numbers of banks.

A card number is an issuer's prefix, a length the issuer uses and a Luhn digit (ISO/IEC 7812). One number in ten has a
right Luhn digit, so the prefixes and the grouping matter as much. An IBAN (ISO 13616) is 1 modulo 97 once its first
four characters stand at the end and letters are read as 10 to 35, and each country has one length.
"""

from __future__ import annotations

import re
from typing import Final

from guardproxy.detectors.checks.context import behind_words
from guardproxy.detectors.checks.rows import counts_up

# First and last prefix of a range, and the lengths. Thirteen-digit Visa is gone, and would find every tenth EAN code.
_ISSUERS: Final = (
    (4, 4, (16, 19)),  # Visa
    (51, 55, (16,)),  # Mastercard
    (2221, 2720, (16,)),  # Mastercard
    (34, 34, (15,)),  # American Express
    (37, 37, (15,)),  # American Express
    (300, 305, (14,)),  # Diners Club
    (3095, 3095, (14,)),  # Diners Club
    (36, 36, (14,)),  # Diners Club
    (38, 39, (14, 16)),  # Diners Club
    (6011, 6011, (16, 19)),  # Discover
    (644, 649, (16, 19)),  # Discover
    (65, 65, (16, 19)),  # Discover, RuPay
    (3528, 3589, (16, 19)),  # JCB
    (62, 62, (16, 17, 18, 19)),  # UnionPay
    (81, 81, (16,)),  # RuPay
    (2200, 2204, (16,)),  # Mir
    (9792, 9792, (16,)),  # Troy
    (5018, 5018, (16, 17, 18, 19)),  # Maestro
    (5020, 5020, (16, 17, 18, 19)),  # Maestro
    (5038, 5038, (16, 17, 18, 19)),  # Maestro
    (5893, 5893, (16, 17, 18, 19)),  # Maestro
    (6304, 6304, (16, 17, 18, 19)),  # Maestro
    (6759, 6763, (16, 17, 18, 19)),  # Maestro
)
_GROUPINGS: Final = frozenset({(4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 6, 5), (4, 6, 4), (6, 13)})
_CARD: Final = re.compile(r"[0-9]+(?:([ .\-\u00a0])[0-9]+(?:\1[0-9]+)*)?")
_SEPARATORS: Final = re.compile(r"[ .\-\u00a0]")

# Bytes: each digit by what it counts, what is no digit, and what twice a digit comes to, of which the digits are added.
_DIGITS: Final = bytes(byte - 48 if 48 <= byte <= 57 else 0 for byte in range(256))
_NO_DIGITS: Final = bytes(byte for byte in range(128) if not 48 <= byte <= 57)
_DOUBLED: Final = bytes(sum(divmod(2 * byte, 10)) if byte < 10 else 0 for byte in range(256))

# Lengths by country: the IBAN registry of SWIFT, release 99.
_IBAN_LENGTHS: Final = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FK FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,29}")


def luhn(text: str) -> bool:
    """The digits of the text, two at least and not all zero, end in their Luhn digit."""
    digits = text.encode("ascii", "ignore").translate(_DIGITS, _NO_DIGITS)
    if len(digits) < 2 or not any(digits):
        return False
    return (sum(digits[::-2]) + sum(digits[-2::-2].translate(_DOUBLED))) % 10 == 0


def payment_card(text: str) -> bool:
    """A card number of a known issuer, written without separators or in the groups cards are printed in. No row that
    counts up.
    """
    if not _CARD.fullmatch(text):
        return False
    groups = _SEPARATORS.split(text)
    if len(groups) > 1 and tuple(map(len, groups)) not in _GROUPINGS:
        return False
    return _issued("".join(groups)) and luhn(text) and not counts_up(text)


def iban(text: str) -> bool:
    """An IBAN in upper or lower case, with or without spaces or hyphens."""
    number = re.sub(r"[ \-\u00a0]", "", text).upper()
    if not _IBAN.fullmatch(number) or _IBAN_LENGTHS.get(number[:2]) != len(number):
        return False
    return int("".join(str(int(char, 36)) for char in number[4:] + number[:4])) % 97 == 1


@behind_words
def aba_routing(text: str) -> bool:
    """A routing number of a bank in the United States: nine digits, a Federal Reserve prefix, a check digit."""
    if not re.fullmatch(r"[0-9]{9}", text):
        return False
    prefix = int(text[:2])
    if not (1 <= prefix <= 12 or 21 <= prefix <= 32 or 61 <= prefix <= 72 or prefix == 80):
        return False
    return sum(weight * int(digit) for weight, digit in zip((3, 7, 1) * 3, text, strict=True)) % 10 == 0


def _issued(number: str) -> bool:
    return any(
        first <= int(number[: len(str(first))]) <= last and len(number) in lengths for first, last, lengths in _ISSUERS
    )
