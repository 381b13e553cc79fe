"""Memories whose other proxies are told as late as a test wants."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Iterable

from guardproxy.core.separation.history import Claim, Piece, SeenAnswers
from guardproxy.core.verdict import Finding
from guardproxy.gateway.ownership import MemoryOwnership

AWHILE_S = 0.05
"""Long enough for an answer that does not wait to arrive; one that waits never does."""


class Held:
    """`told` lets everything pass; `asked` is set when the first has to wait."""

    def __init__(self) -> None:
        self.told, self.asked = asyncio.Event(), asyncio.Event()

    async def wait(self) -> None:
        self.asked.set()
        await self.told.wait()

    async def holds(self, answer: asyncio.Task[bytes]) -> bool:
        """Whether something waits, and nothing of what it keeps back arrives."""
        await self.asked.wait()
        await asyncio.sleep(AWHILE_S)
        return not answer.done()


class HeldOwnership:
    def __init__(self, held: Held) -> None:
        self._held = held
        self._memory = MemoryOwnership()
        self.recorded: list[str] = []

    def record(self, ids: Iterable[str], key_id: str) -> Awaitable[None] | None:
        new = [named for named in ids if named not in self.recorded]
        self.recorded += new
        self._memory.record(new, key_id)
        return self._held.wait() if new else None

    async def owned(self, key_id: str, ids: Iterable[str]) -> frozenset[str]:
        return await self._memory.owned(key_id, list(ids))


class HeldAnswers:
    def __init__(self, held: Held) -> None:
        self._held = held
        self._memory = SeenAnswers(secrets.token_bytes(32))

    def remember(self, key_id: str, pieces: Iterable[Piece]) -> Awaitable[None] | None:
        return self._held.wait() if self._memory.remember(key_id, pieces) else None

    async def refuse_unseen(self, key_id: str, claims: Iterable[Claim]) -> list[Finding]:
        return self._memory.refuse_unseen(key_id, claims)
