"""A client of a real server in whose way a test stands: commands and replies come late, or get lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, NamedTuple

from redis.asyncio import Redis

from guardproxy.quota.store import Store
from guardproxy.state.shared import SharedState
from tests.support.stores import StoreServer


class Fate(Enum):
    REPLIES = "the reply comes"
    UNHEARD = "the server acts, and its reply is lost"
    UNDONE = "the command is lost"


class Passage(NamedTuple):
    """What becomes of one command: turns of the loop before and after it, and whether its reply comes."""

    before: int = 0
    after: int = 0
    fate: Fate = Fate.REPLIES


class Gate:
    """A `Client` whose commands meet one passage after the other; behind the last one all go well."""

    def __init__(self, client: Redis, passages: Sequence[Passage] = ()) -> None:
        self._client = client
        self._passages = iter(passages)

    async def execute_command(self, *words: Any) -> Any:
        passage = next(self._passages, Passage())
        await turns(passage.before)
        if passage.fate is Fate.UNDONE:
            raise ConnectionError
        client: Any = self._client
        reply = await client.execute_command(*words)
        await turns(passage.after)
        if passage.fate is Fate.UNHEARD:
            raise ConnectionError
        return reply

    def pipeline(self, transaction: bool = True) -> Any:
        return _Commands(self)

    async def aclose(self) -> None:
        await self._client.aclose()


class _Commands:
    """Several commands, each on its own way."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._commands: list[tuple[Any, ...]] = []

    def execute_command(self, *words: Any) -> None:
        self._commands.append(words)

    async def execute(self, raise_on_error: bool) -> list[Any]:
        assert not raise_on_error
        commands = [self._gate.execute_command(*words) for words in self._commands]
        return list(await asyncio.gather(*commands, return_exceptions=True))


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def shared(
    server: StoreServer,
    passages: Sequence[Passage] = (),
    told: Callable[[str | None, int], None] = lambda kind, lost: None,
    **options: Any,
) -> SharedState:
    """An open state on a server, in whose way stand these passages."""
    state = SharedState(Store(Gate(server.async_client(), passages), 2), lambda: 0, told, **options)
    state.open()
    return state
