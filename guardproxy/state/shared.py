"""A memory that several proxies share through the store: who noted a mark first gave it its value.

Asking waits for the store. Noting does not: what is noted is written in the background, in batches, and tried again
until it arrives, so an outage loses nothing that fits into the queue. Whoever must not go on before the others can know
waits for the first try, which the store's time limits bound.

While the store does not answer nobody waits for it: asking fails at once, until a probe has succeeded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from guardproxy.quota.breaker import Breaker
from guardproxy.quota.coded import Arg
from guardproxy.quota.store import Store, StoreUnreachable
from guardproxy.state.health import StateHealth
from guardproxy.state.scripts import Place, StateScripts, load_scripts

MOST_AT_ONCE: Final = 128
MOST_WAITING: Final = 100_000
PROBE_EVERY_S: Final = 0.5
PAUSE_S: Final = 0.05
DRAIN_S: Final = 5.0

Told = Callable[[str | None, int], None]
"""Called when the store is lost, with the kind of failure, and when it is back (None); and how much was lost so far."""


class Note(NamedTuple):
    """A mark, of which the memory holds no more than what it gives, and the value it is to have."""

    mark: bytes
    value: bytes


Noted = Callable[[Sequence[bytes]], None]
"""Called with the value each mark really has, when that is known."""


class _Waiting(NamedTuple):
    place: Place
    notes: Sequence[Note]
    noted: Noted | None
    tried: asyncio.Future[None]


class SharedState:
    """The memories of one store. `open()` it inside a running loop."""

    def __init__(
        self,
        store: Store,
        now_ms: Callable[[], int],
        told: Told,
        scripts: StateScripts | None = None,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._store = store
        self._now_ms = now_ms
        self._told = told
        self._scripts = scripts or load_scripts()
        self._most_waiting = most_waiting
        self._breaker = Breaker()
        self._asked_for = Place((), ())
        self._queue: deque[_Waiting] = deque()
        self._unwritten = 0
        self._lost = 0
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    @property
    def health(self) -> StateHealth:
        return StateHealth(self._breaker.is_open, self._unwritten, self._lost)

    def open(self) -> None:
        self._store.open()
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="shared-state")

    async def find(self, place: Place, marks: Sequence[bytes]) -> list[bytes | None]:
        """The value of each mark. Raises `StoreUnreachable`."""
        found: list[bytes | None] = []
        for first in range(0, len(marks), MOST_AT_ONCE):
            found += await self._find(place, marks[first : first + MOST_AT_ONCE])
        return found

    def note(self, place: Place, notes: Sequence[Note], noted: Noted | None = None) -> Awaitable[None] | None:
        """Write these as soon as possible. Never waits and never fails.

        What is returned ends after the first try, whatever became of it; None where nobody should wait for one.
        """
        if self._unwritten + len(notes) > self._most_waiting:
            self._lost += len(notes)
            return None
        tried: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(place, notes, noted, tried))
        self._unwritten += len(notes)
        self._idle.clear()
        self._wake.set()
        return None if self._breaker.is_open else asyncio.shield(tried)

    async def try_out(self, place: Place, mark: bytes) -> None:
        """Note a mark that is nobody's, and find it. Raises `StoreUnreachable` where one of both cannot be done."""
        await self._store.run(self._scripts.note, place.keys, [*place.bounds, mark, b"-"])
        await self._find(place, [mark])

    async def written(self) -> None:
        """Return when everything so far has arrived."""
        await self._idle.wait()

    async def close(self) -> None:
        """Let what waits arrive, unless the store is away; then close the store."""
        if self._task is not None:
            if not self._breaker.is_open:
                with suppress(TimeoutError):
                    async with asyncio.timeout(DRAIN_S):
                        await self.written()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        for one in self._queue:
            self._lost += len(one.notes)
            _done(one.tried)
        self._queue.clear()
        self._unwritten = 0
        await self._store.close()

    async def _find(self, place: Place, marks: Sequence[bytes]) -> list[bytes | None]:
        if self._breaker.is_open:
            raise StoreUnreachable("it has not answered lately")
        try:
            found = await self._store.run(self._scripts.find, place.keys, [*place.bounds, *marks])
        except StoreUnreachable as error:
            self._failed(place, str(error))
            raise
        self._breaker.succeeded(self._now_ms())
        return list(found)

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            if self._breaker.is_open:
                await asyncio.sleep(PROBE_EVERY_S)
            if not await self._deliver() and not self._breaker.is_open:
                await asyncio.sleep(PAUSE_S)
            if not self._queue:
                self._idle.set()
                if not self._breaker.is_open:
                    self._wake.clear()

    async def _deliver(self) -> bool:
        """Send the oldest notes, or ask for nothing if there are none; whether the store answered."""
        batch = self._oldest()
        place = batch[0].place if batch else self._asked_for
        notes: list[Arg] = [part for one in batch for note in one.notes for part in note]
        script = self._scripts.note if batch else self._scripts.find
        asked = self._store.ask(script, place.keys, [*place.bounds, *notes])
        await asyncio.wait([asked])
        failure = asked.exception()
        if failure is None:
            self._arrived(batch, asked.result())
        else:
            self._failed(place, str(failure))
            batch = list(self._queue)  # nobody in it need wait for a failure of its own
        for one in batch:
            _done(one.tried)
        return failure is None

    def _oldest(self) -> list[_Waiting]:
        """The next of one memory that leave together."""
        batch: list[_Waiting] = []
        count = 0
        for one in self._queue:
            count += len(one.notes)
            if batch and (one.place is not batch[0].place or count > MOST_AT_ONCE):
                break
            batch.append(one)
        return batch

    def _arrived(self, batch: Sequence[_Waiting], values: Sequence[bytes]) -> None:
        if self._breaker.is_open:
            self._breaker.close()
            self._told(None, self._lost)
        self._breaker.succeeded(self._now_ms())
        at = 0
        for one in batch:
            self._queue.popleft()
            self._unwritten -= len(one.notes)
            if one.noted is not None:
                one.noted(values[at : at + len(one.notes)])
            at += len(one.notes)

    def _failed(self, place: Place, kind: str) -> None:
        self._asked_for = place
        if self._breaker.failed(self._now_ms()):
            self._told(kind, self._lost)
            self._wake.set()  # to find out when it is back


def _done(tried: asyncio.Future[None]) -> None:
    if not tried.done():
        tried.set_result(None)
