"""A JSON Web Token, read strictly and believed in nothing yet.

Parsers that forgive are how two readers come to see two tokens (RFC 8725). So there is one way to write each part:
base64url without padding and without stray bits at its end, JSON objects in which no name stands twice. A signed token
has three parts; an encrypted one (five) is not for us.

Of the header only `alg`, `kid`, `typ` and `crit` are read. `jku`, `x5u`, `jwk` and `x5c` let whoever writes a token say
where its key is; nobody looks at them. An extension that is marked critical is refused, since none is understood.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final, NamedTuple

from guardproxy.errors import InvalidJson
from guardproxy.wire.strict_json import parse_strict

MOST_CHARACTERS: Final = 8_000
MOST_KID: Final = 256
# ID tokens, and access tokens (RFC 9068). A logout, an event or a proof is signed by the same keys and is no sign-in.
TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt", "application/jwt"})

_FORM: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class RefusedToken(Exception):
    """The token opens nothing here. The name of the class is the reason, for the log; it never quotes the token."""


class MalformedToken(RefusedToken):
    """Too long, or not written as a signed token is."""


class UnknownTokenType(RefusedToken):
    """Signed for something else than to say who calls."""


class UnknownExtension(RefusedToken):
    """It says that something has to be understood which is not."""


class Token(NamedTuple):
    """What a token says of itself. `signed` is what `signature` is over."""

    algorithm: str
    kid: str | None
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def looks_like_token(text: str) -> bool:
    """Whether somebody may have meant a signed token: three parts of the alphabet."""
    return len(text) <= MOST_CHARACTERS and _FORM.fullmatch(text) is not None


def read_token(text: str) -> Token:
    """The parts of a token. Raises `RefusedToken`. Nothing in it is true before its signature was checked."""
    if not looks_like_token(text):
        raise MalformedToken
    signed, _, signature = text.rpartition(".")
    header, _, claims = signed.partition(".")
    said = _object(header)
    algorithm, kid, kind = said.get("alg"), said.get("kid"), said.get("typ")
    if not isinstance(algorithm, str) or not (kid is None or (isinstance(kid, str) and 0 < len(kid) <= MOST_KID)):
        raise MalformedToken
    if kind is not None and not (isinstance(kind, str) and kind.lower() in TYPES):
        raise UnknownTokenType
    if "crit" in said:
        raise UnknownExtension
    return Token(algorithm, kid, _object(claims), signed.encode("ascii"), _bytes(signature))


def _object(part: str) -> dict[str, Any]:
    try:
        value = parse_strict(_bytes(part))
    except InvalidJson:  # not chained: it may tell of names in the token
        raise MalformedToken from None
    if not isinstance(value, dict):
        raise MalformedToken
    return value


def _bytes(part: str) -> bytes:
    if len(part) % 4 == 1:
        raise MalformedToken
    raw = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if urlsafe_b64encode(raw).rstrip(b"=") != part.encode("ascii"):
        raise MalformedToken
    return raw
