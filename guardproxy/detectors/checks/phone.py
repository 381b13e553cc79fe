"""Phone numbers, valid by the numbering plans that phonenumberslite (extra `pii`) knows.

`phone` is a number in international form, `+49 30 ...` or `0049 30 ...`. `phone-<region>` is one that can be dialled
in that region: in its national form, or in international form with its country code. A row that counts up is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from guardproxy.detectors.checks.context import Check, behind_words
from guardproxy.detectors.checks.rows import counts_up, measures

# ISO 3166 codes.
_REGIONS: Final = (
    "AR AT AU BE BR CA CH CL CN CO CZ DE DK ES FI FR GB GR HK HU ID IE IL IN IT JP KR MX MY NL NO NZ PE PH PL PT RO RU "
    "SE SG SK TH TR TW UA US VN ZA"
)
# The region of each check; none for numbers in international form.
PHONE: Final[Mapping[str, str | None]] = {
    "phone": None,
    **{f"phone-{region.lower()}": region for region in _REGIONS.split()},
}

_INTERNATIONAL: Final = re.compile(r"(?:\+|00)(?P<number>[1-9][0-9 ().\-/\u00a0]{5,40})")
# What is set apart behind `00` is the country code: `0096 1877 7710` is three numbers, though Lebanon has 961.
_SET_APART: Final = re.compile(r"00([1-9][0-9]{0,2})[ ./-]")
_DIALLED: Final = re.compile(r"[+(0-9][0-9 ().\-/\u00a0]{5,40}")


def phone(name: str) -> Check:
    """The check of one of `PHONE`. Raises `ImportError` without phonenumberslite."""
    library = import_module("phonenumbers")
    region = PHONE[name]
    return behind_words(_international(library) if region is None else _national(library, region))


def _international(library: Any) -> Check:
    def is_phone(text: str) -> bool:
        written = _INTERNATIONAL.fullmatch(text)
        if written is None:
            return False
        apart = _SET_APART.match(text)
        return _valid(library, f"+{written['number']}", None, apart and apart[1])

    return is_phone


def _national(library: Any, region: str) -> Check:
    def is_phone(text: str) -> bool:
        return bool(_DIALLED.fullmatch(text)) and _valid(library, text, region)

    return is_phone


def _valid(library: Any, text: str, region: str | None, country_code: str | None = None) -> bool:
    """`country_code`: it must have this one."""
    if counts_up(text) or measures(text):
        return False
    try:
        number = library.parse(text, region)
    except library.NumberParseException:
        return False
    # Regions that share a country code (the United States and Canada) can be dialled from each other.
    if country_code is not None and str(number.country_code) != country_code:
        return False
    ours = region is None or number.country_code == library.country_code_for_region(region)
    return ours and bool(library.is_valid_number(number))
