"""Addresses of crypto wallets.

Bitcoin: base58check (version byte, hash, four bytes of a double SHA-256) and bech32 or bech32m (BIP 173, BIP 350: a BCH
code over 5-bit characters). Ethereum: form only; its checksum needs Keccak, which the standard library does not have.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
# What the code of a valid address comes to: bech32 for witness version 0, bech32m from version 1 on.
_BECH32_SUMS: Final = (1, 0x2BC830A3)
_PAY_TO: Final = frozenset({0x00, 0x05})
_LEGACY: Final = re.compile(f"[{_BASE58}]{{25,35}}")
_SEGWIT: Final = re.compile(f"bc1[{_BECH32}]{{11,71}}")
_ETH: Final = re.compile(r"0[xX][0-9a-fA-F]{40}")


def btc_address(text: str) -> bool:
    """A Bitcoin address of the main network with a right checksum."""
    if _LEGACY.fullmatch(text) and _base58check(text):
        return True
    same_case = text in (text.lower(), text.upper())
    return same_case and bool(_SEGWIT.fullmatch(text.lower())) and _bech32(text.lower())


def eth_address(text: str) -> bool:
    """The form of an Ethereum address, other than the zero address and those of precompiled contracts."""
    return bool(_ETH.fullmatch(text)) and int(text, 16) > 0xFFFF


def _base58check(text: str) -> bool:
    number = 0
    for char in text:
        number = number * 58 + _BASE58.index(char)
    if number >> 8 * 25:
        return False
    raw = number.to_bytes(25, "big")
    # Each leading zero byte is written as a 1, and nothing else begins with one.
    zeros, ones = len(raw) - len(raw.lstrip(b"\0")), len(text) - len(text.lstrip("1"))
    return zeros == ones and raw[0] in _PAY_TO and sha256(sha256(raw[:21]).digest()).digest()[:4] == raw[21:]


def _bech32(text: str) -> bool:
    code = 1
    for value in (*_expanded("bc"), *map(_BECH32.index, text[3:])):
        top = code >> 25
        code = (code & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATORS):
            code ^= generator if top >> bit & 1 else 0
    return code == _BECH32_SUMS[text[3] != "q"]


def _expanded(prefix: str) -> tuple[int, ...]:
    return (*(ord(char) >> 5 for char in prefix), 0, *(ord(char) & 31 for char in prefix))
