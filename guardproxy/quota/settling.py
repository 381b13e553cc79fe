"""Settlements on their way to the store: off the response path, in order, tried again until they arrive.

Settling is idempotent, so what may or may not have arrived is simply sent again. A settlement that cannot be delivered
for `GIVE_UP_S` is counted as lost: its lease is long over, and the request was charged as an orphan.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from guardproxy.quota.coded import Arg
from guardproxy.quota.scripts import Script
from guardproxy.quota.store import MOST_AT_ONCE, Store, StoreUnreachable

GIVE_UP_S: Final = 600.0
DRAIN_S: Final = 5.0
FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 2.0
MOST_WAITING: Final = 100_000


Args = Sequence[Arg] | Callable[[], Sequence[Arg]]
"""What is called is called when the settlement is sent, each time anew."""


class _Settlement(NamedTuple):
    script: Script
    keys: Sequence[str]
    args: Args
    until: float
    told: Callable[[Any], None] | None


class Settling:
    """One worker with a queue. `waiting` have not arrived yet, `lost` never will."""

    def __init__(self, store: Store, give_up_s: float = GIVE_UP_S) -> None:
        self._store = store
        self._give_up_s = give_up_s
        self._queue: deque[_Settlement] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None
        self.lost = 0

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def open(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="quota-settling")

    def add(self, script: Script, keys: Sequence[str], args: Args, told: Callable[[Any], None] | None = None) -> None:
        """Send it as soon as possible; `told` gets the reply. Never waits. Beyond `MOST_WAITING` it is lost."""
        if len(self._queue) >= MOST_WAITING:
            self.lost += 1
            return
        until = asyncio.get_running_loop().time() + self._give_up_s
        self._queue.append(_Settlement(script, keys, args, until, told))
        self._idle.clear()
        self._wake.set()

    async def settled(self) -> None:
        """Return when everything so far has arrived or is lost."""
        await self._idle.wait()

    async def drain(self, most_s: float = DRAIN_S) -> None:
        """Wait until all is delivered, at most so long, and end the worker. What is left is lost."""
        try:
            async with asyncio.timeout(most_s):
                await self.settled()
        except TimeoutError:
            self.lost += len(self._queue)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _work(self) -> None:
        pause = FIRST_PAUSE_S
        while True:
            await self._wake.wait()
            if await self._deliver():
                pause = FIRST_PAUSE_S
            else:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
            if not self._queue:
                self._wake.clear()
                self._idle.set()

    async def _deliver(self) -> bool:
        """Send the oldest; whether the store took any. What it did not take stays first."""
        now = asyncio.get_running_loop().time()
        batch = [self._queue[at] for at in range(min(len(self._queue), MOST_AT_ONCE))]
        answers = [self._store.ask(item.script, item.keys, _now(item.args)) for item in batch]
        await asyncio.wait(answers)
        left = []
        for item, answer in zip(batch, answers, strict=True):
            if isinstance(answer.exception(), StoreUnreachable):
                if item.until > now:
                    left.append(item)
                else:
                    self.lost += 1
            elif item.told is not None:
                item.told(answer.result())
        for _ in batch:
            self._queue.popleft()
        self._queue.extendleft(reversed(left))
        return len(left) < len(batch)


def _now(args: Args) -> Sequence[Arg]:
    return args() if callable(args) else args
