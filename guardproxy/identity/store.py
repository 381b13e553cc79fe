"""Where keys are kept and changed: what the file and the shared store have in common.

A store makes keys and hands out each secret once; from then on it knows digests. What a change does to a key is the
same everywhere and stands in `changes`; a store only sees to it that two changes at once do not undo each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple, Protocol

from guardproxy.errors import GuardproxyError
from guardproxy.identity.stored import KeyTerms, StoredKey


class KeyStoreError(GuardproxyError):
    """A key cannot be made or changed. The message says why and what to do, and quotes nothing that was given."""


class NoSuchKey(KeyStoreError):
    """No key has this id or name."""


class SeveralKeys(KeyStoreError):
    """More than one key has this name: they have to be told apart by id."""


class NameTaken(KeyStoreError):
    """An active key has this name already."""


class KeyRevoked(KeyStoreError):
    """The key was revoked, which is for ever."""


class UnreadableKey(KeyStoreError):
    """The store holds something in the place of a key that this version cannot read. It says nothing of other keys."""


class KeyStoreUnavailable(KeyStoreError):
    """The store cannot be reached or written now. An outage: nothing was changed, as far as can be known."""


class Issued(NamedTuple):
    """A key with its secret, which nobody can show a second time."""

    token: str
    key: StoredKey


class KeyStore(Protocol):
    """Keys that can be listed and changed. `which` is an id or a name. Every method raises `KeyStoreError`."""

    @property
    def place(self) -> str:
        """Where the keys are, as it is told to people: a file's path, or `the shared store`."""
        ...

    async def list(self) -> Sequence[StoredKey]:
        """All keys, the oldest first."""
        ...

    async def last_used(self) -> Mapping[str, int]:
        """When each key was last used, as far as is known: key id -> Unix seconds."""
        ...

    async def create(self, terms: KeyTerms) -> Issued:
        """A new key. Raises `NameTaken`."""
        ...

    async def rotate(self, which: str, overlap: timedelta) -> Issued:
        """Another secret for a key; the one it had opens for `overlap` longer. Raises `KeyRevoked`."""
        ...

    async def revoke(self, which: str, reason: str | None = None) -> StoredKey:
        """End a key for ever, at once. A key that was revoked before stays as it was."""
        ...

    async def close(self) -> None: ...
