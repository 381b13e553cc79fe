"""The keys of a file, to be listed and changed. The file is the truth: whoever reads it again sees the change."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from guardproxy.errors import ConfigurationError
from guardproxy.identity.changes import check_name, chosen, made, revoked, rotated
from guardproxy.identity.keyfile import ensure_pepper, load_pepper, read_keys, rewrite_keys
from guardproxy.identity.keys import digest, new_key, renewed
from guardproxy.identity.store import Issued, KeyStoreUnavailable
from guardproxy.identity.stored import KeyTerms, StoredKey

Result = TypeVar("Result")


def utc_now() -> datetime:
    return datetime.now(UTC)


class FileKeyStore:
    """The keys of `path`; a missing file is made with the first key, and its pepper with it.

    `used` tells when keys were last used: a file cannot know, but the process that reads it can.
    """

    def __init__(
        self,
        path: Path,
        environment: Mapping[str, str],
        now: Callable[[], datetime] = utc_now,
        used: Callable[[], Mapping[str, int]] = dict,
        pepper_file: Path | None = None,
    ) -> None:
        self._path = path
        self._environment = environment
        self._now = now
        self._used = used
        self._pepper_file = pepper_file

    @property
    def place(self) -> str:
        return str(self._path)

    async def list(self) -> Sequence[StoredKey]:
        return await _beside(lambda: read_keys(self._path))

    async def last_used(self) -> Mapping[str, int]:
        return self._used()

    async def create(self, terms: KeyTerms) -> Issued:
        return await _beside(lambda: self._create(terms))

    async def rotate(self, which: str, overlap: timedelta) -> Issued:
        return await _beside(lambda: self._rotate(which, overlap))

    async def revoke(self, which: str, reason: str | None = None) -> StoredKey:
        return await _beside(lambda: self._change(which, lambda key: revoked(key, reason, self._now())))

    async def close(self) -> None:
        """A file is not held open."""

    def _create(self, terms: KeyTerms) -> Issued:
        now, new = self._now(), new_key(secrets.token_bytes)
        pepper = ensure_pepper(self._path, self._environment, secrets.token_bytes, self._pepper_file)
        key = made(terms, new.key_id, digest(new.token, pepper), now)

        def added(keys: tuple[StoredKey, ...]) -> tuple[StoredKey, ...]:
            for holder in keys:
                if holder.name == key.name:
                    check_name(holder, now)
            return (*keys, key)

        rewrite_keys(self._path, added)
        return Issued(new.token, key)

    def _rotate(self, which: str, overlap: timedelta) -> Issued:
        pepper = load_pepper(self._path, self._environment, self._pepper_file)
        tokens: list[str] = []

        def change(key: StoredKey) -> StoredKey:
            tokens.append(renewed(key.id, secrets.token_bytes))
            return rotated(key, digest(tokens[0], pepper), overlap, self._now())

        key = self._change(which, change)
        return Issued(tokens[0], key)

    def _change(self, which: str, change: Callable[[StoredKey], StoredKey]) -> StoredKey:
        """Replace one key; the key as it is then."""
        read_keys(self._path)  # a file that is not there is told, and not made
        changed: list[StoredKey] = []

        def replaced(keys: tuple[StoredKey, ...]) -> tuple[StoredKey, ...]:
            old = chosen(keys, which, self._now())
            changed.append(change(old))
            return tuple(changed[0] if key.id == old.id else key for key in keys)

        rewrite_keys(self._path, replaced)
        return changed[0]


async def _beside(work: Callable[[], Result]) -> Result:
    """The result of work on the file, done beside the event loop. Raises `KeyStoreError`."""
    try:
        return await asyncio.to_thread(work)
    except ConfigurationError as error:
        raise KeyStoreUnavailable(error.message) from error
