"""Which answers went out, known to all proxies that share a store.

It works like the ownership of what is stored (`shared_ownership`): memory first, then the store. The end of an answer
waits for the first try to tell the store, so that the next turn may go to another proxy. What nobody remembers was
never said. While the store is away, what this process remembers passes, and of everything else nobody can tell: it is
refused as an outage, never as something made up. The store holds keyed digests, never text.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from time import monotonic
from typing import Final

from guardproxy.core.separation.history import Claim, Piece, SeenAnswers, refuse_places
from guardproxy.core.verdict import Finding
from guardproxy.gateway.shared_ownership import unavailable
from guardproxy.quota.store import StoreUnreachable
from guardproxy.state.scripts import Place
from guardproxy.state.shared import MOST_AT_ONCE, Note, SharedState

REFRESHED_S: Final = 24 * 3600.0
"""What comes back is told the store again after so long: it is kept from its last use on."""


class SharedAnswers:
    """`Seen` in `place` of a shared state. `names` as in `SharedOwnership`."""

    def __init__(
        self,
        memory: SeenAnswers,
        state: SharedState,
        place: Place,
        names: Mapping[str, str],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.memory = memory
        self._state = state
        self._place = place
        self._names = names
        self._clock = clock

    def remember(self, key_id: str, pieces: Iterable[Piece]) -> Awaitable[None] | None:
        new = self.memory.remember(self._names.get(key_id, key_id), pieces, self._clock())
        return self._tell(new) if new else None

    async def refuse_unseen(self, key_id: str, claims: Iterable[Claim]) -> list[Finding]:
        """What the store is asked for is told up to the first part in which something is unseen."""
        now = self._clock()
        unknown, stale = self.memory.recall(self._names.get(key_id, key_id), claims, now - REFRESHED_S)
        if stale:
            self.memory.learn(stale, now)
            self._tell(stale)
        for first in range(0, len(unknown), MOST_AT_ONCE):
            part = unknown[first : first + MOST_AT_ONCE]
            try:
                values = await self._state.find(self._place, [digest for digest, _ in part])
            except StoreUnreachable as error:
                raise unavailable() from error
            known = zip(part, values, strict=True)
            unseen = [path for (_, path), value in known if value is None]
            if unseen:
                return refuse_places(unseen)
            self.memory.learn([digest for digest, _ in part], now)
        return []

    def _tell(self, digests: Iterable[bytes]) -> Awaitable[None] | None:
        return self._state.note(self._place, [Note(digest, b"") for digest in digests])
