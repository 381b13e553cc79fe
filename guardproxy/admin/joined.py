"""The keys of several stores as those of one: the file's, and those of the store that proxies share.

As for callers the file wins: an id that stands there is the one that counts. New keys go to the last store, which is
the one the settings name. After a change this process looks at its keys at once; others find it within seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from guardproxy.identity.changes import check_name, chosen
from guardproxy.identity.store import Issued, KeyStore
from guardproxy.identity.stored import KeyTerms, StoredKey

_Held = tuple[KeyStore, Sequence[StoredKey]]


class JoinedKeys:
    """A `KeyStore` over at least one. `changed` is told of every change."""

    def __init__(
        self, stores: Sequence[KeyStore], now: Callable[[], datetime], changed: Callable[[], None] = lambda: None
    ) -> None:
        self._stores = tuple(stores)
        self._now = now
        self._changed = changed

    @property
    def place(self) -> str:
        return " and ".join(store.place for store in self._stores)

    async def list(self) -> Sequence[StoredKey]:
        return [key for _, keys in await self._all() for key in keys]

    async def last_used(self) -> Mapping[str, int]:
        latest: dict[str, int] = {}
        for store in self._stores:
            for key_id, at in (await store.last_used()).items():
                latest[key_id] = max(at, latest.get(key_id, 0))
        return latest

    async def create(self, terms: KeyTerms) -> Issued:
        for store in self._stores[:-1]:
            for key in await store.list():
                if key.name == terms.name:
                    check_name(key, self._now())
        issued = await self._stores[-1].create(terms)
        self._changed()
        return issued

    async def rotate(self, which: str, overlap: timedelta) -> Issued:
        store, key = await self._holder(which)
        issued = await store.rotate(key.id, overlap)
        self._changed()
        return issued

    async def revoke(self, which: str, reason: str | None = None) -> StoredKey:
        store, key = await self._holder(which)
        ended = await store.revoke(key.id, reason)
        self._changed()
        return ended

    async def close(self) -> None:
        """The stores belong to the proxy, which closes them."""

    async def _holder(self, which: str) -> tuple[KeyStore, StoredKey]:
        """Where the key is that is meant. Raises `KeyStoreError`."""
        every = await self._all()
        key = chosen([key for _, keys in every for key in keys], which)
        return next(store for store, keys in every if key in keys), key

    async def _all(self) -> Sequence[_Held]:
        """Each store with the keys that count."""
        found: Sequence[_Held] = ()
        known: set[str] = set()
        for store in self._stores:
            keys = [key for key in await store.list() if key.id not in known]
            known.update(key.id for key in keys)
            found = (*found, (store, keys))
        return found
