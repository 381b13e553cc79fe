"""Who made what, known to all proxies that share a store.

A proxy asks its own memory first, then the store; what it was told there it remembers. It tells the store what it sees
being made in the background, and the answer that names an id waits for the first try: so the caller may go to another
proxy the moment it has the id, and no answer waits longer than the store's time limits. Only answers that make
something wait, and only under `server_state: own`.

Whoever told the store first owns it, also where two proxies see the same id at once: what a proxy has not heard from
the store yet it does not rely on, unless the store is away. While it is away, what this process knows is answered, and
of everything else nobody can tell: that is an outage, never "not yours" and never a pass.

The store holds a keyed digest of each id, and the id of the key that made it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from random import randint
from time import monotonic
from typing import Final

from guardproxy.errors import Retry, SharedStateUnavailable
from guardproxy.gateway.ownership import MOST, is_id
from guardproxy.quota.store import StoreUnreachable
from guardproxy.state.scripts import Place
from guardproxy.state.shared import Note, SharedState

REFRESHED_S: Final = 600.0
"""What is used is told the store again after so long: it is kept from its last use on, and a store may forget."""

RETRY_MS: Final = (1000, 5000)


class _Known:
    """Who made something. `certain`: the store says so; `told_at` is when it did."""

    __slots__ = ("certain", "owner", "told_at")

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.certain = False
        self.told_at = 0.0


class SharedOwnership:
    """`Ownership` in `place` of a shared state. Ids are digested under `secret`.

    `names`: what the store calls keys whose id does not say which key it is, as the one of the environment.
    """

    def __init__(
        self,
        state: SharedState,
        place: Place,
        secret: bytes,
        names: Mapping[str, str],
        clock: Callable[[], float] = monotonic,
        most: int = MOST,
    ) -> None:
        self._state = state
        self._place = place
        self._empty = blake2b(digest_size=16, key=secret)
        self._names = names
        self._clock = clock
        self._most = most
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def record(self, ids: Iterable[str], key_id: str) -> Awaitable[None] | None:
        owner = self._names.get(key_id, key_id)
        made = {}
        for named in ids:
            if is_id(named) and named not in self._known:
                self._remember(named, owner)
                made[named] = owner
        return self._tell(made) if made else None

    async def owned(self, key_id: str, ids: Sequence[str]) -> frozenset[str]:
        owner = self._names.get(key_id, key_id)
        ids = [named for named in dict.fromkeys(ids) if is_id(named)]
        known = {named: known for named in ids if (known := self._known.get(named))}
        uncertain = {named: one.owner for named, one in known.items() if not one.certain}
        if uncertain and (tried := self._tell(uncertain)) is not None:
            await tried
        owners = {named: self._owner(named, owner) for named in ids if named in self._known}
        if unknown := [named for named in ids if named not in owners]:
            owners |= await self._ask(unknown)
        owned = [named for named, whose in owners.items() if whose == owner]
        self._use(owned)
        return frozenset(owned)

    def _owner(self, named: str, asking: str) -> str:
        """Whose a remembered id is. Raises `SharedStateUnavailable` where only the store could tell, and did not."""
        known = self._known[named]
        if not known.certain and known.owner != asking:
            raise unavailable()
        return known.owner

    async def _ask(self, ids: Sequence[str]) -> Mapping[str, str]:
        """The owners that the store knows. Raises `SharedStateUnavailable`."""
        try:
            values = await self._state.find(self._place, [self._mark(named) for named in ids])
        except StoreUnreachable as error:
            raise unavailable() from error
        found = {named: value.decode() for named, value in zip(ids, values, strict=True) if value is not None}
        for named, owner in found.items():
            self._hear(named, owner, new=True)
        return found

    def _tell(self, owners: Mapping[str, str]) -> Awaitable[None] | None:
        notes = [Note(self._mark(named), owner.encode()) for named, owner in owners.items()]

        def noted(values: Sequence[bytes]) -> None:
            for named, owner in zip(owners, values, strict=True):
                self._hear(named, owner.decode())

        return self._state.note(self._place, notes, noted)

    def _hear(self, named: str, owner: str, *, new: bool = False) -> None:
        """The store says whose it is."""
        known = self._known.get(named) or (self._remember(named, owner) if new else None)
        if known is not None:
            known.owner, known.certain, known.told_at = owner, True, self._clock()

    def _use(self, ids: Iterable[str]) -> None:
        """These were named: they are remembered longer, here and in the store."""
        stale, now = {}, self._clock()
        for named in ids:
            if (known := self._known.get(named)) is not None:
                self._known.move_to_end(named)
                if known.certain and now - known.told_at >= REFRESHED_S:
                    known.told_at = now
                    stale[named] = known.owner
        if stale:
            self._tell(stale)

    def _remember(self, named: str, owner: str) -> _Known:
        known = self._known[named] = _Known(owner)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return known

    def _mark(self, named: str) -> bytes:
        digest = self._empty.copy()
        digest.update(named.encode("utf-8", "surrogatepass"))
        return digest.digest()


def unavailable() -> SharedStateUnavailable:
    return SharedStateUnavailable(
        "what this refers to was not made or answered by this proxy, and the store that other proxies share with it is "
        "out of reach; try again",
        retry=Retry(after_ms=randint(*RETRY_MS)),  # noqa: S311 - spreads clients
    )
