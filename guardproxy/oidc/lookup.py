"""Keys and tokens behind one question: who presents this?"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final, Protocol

from guardproxy.core.principal import Principal
from guardproxy.errors import IdentityUnavailable, InvalidKey, Retry
from guardproxy.oidc.claims import ExpiredToken
from guardproxy.oidc.issuer_keys import IssuerAway
from guardproxy.oidc.token import RefusedToken, looks_like_token
from guardproxy.oidc.verifier import TokenVerifier

WRONG_TOKEN: Final = "this token is not valid here: sign in again, or set the client's api_key to a guardproxy key"  # noqa: S105
EXPIRED_TOKEN: Final = "this token has expired: get a new one from where it came"  # noqa: S105
AWAY: Final = "the identity provider of this token cannot be asked now; try again later"
_LEAST_WAIT_MS: Final = 1_000


class Keys(Protocol):
    """Who presents a key."""

    def find(self, token: str, now: float) -> Principal | Awaitable[Principal | None] | None: ...

    def signing_secret(self, key_id: str) -> str: ...


class KeysAndTokens:
    """`KeyLookup` that believes tokens too. What looks like a token and is a key (of this run) stays a key."""

    def __init__(self, keys: Keys, verifier: TokenVerifier) -> None:
        self._keys = keys
        self._verifier = verifier

    def find(self, token: str, now: float) -> Principal | Awaitable[Principal | None] | None:
        """Who presents this at `now` (Unix seconds). Awaiting raises `InvalidKey` and `IdentityUnavailable`."""
        if not looks_like_token(token):
            return self._keys.find(token, now)
        return self._verifier.known(token, now) or self._unknown(token, now)

    def signing_secret(self, key_id: str) -> str:
        return self._keys.signing_secret(key_id)

    async def _unknown(self, token: str, now: float) -> Principal | None:
        found = self._keys.find(token, now)
        if found is not None and not isinstance(found, Principal):
            found = await found
        return found or await verified(self._verifier, token, now)


async def verified(verifier: TokenVerifier, token: str, now: float) -> Principal:
    """Who presents this token, for a listener of HTTP. Raises `InvalidKey` and `IdentityUnavailable`."""
    try:
        return await verifier.verify(token, now)
    except ExpiredToken as error:
        raise InvalidKey(EXPIRED_TOKEN, detail={"reason": "expired"}) from error
    except RefusedToken as error:
        raise InvalidKey(WRONG_TOKEN) from error
    except IssuerAway as error:
        wait_ms = max(_LEAST_WAIT_MS, round(error.wait_s * 1000))
        raise IdentityUnavailable(AWAY, retry=Retry(after_ms=wait_ms)) from error
