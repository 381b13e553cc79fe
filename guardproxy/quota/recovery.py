"""What a process tells the store again when that has lost it.

Requests that run are kept until they end, and the last ones that ended for a while. When the store turns out to be an
older copy of itself (`generation`), each process tells again what it had been told was taken and is not there: those
that run are admitted once more, those that ended are charged, and an ending that came after the copy was made is sent
again. Everybody does so for his own requests, so nothing is charged twice, unless the store loses more in the middle of
that. A store that came back empty, or is older than what is remembered here, is only put right from the logs.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from guardproxy.core.quota import Metric, Quota
from guardproxy.quota.coded import CodedAccount
from guardproxy.quota.generation import Generation, Mark
from guardproxy.quota.grid import grid_of
from guardproxy.quota.model import Account, Charge
from guardproxy.quota.store import StoreUnreachable

MOST_REMEMBERED: Final = 10_000
MOST_TOLD: Final = 8
RETRY_S: Final = 0.5
CLOSE_S: Final = 10.0
AT_ONCE: Final = 64

NOTHING: Final[Charge] = {"*": 0}
"""What a cancelled request has used: 0 of everything."""


class Held(NamedTuple):
    """A request that runs. `name` is what the store calls it, `taken` when it took the reservation.

    `before`: how it was told before that was lost. A copy that comes back later may hold it so after all.
    """

    name: str
    accounts: Sequence[Account]
    coded: Sequence[CodedAccount]
    amounts: Charge
    orphan: Charge | None
    at: int
    taken: Mark
    before: Held | Ended | None = None


class Ended(NamedTuple):
    """A request that ended at `at`; `taken` is when the store took that."""

    held: Held
    actual: Charge | None
    at: int
    taken: Mark


Tell = Callable[[str, Sequence[Account], Charge, Charge | None, int], Awaitable[Held]]
"""Charge a request, whatever the limits say, under this name; the time is when it ended. Raises `StoreUnreachable`."""

End = Callable[[Held, Charge | None, Charge | None], None]
"""Send the ending of a request; when it has arrived, `Recovery.ended` is told so with the second charge."""

Told = Callable[[int, bool], None]
"""Called when all is told again: how many requests, and whether that was all the store had lost."""


class Recovery:
    """`running` are the requests that have not ended. `tell` and `end` speak to the store."""

    def __init__(self, now_ms: Callable[[], int], tell: Tell, end: End, told: Told | None = None) -> None:
        self.generation = Generation()
        self.running: dict[str, Held] = {}
        self._now_ms = now_ms
        self._tell = tell
        self._end = end
        self._told = told
        self._remembered: deque[Ended] = deque()
        self._forgotten: Mark | None = None
        self._waiting: dict[str, Charge | None] = {}
        self._names = 0
        self._again = 0
        self._complete = True
        self._behind = False
        self._task: asyncio.Task[None] | None = None

    @property
    def done(self) -> bool:
        return self._task is None or self._task.done()

    def note(self, reply: Sequence[Any]) -> Mark:
        """Every reply is shown here; when the store has taken what it answers."""
        before = self.generation.known
        mark, lost = self.generation.note(reply)
        if lost:
            dropped = self._forgotten is not None and self.generation.has_lost(self._forgotten)
            all_known = bool(self.generation.reaches(before)) and not dropped
            self._complete = all_known and (self._complete or self.done)
            self._begin()
        elif mark.generation != self.generation.known:
            self._begin()
        return mark

    def take_out(self, request_id: str, actual: Charge | None) -> Held | None:
        """A request has ended: what is to be settled now. None where it is unknown, or just being told again."""
        held = self.running.get(request_id)
        if held is None:
            return None
        if request_id in self._waiting:
            self._waiting[request_id] = NOTHING if actual is NOTHING else {**held.amounts, **(actual or {})}
            return None
        return self.running.pop(request_id)

    def ended(self, held: Held, actual: Charge | None, taken: Mark) -> None:
        """The store knows how a request ended."""
        if len(self._remembered) >= MOST_REMEMBERED:
            self._forgotten = self._remembered.popleft().taken
        self._remembered.append(Ended(held, actual, self._now_ms(), taken))
        if self.generation.has_lost(held.taken):  # it ended before its turn came: there was nothing to settle
            self._begin()

    async def close(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task], timeout=CLOSE_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def _begin(self) -> None:
        self._behind = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._put_back(), name="quota-putting-back")

    async def _put_back(self) -> None:
        while self._behind:
            self._behind = False
            try:
                await self._tell_running()
                await self._tell_ended()
            except StoreUnreachable:
                self._behind = True
                await asyncio.sleep(RETRY_S)
        again, self._again = self._again, 0
        if self._told is not None:
            self._told(again, self._complete)

    async def _tell_running(self) -> None:
        for request_id, held in list(self.running.items()):
            if request_id not in self.running or not self.generation.has_lost(held.taken):
                continue
            standing = self._standing(held)
            if isinstance(standing, Held):
                self.running[request_id] = standing
                continue
            self._waiting[request_id] = None
            now = self._now_ms()
            accounts = still_counting(held.accounts, held.at, now, running=True)
            try:
                again = await self._tell(self._new_name(held), accounts, held.amounts, held.orphan, now)
            except StoreUnreachable:
                actual = self._waiting.pop(request_id)
                if actual is not None:  # it ended meanwhile: what it used is told with those that ended
                    del self.running[request_id]
                    self._remembered.append(Ended(held, actual, now, held.taken))
                raise
            self._again += 1
            actual = self._waiting.pop(request_id)
            again = self._instead(held, again)
            if actual is None:
                self.running[request_id] = again
            else:
                del self.running[request_id]
                self._end(again, actual, actual)

    async def _tell_ended(self) -> None:
        has_lost, entries = self.generation.has_lost, self._remembered
        gone = [has_lost(entry.held.taken) or has_lost(entry.taken) for entry in entries]
        lost = [entry for entry, is_gone in zip(entries, gone, strict=True) if is_gone]
        self._remembered = deque(entry for entry, is_gone in zip(entries, gone, strict=True) if not is_gone)
        while lost:
            batch, lost = lost[-AT_ONCE:], lost[:-AT_ONCE]
            answers = await asyncio.gather(*map(self._tell_one, batch), return_exceptions=True)
            failures = [answer for answer in answers if answer is not None]
            if failures:
                lost += [entry for entry, answer in zip(batch, answers, strict=True) if answer is not None]
                self._remembered.extendleft(reversed(lost))
                raise failures[0]

    async def _tell_one(self, entry: Ended) -> None:
        held, actual = entry.held, entry.actual
        standing = self._standing(entry)
        if standing is not None:
            if isinstance(standing, Ended) and not self.generation.has_lost(standing.taken):
                self._remembered.append(standing)
            else:
                self._end(standing.held if isinstance(standing, Ended) else standing, actual, actual)
                self._again += 1
            return
        accounts = still_counting(held.accounts, held.at, self._now_ms())
        if actual is NOTHING or not accounts:
            self._remembered.append(entry)  # nothing to charge, but a copy may come that still holds its reservation
            return
        amounts = held.amounts if actual is None else {**held.amounts, **actual}
        again = await self._tell(self._new_name(held), accounts, amounts, None, entry.at)
        told = self._instead(entry, again)
        self._end(told, None if told.before is entry else amounts, amounts)
        self._again += 1

    def _instead(self, told: Held | Ended, again: Held) -> Held:
        """What stands after it was told again; that is given back if a copy came meanwhile that holds it already."""
        standing = self._standing(told)
        held = told.held if isinstance(told, Ended) else told
        if standing is None:
            return again._replace(at=held.at, before=told)
        self._end(again, NOTHING, NOTHING)
        return standing.held if isinstance(standing, Ended) else standing

    def _standing(self, told: Held | Ended) -> Held | Ended | None:
        """The way it was told last, of those whose admission the store holds."""
        way: Held | Ended | None = told
        for _ in range(MOST_TOLD):
            held = way.held if isinstance(way, Ended) else way
            if held is None or not self.generation.has_lost(held.taken):
                return way
            way = held.before
        return None

    def _new_name(self, held: Held) -> str:
        """A name for each attempt: one that failed may yet arrive, and is given up."""
        self._names += 1
        return f"{held.name.partition('~')[0]}~again{self._names}"


def still_counting(accounts: Iterable[Account], at: int, now: int, *, running: bool = False) -> list[Account]:
    """The accounts with those quotas whose window still reaches back to a charge made at `at`."""
    found = []
    for account in accounts:
        quotas = [quota for quota in account.quotas if _reaches(quota, at, now, running)]
        if quotas:
            found.append(account if len(quotas) == len(account.quotas) else Account(account.scope, quotas))
    return found


def _reaches(quota: Quota, at: int, now: int, running: bool) -> bool:
    if quota.metric is Metric.CONCURRENCY:
        return running
    if quota.period is None:
        return now - at < quota.window_s * 1000
    grid = grid_of(quota)
    return grid.slot_at(at) == grid.slot_at(now)
