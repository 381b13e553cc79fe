"""The keys of a shared store as one proxy knows them: asked for once, remembered, forgotten at once when they change.

What was asked for is remembered under the digest of all that was presented, never under the id alone: 30 seconds what
opens, 5 seconds what does not, a bounded number of each. Changes come in two ways. The store announces each with its
version and the key's id; and every few seconds the version is asked for, so that an announcement that got lost is
missed for that long at most. An answer that was under way while something changed is used once and not remembered.

While the store cannot be reached, keys that were known when it was last reached go on for `stale_max_s`, and nothing
else opens: that is told as an outage, never as an invalid key.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final, Protocol

from guardproxy.core.principal import Principal
from guardproxy.errors import KeyStoreLost, Retry
from guardproxy.identity.entry import Entry, entry_of
from guardproxy.identity.store import KeyStoreError, UnreadableKey
from guardproxy.identity.stored import StoredKey

POSITIVE_S: Final = 30.0
NEGATIVE_S: Final = 5.0
MOST_KNOWN: Final = 10_000
UNAVAILABLE: Final = "the keys cannot be looked up at present; try again later"
_TRY_AGAIN_MS: Final = 1000


class KeySource(Protocol):
    """Where keys are asked for."""

    async def find(self, key_id: str) -> StoredKey | None:
        """Raises `KeyStoreError`."""
        ...


@dataclass(frozen=True, slots=True)
class _Known:
    """What was presented: `entry` if its id is that of a key. `opens`: whether it opened it when it was asked for."""

    key_id: str
    entry: Entry | None
    opens: bool
    asked_at: float


class AskedStore:
    """Answers for a `source`. `turned` is told when it stops answering, with the error, and when it does again (None).

    Whoever follows the source's version calls `reached()` each time it was found.
    """

    def __init__(
        self,
        source: KeySource,
        stale_max_s: float,
        turned: Callable[[KeyStoreError | None], None],
        clock: Callable[[], float] = monotonic,
        most: int = MOST_KNOWN,
    ) -> None:
        self._source = source
        self._stale_max_s = stale_max_s
        self._turned = turned
        self._clock = clock
        self._most = most
        self._opening: OrderedDict[str, _Known] = OrderedDict()
        self._closed: OrderedDict[str, _Known] = OrderedDict()
        self._asking: dict[str, asyncio.Task[_Known]] = {}
        self._changes = 0
        self._reached_at = clock()
        self.reachable = True

    def find(self, key_id: str, presented: str, now: float) -> Principal | Awaitable[Principal | None] | None:
        known = self._opening.get(presented) or self._closed.get(presented)
        if known is not None:
            age = self._clock() - known.asked_at
            if self.reachable and age < (POSITIVE_S if known.opens else NEGATIVE_S):
                return self._told(known, presented, now)
        if not self.reachable:
            return self._told(self._gone_on(presented), presented, now)
        return self._ask(key_id, presented, now)

    def why_refused(self, key_id: str, presented: str, now: float) -> str | None:
        known = self._opening.get(presented) or self._closed.get(presented)
        return None if known is None or known.entry is None else known.entry.why_closed(presented, now)

    def changed(self, key_id: str) -> None:
        """This key is not what it was."""
        self._changes += 1
        for known in (self._opening, self._closed):
            for presented in [presented for presented, one in known.items() if one.key_id == key_id]:
                del known[presented]

    def all_changed(self) -> None:
        """Nobody knows which keys are what they were."""
        self._changes += 1
        self._opening.clear()
        self._closed.clear()

    def reached(self) -> None:
        """The source answered, and nothing is remembered that is not as it says."""
        self._reached_at = self._clock()
        if not self.reachable:
            self.reachable = True
            self._turned(None)

    def unreachable(self, error: KeyStoreError) -> None:
        """The source does not answer."""
        if self.reachable:
            self.reachable = False
            self._turned(error)

    def _gone_on(self, presented: str) -> _Known:
        """What is remembered of a key that opens, while nobody can be asked. Raises `KeyStoreLost`."""
        known = self._opening.get(presented)
        if known is None or self._clock() - self._reached_at >= self._stale_max_s:
            raise _unavailable()
        return known

    def _told(self, known: _Known, presented: str, now: float) -> Principal | None:
        entry = known.entry
        return entry.principal if entry is not None and entry.opens(presented, now) else None

    async def _ask(self, key_id: str, presented: str, now: float) -> Principal | None:
        """Ask once for all who wait for the same."""
        asking = self._asking.get(presented)
        if asking is None:
            asking = self._asking[presented] = asyncio.create_task(self._asked(key_id, presented, now))
            asking.add_done_callback(lambda _: self._asking.pop(presented, None))
        try:
            return self._told(await asyncio.shield(asking), presented, now)
        except UnreadableKey as error:  # the trouble of one key, and of nobody else
            raise _unavailable() from error
        except KeyStoreError as error:
            self.unreachable(error)
            return self._told(self._gone_on(presented), presented, now)

    async def _asked(self, key_id: str, presented: str, now: float) -> _Known:
        changes = self._changes
        key = await self._source.find(key_id)
        entry = None if key is None else entry_of(key)
        known = _Known(key_id, entry, entry is not None and entry.opens(presented, now), self._clock())
        if changes == self._changes:
            self._remember(presented, known)
        return known

    def _remember(self, presented: str, known: _Known) -> None:
        kept, other = (self._opening, self._closed) if known.opens else (self._closed, self._opening)
        other.pop(presented, None)
        kept[presented] = known
        kept.move_to_end(presented)
        if len(kept) > self._most:
            kept.popitem(last=False)


def _unavailable() -> KeyStoreLost:
    return KeyStoreLost(UNAVAILABLE, retry=Retry(after_ms=_TRY_AGAIN_MS))
