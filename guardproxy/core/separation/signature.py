"""Signed operator text: a key that was stolen from a front end cannot make up a system message.

The back end that writes the system prompt knows a secret that the key's holder does not. It signs all that its request
says in the operator's place - the system and developer messages whole, in their order, and the tools - and sends the
signature along:

    x-guardproxy-signature: v1=<HMAC-SHA-256, hexadecimal>

What is signed is canonical JSON: names sorted, no spaces, UTF-8, whole numbers without a point. A signature says
nothing about time, so one prompt has one signature, which may be computed once; it fits that prompt and no other, and
only under that key. The secret of a key is derived from the pepper of the file of keys, so it is stored nowhere.
"""

from __future__ import annotations

import hmac
import json
from typing import Any, Final

HEADER: Final = "x-guardproxy-signature"
VERSION: Final = "v1="
UNSIGNED: Final = "context.unsigned"


def canonical(value: Any) -> bytes:
    """The one way to write a JSON value: what JSON.stringify writes, with sorted names."""
    written = json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return written.encode("utf-8", "surrogatepass")


def sign(secret: bytes, operator_part: Any) -> str:
    """The value of the header."""
    return VERSION + hmac.new(secret, canonical(operator_part), "sha256").hexdigest()


def is_signed(secret: bytes, operator_part: Any, header: str) -> bool:
    """Whether the header is the signature of this, compared in constant time."""
    return hmac.compare_digest(sign(secret, operator_part).encode(), header.strip().encode("utf-8", "replace"))


def _plain(value: Any) -> Any:
    """The value with its whole numbers written as such."""
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value
