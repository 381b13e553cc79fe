"""The keys in a store that several proxies share, to be listed and changed.

A change is written only if the key is still as it was when the change was thought out; otherwise it is thought out
anew. Each change raises a version and is announced on a channel, so that every proxy notices it at once, or a little
later by the version. All keys of a store are made under one pepper: of another one it takes no key.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from pydantic import ValidationError

from guardproxy.identity.changes import check_name, made, revoked, rotated
from guardproxy.identity.file_store import utc_now
from guardproxy.identity.key_scripts import CHANGE, FIND, PAGE, STATE, USED, KeyPlaces
from guardproxy.identity.keys import digest, new_key, parse, renewed
from guardproxy.identity.store import Issued, KeyStoreError, KeyStoreUnavailable, NoSuchKey, UnreadableKey
from guardproxy.identity.stored import KeyTerms, StoredKey
from guardproxy.quota.scripts import Script
from guardproxy.quota.store import Store, StoreUnreachable

ATTEMPTS: Final = 8
ASK_DOCTOR: Final = "; `guardproxy doctor` says more"
OTHER_PEPPER: Final = (
    "the keys in the store were made under another pepper: use theirs (GUARDPROXY_PEPPER, keys.pepper_file, or the "
    "file next to keys.yaml)"
)


class _Kept(NamedTuple):
    """A key, and how exactly it is written in the store."""

    key: StoredKey
    written: str


class RedisKeyStore:
    """Keys below `prefix`. `open()` it inside a running loop; `close()` closes the connections."""

    def __init__(self, store: Store, prefix: str, pepper: bytes, now: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._prefix = prefix
        self._places = KeyPlaces.below(prefix)
        self._pepper = pepper
        self._mark = digest("guardproxy: this pepper", pepper)
        self._now = now

    @property
    def place(self) -> str:
        return "the shared store"

    @property
    def channel(self) -> str:
        """Where changes are announced."""
        return self._places.channel

    def under(self, pepper: bytes) -> RedisKeyStore:
        """The same store, with another pepper. Only one of the two is to be closed."""
        return RedisKeyStore(self._store, self._prefix, pepper, self._now)

    def open(self) -> None:
        self._store.open()

    async def list(self) -> Sequence[StoredKey]:
        kept = [_read(value) for value in (await self._whole(self._places.keys)).values()]
        return sorted(kept, key=lambda key: (key.created, key.id))

    async def last_used(self) -> Mapping[str, int]:
        return {key_id: int(value) for key_id, value in (await self._whole(self._places.used)).items()}

    async def create(self, terms: KeyTerms) -> Issued:
        new = new_key(secrets.token_bytes)
        for _ in range(ATTEMPTS):
            now, holder = self._now(), await self._find("name", terms.name)
            check_name(holder and holder.key, now)
            key = made(terms, new.key_id, digest(new.token, self._pepper), now)
            if await self._put("", key, key.name, holder.key.id if holder else ""):
                return Issued(new.token, key)
        raise _contended()

    async def rotate(self, which: str, overlap: timedelta) -> Issued:
        tokens: list[str] = []

        def change(key: StoredKey) -> StoredKey:
            tokens.append(renewed(key.id, secrets.token_bytes))
            return rotated(key, digest(tokens[-1], self._pepper), overlap, self._now())

        key = await self._change(which, change)
        return Issued(tokens[-1], key)

    async def revoke(self, which: str, reason: str | None = None) -> StoredKey:
        return await self._change(which, lambda key: revoked(key, reason, self._now()))

    async def find(self, key_id: str) -> StoredKey | None:
        """The key with this id."""
        kept = await self._find("id", key_id)
        return kept and kept.key

    async def state(self) -> tuple[int, bool]:
        """A number that changes with every change, and whether the keys were made under this pepper."""
        version, mark = await self._run(STATE, [self._places.version, self._places.pepper], [])
        return int(version), _text(mark) in ("", self._mark)

    async def note_used(self, used: Mapping[str, int]) -> None:
        """When keys were last used."""
        if used:
            await self._run(USED, [self._places.used], [part for item in used.items() for part in item])

    async def close(self) -> None:
        await self._store.close()

    async def _change(self, which: str, change: Callable[[StoredKey], StoredKey]) -> StoredKey:
        for _ in range(ATTEMPTS):
            old = await self._find("id", parse(which) or which) or await self._find("name", which)
            if old is None:
                raise NoSuchKey("no key has this id or name; `guardproxy keys list` shows them")
            new = change(old.key)
            if new == old.key or await self._put(old.written, new):
                return new
        raise _contended()

    async def _find(self, by: Literal["id", "name"], which: str) -> _Kept | None:
        """The key with this id, or the last one of this name."""
        value = await self._run(FIND, [self._places.keys, self._places.names], [by, which])
        return None if value is None else _Kept(_read(value), _text(value))

    async def _put(self, seen: str, new: StoredKey, name: str = "", holder: str = "") -> bool:
        """Write a key, and take the name for it; whether everything still was as it had been seen."""
        keys = [self._places.keys, self._places.names, self._places.version, self._places.pepper]
        written = json.dumps(new.plain(), separators=(",", ":"))
        arguments = [new.id, seen, written, name, holder, self._mark, self._places.channel]
        version = int(await self._run(CHANGE, keys, arguments))
        if version < 0:
            raise KeyStoreError(OTHER_PEPPER)
        return version > 0

    async def _whole(self, place: str) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        cursor: Any = "0"
        while True:
            cursor, part = await self._run(PAGE, [place], [_text(cursor)])
            found |= {_text(field): value for field, value in zip(part[::2], part[1::2], strict=True)}
            if int(cursor) == 0:
                return found

    async def _run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | int]) -> Any:
        try:
            return await self._store.run(script, keys, arguments)
        except StoreUnreachable as error:
            raise KeyStoreUnavailable(f"the store of the keys does not answer ({error}){ASK_DOCTOR}") from error


def _read(value: bytes) -> StoredKey:
    try:
        return StoredKey.model_validate_json(value)
    except ValidationError:  # not chained: it quotes the entry
        raise UnreadableKey("the store holds a key that cannot be read: did a newer version write it?") from None


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode()


def _contended() -> KeyStoreError:
    return KeyStoreError("the keys are being changed by somebody else all the time; try again")
