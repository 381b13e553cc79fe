"""Which answers went out, as the gateway asks it: remembered by this process, or by all that share a store."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Protocol

from guardproxy.core.separation.history import Claim, Piece, SeenAnswers
from guardproxy.core.verdict import Finding


class Seen(Protocol):
    def remember(self, key_id: str, pieces: Iterable[Piece]) -> Awaitable[None] | None:
        """These went out to the holder of a key. Never waits and never fails; what is returned is as in `Ownership`."""

    async def refuse_unseen(self, key_id: str, claims: Iterable[Claim]) -> list[Finding]:
        """Claims of what never went out to this key, as findings that block. Raises `SharedStateUnavailable`."""


class OwnAnswers:
    """`Seen` for the life of this process: `shared_answers` is that of several."""

    def __init__(self, memory: SeenAnswers) -> None:
        self.memory = memory

    def remember(self, key_id: str, pieces: Iterable[Piece]) -> None:
        self.memory.remember(key_id, pieces)

    async def refuse_unseen(self, key_id: str, claims: Iterable[Claim]) -> list[Finding]:
        return self.memory.refuse_unseen(key_id, claims)
