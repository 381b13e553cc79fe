"""The form of a key: `gpk_<12 id>_<43 secret><6 check>`, base62, made to be copied, found and recognised.

The id is public: it stands in logs and opens nothing. The secret is 256 random bits, so what is stored can be a fast
digest: HMAC-SHA-256 of the whole key under a pepper that is kept elsewhere. Who reads the stored digests can neither
use them nor test guesses. The check is the CRC-32 of everything before it, as in GitHub's tokens: a mistyped key, and
anything a secret scanner merely takes for one, is told apart without asking anybody.

An admin's token has the same form and begins with `gpa_`: it opens the admin API and nothing else, and a key nothing
there.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable
from typing import Final, NamedTuple

PREFIX: Final = "gpk_"
ADMIN_PREFIX: Final = "gpa_"
ID_LENGTH: Final = 12
SECRET_LENGTH: Final = 43
CHECK_LENGTH: Final = 6
SECRET_BYTES: Final = 32
ID_BYTES: Final = 16

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS: Final = tuple(high + low for high in _DIGITS for low in _DIGITS)
_FORMS: Final = {
    prefix: re.compile(rf"{prefix}([0-9A-Za-z]{{{ID_LENGTH}}})_[0-9A-Za-z]{{{SECRET_LENGTH + CHECK_LENGTH}}}")
    for prefix in (PREFIX, ADMIN_PREFIX)
}
_ID: Final = re.compile(rf"[0-9A-Za-z]{{{ID_LENGTH}}}")


class NewKey(NamedTuple):
    """A key just made. `token` is the secret to hand to its owner, once; `key_id` is its public part."""

    token: str
    key_id: str


def new_key(random_bytes: Callable[[int], bytes], prefix: str = PREFIX) -> NewKey:
    """A key from a source of secure randomness, such as `secrets.token_bytes`; with `ADMIN_PREFIX` an admin's token."""
    key_id = _base62(random_bytes(ID_BYTES), ID_LENGTH)
    return NewKey(renewed(key_id, random_bytes, prefix), key_id)


def renewed(key_id: str, random_bytes: Callable[[int], bytes], prefix: str = PREFIX) -> str:
    """Another secret for a key that keeps its id."""
    body = f"{prefix}{key_id}_{_base62(random_bytes(SECRET_BYTES), SECRET_LENGTH)}"
    return body + _check(body)


def parse(token: str, prefix: str = PREFIX) -> str | None:
    """The id of a well-formed key; None if prefix, length, alphabet or check is wrong. Says nothing about validity."""
    form = _FORMS[prefix].fullmatch(token)
    if form is None or token[-CHECK_LENGTH:] != _check(token[:-CHECK_LENGTH]):
        return None
    return form[1]


def is_key_id(text: str) -> bool:
    """Whether the text has the form of a key's id."""
    return _ID.fullmatch(text) is not None


def digest(token: str, pepper: bytes) -> str:
    """What is stored of a key: 64 hexadecimal digits that open nothing and cannot be computed without the pepper."""
    return digest_under(keyed(pepper), token)


class Keyed(NamedTuple):
    """HMAC-SHA-256 under a pepper before anything was digested: the two hashes of RFC 2104, which have read its pads.

    Two plain hashes are copied in half the time that the library takes to copy its HMAC; the digests are the same.
    """

    inner: hashlib._Hash
    outer: hashlib._Hash


def keyed(pepper: bytes) -> Keyed:
    """What `digest_under` digests under this pepper, many times."""
    block = hashlib.sha256().block_size
    key = (hashlib.sha256(pepper).digest() if len(pepper) > block else pepper).ljust(block, b"\0")
    return Keyed(hashlib.sha256(bytes(one ^ 0x36 for one in key)), hashlib.sha256(bytes(one ^ 0x5C for one in key)))


def digest_under(key: Keyed, token: str) -> str:
    """`digest`, at a quarter of the price where the pepper stays the same."""
    inner, outer = key[0].copy(), key[1].copy()
    inner.update(token.encode("utf-8", "surrogatepass"))
    outer.update(inner.digest())
    return outer.hexdigest()


def _check(body: str) -> str:
    """The checksum of 32 bits in six digits, two at a time."""
    above, last = divmod(zlib.crc32(body.encode("ascii")), len(_PAIRS))
    first, middle = divmod(above, len(_PAIRS))
    return _PAIRS[first] + _PAIRS[middle] + _PAIRS[last]


def _base62(raw: bytes, length: int) -> str:
    """The number `raw`, big-endian, in exactly `length` digits; what does not fit is cut off at the top."""
    number = int.from_bytes(raw, "big")
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
