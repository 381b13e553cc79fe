"""Numbers of persons whose check fits in a few lines and that no library we use has.

Each works on the number with its separators, and behind words. Sources: the public descriptions of the algorithms by
the issuing authorities; where a number has no check digit, what is checked is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from guardproxy.detectors.checks.context import Check, behind_words

_SEPARATORS: Final = re.compile(r"[ ./\-()]")
_LETTERS: Final = {char: value for value, char in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")}
# Taiwan gives letters their numbers in the order in which counties joined.
_TAIWAN: Final = {char: value for value, char in enumerate("ABCDEFGHJKLMNPQRSTUVXYWZIO", 10)}
# What is added to the weighted sum, and the letter for each remainder.
_SINGAPORE: Final = {
    "S": (0, "JZIHGFEDCBA"),
    "T": (4, "JZIHGFEDCBA"),
    "F": (0, "XWUTRQPNMLK"),
    "G": (4, "XWUTRQPNMLK"),
    "M": (3, "XWUTRQPNJLK"),
}
_NINO_NEVER: Final = frozenset({"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"})


def _de_rvnr(number: str) -> bool:
    """German pension insurance: an area, a date of birth, the letter of a name and a serial number, modulo 10."""
    if not re.fullmatch(r"[0-9]{4}(?:0[1-9]|1[0-2])[0-9]{2}[A-Z][0-9]{3}", number):
        return False
    digits = f"{number[:8]}{_LETTERS[number[8]] - 9:02}{number[9:11]}"
    products = (weight * int(digit) for weight, digit in zip((2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), digits, strict=True))
    return sum(sum(divmod(product, 10)) for product in products) % 10 == int(number[11])


def _gb_nino(number: str) -> bool:
    """No check digit: the letters that are used, and the prefixes that never are."""
    form = re.fullmatch(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]", number)
    return form is not None and number[:2] not in _NINO_NEVER


def _au_medicare(number: str) -> bool:
    """The first eight digits are checked by the ninth; an issue number follows, and perhaps a person's."""
    if not re.fullmatch(r"[2-6][0-9]{9,10}", number):
        return False
    return _weighted(number[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(number[8])


def _hk_hkid(number: str) -> bool:
    """One or two letters, six digits and a check digit or A, modulo 11; a missing first letter counts as a space."""
    if not re.fullmatch(r"[A-Z]{1,2}[0-9]{6}[0-9A]", number):
        return False
    values = [_LETTERS[char] for char in number]
    if len(values) == 8:
        values.insert(0, 36)
    return sum(weight * value for weight, value in zip(range(9, 0, -1), values, strict=True)) % 11 == 0


def _hu_taj(number: str) -> bool:
    """Hungarian social insurance: eight digits weighted 3 and 7, modulo 10."""
    return bool(re.fullmatch(r"[0-9]{9}", number)) and _weighted(number[:8], (3, 7) * 4) % 10 == int(number[8])


def _kr_rrn(number: str) -> bool:
    """A date of birth, and the digit of century and sex. Numbers given since 2020 have no check digit."""
    if not re.fullmatch(r"[0-9]{6}[1-8][0-9]{6}", number):
        return False
    return 1 <= int(number[2:4]) <= 12 and 1 <= int(number[4:6]) <= 31


def _ru_snils(number: str) -> bool:
    """Russian social insurance: nine digits weighted 9 to 1, modulo 101, in two digits."""
    if not re.fullmatch(r"[0-9]{11}", number) or number.startswith("000"):
        return False
    return _weighted(number[:9], range(9, 0, -1)) % 101 % 100 == int(number[9:])


def _sg_nric(number: str) -> bool:
    """A letter of the century and status, seven digits, a check letter modulo 11."""
    if not re.fullmatch(r"[STFGM][0-9]{7}[A-Z]", number):
        return False
    total = _weighted(number[1:8], (2, 7, 6, 5, 4, 3, 2))
    offset, letters = _SINGAPORE[number[0]]
    return letters[(total + offset) % 11] == number[8]


def _tw_id(number: str) -> bool:
    """A letter of the county, 1 or 2 (8 or 9 for residents), seven digits and a check digit modulo 10."""
    if not re.fullmatch(r"[A-Z][1289][0-9]{8}", number):
        return False
    digits = f"{_TAIWAN[number[0]]}{number[1:]}"
    return _weighted(digits, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)) % 10 == 0


def _us_mbi(number: str) -> bool:
    """Medicare beneficiary: a fixed order of digits and letters, without S, L, O, I, B, Z. No check digit."""
    letter, either = "[AC-HJKMNP-RT-Y]", "[AC-HJKMNP-RT-Y0-9]"
    form = f"[1-9]{letter}{either}[0-9]{letter}{either}[0-9]{letter}{letter}[0-9]{{2}}"
    return bool(re.fullmatch(form, number))


def _weighted(digits: str, weights: Iterable[int]) -> int:
    return sum(weight * int(digit) for weight, digit in zip(weights, digits, strict=True))


def _written(check: Check) -> Check:
    """The check of a compact number, as one of a number with separators, in either case, behind words."""
    return behind_words(lambda text: check(_SEPARATORS.sub("", text).upper()))


IDENTITY: Final[Mapping[str, Check]] = {
    "au-medicare": _written(_au_medicare),
    "de-rvnr": _written(_de_rvnr),
    "gb-nino": _written(_gb_nino),
    "hk-hkid": _written(_hk_hkid),
    "hu-taj": _written(_hu_taj),
    "kr-rrn": _written(_kr_rrn),
    "ru-snils": _written(_ru_snils),
    "sg-nric": _written(_sg_nric),
    "tw-id": _written(_tw_id),
    "us-mbi": _written(_us_mbi),
}
