"""E-mail addresses and phone numbers, told from what only looks like one."""

from __future__ import annotations

import re
from typing import Final

from guardproxy.detectors.checks.context import first_number
from guardproxy.detectors.checks.when import date_of_birth

# Users of version control: `git@github.com:acme/app.git` names a repository, not a person.
_NOBODYS: Final = frozenset({"git", "hg", "svn"})
# `icon@2x.png`, `typing@3.11.py`: the end of a file's name, none of them a top level domain.
_ENDINGS: Final = (
    "avif bmp cfg css csv dll exe gif gz html ico jpeg jpg js json jsx log map mjs pdf png py rb sass scss svg "
    "tar tgz toml ts tsx txt webp woff xml yaml yml"
)
_FILES: Final = frozenset(_ENDINGS.split())
_ADDRESS: Final = re.compile(
    r"(?P<local>[^\s@]{1,64})@(?P<domain>(?:[^\W_](?:[^\W_]|-)*\.)+(?P<top>[^\W\d_]{2,24}|xn--[a-z0-9-]{2,20}))"
)


def email(text: str) -> bool:
    """An e-mail address of a person or mailbox, international ones included. Not of a version control user."""
    address = _ADDRESS.fullmatch(text)
    if address is None:
        return False
    local, top = address["local"].lower(), address["top"].lower()
    dots_inside = not (local.startswith(".") or local.endswith(".") or ".." in local)
    return dots_inside and local not in _NOBODYS and top not in _FILES


def phone_digits(text: str) -> bool:
    """Behind words, a number of 7 to 15 digits that is no date: what can be dialled somewhere (E.164)."""
    number = text[first_number(text) :]
    return 7 <= sum(char.isdigit() for char in number) <= 15 and not date_of_birth(number)
