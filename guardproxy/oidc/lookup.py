"""Keys and tokens behind one question: who presents this?"""

from __future__ import annotations

import re
from collections.abc import Awaitable
from typing import Final

from guardproxy.core.principal import Principal
from guardproxy.errors import IdentityUnavailable, InvalidKey, Retry
from guardproxy.identity.lookup import KeyLookup, Refused
from guardproxy.oidc.claims import ExpiredToken
from guardproxy.oidc.issuer_keys import IssuerAway
from guardproxy.oidc.token import RefusedToken, looks_like_token
from guardproxy.oidc.verifier import TokenVerifier

WRONG_TOKEN: Final = "this token is not valid here: sign in again, or set the client's api_key to a guardproxy key"  # noqa: S105
EXPIRED_TOKEN: Final = "this token has expired: get a new one from where it came"  # noqa: S105
AWAY: Final = "the identity provider of this token cannot be asked now; try again later"
_LEAST_WAIT_MS: Final = 1_000
_HUMP: Final = re.compile("[A-Z]")


class KeysAndTokens:
    """`KeyLookup` that believes tokens too. What looks like a token and is a key (of this run) stays a key."""

    def __init__(self, keys: KeyLookup, verifier: TokenVerifier) -> None:
        self._keys = keys
        self._verifier = verifier
        # Asked for in the same turn of the loop in which it was found out. Python's hash: nothing presented is kept.
        self._last_refused = (0, "")

    def find(self, token: str, now: float) -> Principal | Awaitable[Principal | None] | None:
        """Who presents this at `now` (Unix seconds).

        Awaiting raises `IdentityUnavailable`, and `InvalidKey` for a token that was good and has expired.
        """
        if not looks_like_token(token):
            return self._keys.find(token, now)
        return self._verifier.known(token, now) or self._unknown(token, now)

    def why_refused(self, token: str, now: float) -> Refused:
        """Why `find` found nobody, for the log: of a token that was asked about just now by the kind of its fault."""
        refused = self._keys.why_refused(token, now)
        asked, reason = self._last_refused
        return refused._replace(reason=reason) if reason and asked == hash(token) else refused

    def signing_secret(self, key_id: str) -> str:
        return self._keys.signing_secret(key_id)

    async def _unknown(self, token: str, now: float) -> Principal | None:
        found = self._keys.find(token, now)
        if found is not None and not isinstance(found, Principal):
            found = await found
        if found is not None:
            return found
        try:
            return await verified(self._verifier, token, now)
        except InvalidKey as error:
            if isinstance(error.__cause__, ExpiredToken):
                raise
            self._last_refused = (hash(token), _reason(error.__cause__))
            return None


def _reason(cause: BaseException | None) -> str:
    """`token: wrong audience`"""
    return f"token:{_HUMP.sub(lambda hump: ' ' + hump[0].lower(), type(cause).__name__)}"


async def verified(verifier: TokenVerifier, token: str, now: float) -> Principal:
    """Who presents this token. Raises `InvalidKey`, caused by the `RefusedToken`, and `IdentityUnavailable`."""
    try:
        return await verifier.verify(token, now)
    except ExpiredToken as error:
        raise InvalidKey(EXPIRED_TOKEN, detail={"reason": "expired"}) from error
    except RefusedToken as error:
        raise InvalidKey(WRONG_TOKEN) from error
    except IssuerAway as error:
        wait_ms = max(_LEAST_WAIT_MS, round(error.wait_s * 1000))
        raise IdentityUnavailable(AWAY, retry=Retry(after_ms=wait_ms)) from error
