"""Proxies that share a store, as far as it is about what they remember."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from guardproxy.core.separation.history import SeenAnswers
from guardproxy.gateway.shared_answers import SharedAnswers
from guardproxy.gateway.shared_ownership import SharedOwnership
from guardproxy.state.scripts import Place
from tests.state.gate import Passage, shared
from tests.support.stores import StoreServer

OWN, SEEN = Place.below("gp:q:{gp}:", "own", 10_000), Place.below("gp:q:{gp}:", "seen", 10_000)
SECRET = secrets.token_bytes(32)


class Sharing:
    """One proxy: its memory, and its way to the store."""

    def __init__(
        self,
        server: StoreServer,
        passages: Sequence[Passage] = (),
        names: Mapping[str, str] | None = None,
        clock: Callable[[], float] = lambda: 0.0,
        **options: Any,
    ) -> None:
        self.state = shared(server, passages)
        self.ownership = SharedOwnership(self.state, OWN, SECRET, names or {}, clock, **options)
        self.seen = SharedAnswers(SeenAnswers(SECRET), self.state, SEEN, names or {}, clock)

    async def owns(self, key: str, named: str) -> bool:
        return named in await self.ownership.owned(key, [named])

    async def make(self, key: str, *ids: str) -> None:
        """Made and told, as far as somebody waits for it."""
        tried = self.ownership.record(ids, key)
        if tried is not None:
            await tried


@asynccontextmanager
async def proxies(*them: Sharing) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for one in them:
            await one.state.close()
