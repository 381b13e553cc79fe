"""The connection to Redis or Valkey: scripts in, replies out, a failure told as one kind of error.

A command is never cancelled in flight: a reply nobody waits for any more would be read by whoever uses the connection
next. So commands belong to a few tasks that live as long as the store; who asks only waits for an answer. Commands that
come while a task is busy leave together in its next round trip.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

from redis.exceptions import NoScriptError, RedisError, ResponseError

from guardproxy.quota.coded import Arg
from guardproxy.quota.scripts import Script

MOST_AT_ONCE: Final = 64
Reply = list[int]


class StoreUnreachable(Exception):
    """The store did not answer, or answered with an error. Says the kind of failure, never what was asked."""


class _Asked(NamedTuple):
    script: Script
    keys: Sequence[str]
    args: Sequence[Arg]
    answer: asyncio.Future[Any]


class Client(Protocol):
    """What is needed of a client of redis-py: one server, a Sentinel's master, a cluster."""

    async def execute_command(self, *words: Any) -> Any: ...

    def pipeline(self, transaction: bool = True) -> Any: ...

    async def aclose(self) -> None: ...


class Store:
    """Runs scripts. `lanes` is how many round trips may be under way at once. `open()` it inside a running loop."""

    def __init__(self, client: Client, lanes: int = 4) -> None:
        self._client = client
        self._lanes = lanes
        self._queue: asyncio.Queue[_Asked] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    def open(self) -> None:
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._work(), name="quota-store") for _ in range(self._lanes)]

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Arg]) -> Any:
        """The script's reply. Raises `StoreUnreachable`. Who is cancelled while waiting stops waiting, no more."""
        return await asyncio.shield(self.ask(script, keys, args))

    def ask(self, script: Script, keys: Sequence[str], args: Sequence[Arg]) -> asyncio.Future[Any]:
        """Begin to run a script."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(_Asked(script, keys, args, answer))
        return answer

    async def command(self, *words: Arg) -> Any:
        """A plain command, for commands of the operator. Raises `StoreUnreachable`."""
        try:
            return await self._client.execute_command(*words)
        except (RedisError, OSError, TimeoutError) as error:
            raise StoreUnreachable(_kind(error)) from error

    async def close(self) -> None:
        """Let what is under way end, then close the connections."""
        if self._tasks:
            await self._queue.join()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._client.aclose()
        for _ in range(3):  # a connection that broke is closed by the loop, a turn later
            await asyncio.sleep(0)

    async def _work(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < MOST_AT_ONCE and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            trip = asyncio.ensure_future(self._round_trip(batch))
            try:
                await asyncio.shield(trip)
            except asyncio.CancelledError:
                await trip
                raise
            finally:
                for _ in batch:
                    self._queue.task_done()

    async def _round_trip(self, batch: Sequence[_Asked]) -> None:
        try:
            replies = await self._send(batch, "EVALSHA")
            # The text of a script is forgotten by a restart, a failover and SCRIPT FLUSH; EVAL brings it again.
            unknown = [at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
            if unknown:
                again = await self._send([batch[at] for at in unknown], "EVAL")
                for at, reply in zip(unknown, again, strict=True):
                    replies[at] = reply
        except (RedisError, OSError, TimeoutError) as error:
            replies = [error] * len(batch)
        for asked, reply in zip(batch, replies, strict=True):
            if asked.answer.done():
                continue
            if isinstance(reply, Exception):
                failure = StoreUnreachable(_kind(reply))
                failure.__cause__ = reply
                asked.answer.set_exception(failure)
                asked.answer.exception()  # it is no mistake if nobody waits for it any more
            else:
                asked.answer.set_result(reply)

    async def _send(self, batch: Sequence[_Asked], verb: str) -> list[Any]:
        """One round trip; an error that is the answer to one command stands in its place."""
        commands: list[list[Arg]] = []
        for script, keys, args, _ in batch:
            commands.append([verb, script.sha if verb == "EVALSHA" else script.source, len(keys), *keys, *args])
        if len(commands) == 1:
            try:
                return [await self._client.execute_command(*commands[0])]
            except ResponseError as error:
                return [error]
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        replies: list[Any] = await pipeline.execute(raise_on_error=False)
        return replies


def _kind(error: BaseException) -> str:
    """`ConnectionError`, `OutOfMemoryError`: the text of an error may hold an address or part of a command."""
    return type(error).__name__
