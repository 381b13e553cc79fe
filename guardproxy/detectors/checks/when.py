"""Dates that can be somebody's date of birth, in the ways people write them.

`1987-05-12`, `12.05.1987`, `5/12/87`, `12 May 1987`, `May 12th, 1987`, `12. Mai 1987`, `12 de mayo de 1987`,
`1987年5月12日`. Where day and month cannot be told apart, one real reading is enough.
"""

from __future__ import annotations

import re
from typing import Final

from guardproxy.detectors.checks.context import behind_words

FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2049

# The first letters of the months' names, January first: English, German, French, Spanish, Italian, Portuguese, Dutch.
_MONTHS: Final = tuple(
    tuple(names.split())
    for names in (
        "jan jän ene gen",
        "feb fév fev",
        "mar mär mrt maa",
        "apr avr abr",
        "may mai maj mag mei",
        "jun jui giu",
        "jul juil lug",
        "aug aoû aou ago",
        "sep set",
        "oct okt ott out",
        "nov",
        "dec dez déc dic",
    )
)
_DIGITS: Final = re.compile(r"[0-9]+")
_MONTH_NAME: Final = re.compile(r"[^\W\d_]{3,10}")
_NUMERIC: Final = re.compile(r"[0-9]{1,4}([-/. ])\s?[0-9]{1,2}\1\s?[0-9]{2,4}\.?")
_NAMED: Final = re.compile(
    r"[0-9]{1,2}(?:st|nd|rd|th|er|\.|º)?[ -](?:de |of )?[^\W\d_]{3,10}\.?,?[ -](?:de |del )?[0-9]{4}"
    r"|[^\W\d_]{3,10}\.? [0-9]{1,2}(?:st|nd|rd|th)?,? [0-9]{4}"
)
_EASTERN: Final = re.compile(r"[0-9]{4}\s?[年년]\s?[0-9]{1,2}\s?[月월]\s?[0-9]{1,2}\s?[日일]")


@behind_words
def date_of_birth(text: str) -> bool:
    """A date of the calendar in the years 1900 to 2049; a year of two digits is one of them."""
    numbers = [int(digits) for digits in _DIGITS.findall(text)]
    if _NUMERIC.fullmatch(text) or _EASTERN.fullmatch(text):
        first, second, third = numbers
        if first > 31:
            return _is_date(first, second, third)
        return _is_date(third, second, first) or _is_date(third, first, second)
    if _NAMED.fullmatch(text):
        day, year = numbers
        return any(_is_date(year, month, day) for month in _months(text))
    return False


def _months(text: str) -> list[int]:
    """Which months a name in the text can mean; `jui` is June and July in French."""
    words = [word.lower() for word in _MONTH_NAME.findall(text)]
    return [number for number, names in enumerate(_MONTHS, 1) if any(word.startswith(names) for word in words)]


def _is_date(year: int, month: int, day: int) -> bool:
    if year >= 100 and not FIRST_YEAR <= year <= LAST_YEAR:
        return False
    leap = year % 4 == 0 and year != FIRST_YEAR
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return 1 <= month <= 12 and 1 <= day <= lengths[month - 1]
