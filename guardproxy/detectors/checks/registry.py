"""The checks by name.

Those of official numbers and of phone numbers stand on two packages of the extra `pii`. They are imported when such a
check is asked for by name, so a policy that names none needs neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from guardproxy.detectors.checks.contact import email, phone_digits
from guardproxy.detectors.checks.context import Check
from guardproxy.detectors.checks.document import document_number, mrz, vin
from guardproxy.detectors.checks.identity import IDENTITY
from guardproxy.detectors.checks.network import ipv4_host, ipv6_host, mac
from guardproxy.detectors.checks.official import OFFICIAL, official
from guardproxy.detectors.checks.payment import aba_routing, iban, luhn, payment_card
from guardproxy.detectors.checks.phone import PHONE, phone
from guardproxy.detectors.checks.randomness import assigned_secret, random_looking
from guardproxy.detectors.checks.wallet import btc_address, eth_address
from guardproxy.detectors.checks.when import date_of_birth
from guardproxy.errors import RuleError

_OWN: Final[Mapping[str, Check]] = {
    "aba-routing": aba_routing,
    "assigned-secret": assigned_secret,
    "btc-address": btc_address,
    "date-of-birth": date_of_birth,
    "document-number": document_number,
    "email": email,
    "eth-address": eth_address,
    "iban": iban,
    "ipv4-host": ipv4_host,
    "ipv6-host": ipv6_host,
    "luhn": luhn,
    "mac": mac,
    "mrz": mrz,
    "payment-card": payment_card,
    "phone-digits": phone_digits,
    "random-looking": random_looking,
    "vin": vin,
    **IDENTITY,
}

# By name: a function that takes the name and gives the check, or raises ImportError without its package.
_LOADED: Final[Mapping[str, tuple[str, Callable[[str], Check]]]] = {
    **dict.fromkeys(OFFICIAL, ("python-stdnum", official)),
    **dict.fromkeys(PHONE, ("phonenumberslite", phone)),
}


class _Checks(Mapping[str, Check]):
    """The checks by name. Asking for one loads it: KeyError for an unknown name, RuleError if a package is missing."""

    def __init__(self) -> None:
        self._names = sorted({*_OWN, *_LOADED})
        self._ready: dict[str, Check] = dict(_OWN)

    def __getitem__(self, name: str) -> Check:
        if name not in self._ready:
            package, load = _LOADED[name]
            try:
                self._ready[name] = load(name)
            except ImportError as error:
                message = f"the check {name} needs the package {package}: pip install 'guardproxy[pii]'"
                raise RuleError(message, option="check") from error
        return self._ready[name]

    def __contains__(self, name: object) -> bool:
        return name in _OWN or name in _LOADED

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


CHECKS: Final[Mapping[str, Check]] = _Checks()


def find_check(name: str) -> Check:
    """The check of this name. Raises `RuleError` for an unknown one, with the nearest names, or a missing package."""
    if name in CHECKS:
        return CHECKS[name]
    near = get_close_matches(name, CHECKS, n=3) or list(_OWN)
    raise RuleError(f"unknown check '{name}'; did you mean {' or '.join(near)}?", option="check")
