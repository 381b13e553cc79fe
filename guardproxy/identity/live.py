"""The keys as they are now: those of a file that is read again when it changes, and those of a store that is asked.

The file wins: an id that stands there is decided there, also when it was revoked there. What the file knows and what
the store was asked for lately is answered at once; only otherwise somebody has to wait.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from guardproxy.core.principal import Principal
from guardproxy.identity.keyring import Keyring
from guardproxy.identity.keys import parse
from guardproxy.identity.lookup import Refused


class AskedKeys(Protocol):
    """Keys that are kept elsewhere."""

    def find(self, key_id: str, presented: str, now: float) -> Principal | Awaitable[Principal | None] | None:
        """Who holds the key with this id and digest. Raises `RequestError` where nobody can be asked."""
        ...

    def why_refused(self, key_id: str, presented: str, now: float) -> str | None:
        """Why a key that was asked for just now opens nothing; None if there is no such key."""
        ...


class LiveKeys:
    """Answers for `keyring`, which may be replaced at any time, and for the keys of a store.

    `used`: when each key was last used, in Unix seconds.
    """

    def __init__(self, keyring: Keyring, asked: AskedKeys | None = None) -> None:
        self.keyring = keyring
        self.used: dict[str, int] = {}
        self._asked = asked

    def find(self, token: str, now: float) -> Principal | Awaitable[Principal | None] | None:
        keyring = self.keyring
        key_id, presented = parse(token), keyring.digest(token)
        found: Principal | Awaitable[Principal | None] | None = keyring.judge(key_id, presented, now)
        if found is None and self._asked is not None and key_id is not None and not keyring.knows(key_id):
            found = self._asked.find(key_id, presented, now)
        if isinstance(found, Principal):
            self.used[found.key_id] = int(now)
        elif found is not None:
            return self._noted(found, now)
        return found

    def why_refused(self, token: str, now: float) -> Refused:
        refused, key_id = self.keyring.why_refused(token, now), parse(token)
        if key_id is None or self._asked is None or self.keyring.knows(key_id):
            return refused
        reason = self._asked.why_refused(key_id, self.keyring.digest(token), now)
        return refused if reason is None else refused._replace(reason=reason, key_id=key_id)

    def signing_secret(self, key_id: str) -> str:
        return self.keyring.signing_secret(key_id)

    async def _noted(self, asked: Awaitable[Principal | None], now: float) -> Principal | None:
        found = await asked
        if found is not None:
            self.used[found.key_id] = int(now)
        return found
