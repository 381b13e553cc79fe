"""A shared ledger that may fail, and what each quota does then.

While the store is out of reach this process counts by itself, with the same algorithm, up to its share of each limit;
a quota that must not be guessed refuses, one that may stay open admits. Nothing of that is silent: the admission says
so. A store that no request asks is asked now and then, so that its loss shows before a request meets it. What was
used meanwhile is written down and charged to the shared account once the store is back.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil
from typing import Final, NamedTuple

from guardproxy.core.quota import Metric, OnStoreError, Quota
from guardproxy.errors import QuotaStoreUnavailable, Retry
from guardproxy.quota.breaker import Breaker
from guardproxy.quota.ledger import MemoryLedger
from guardproxy.quota.model import Account, Admission, Charge, QuotaState, StoreHealth
from guardproxy.quota.recovery import still_counting
from guardproxy.quota.redis_ledger import RedisLedger
from guardproxy.quota.store import StoreUnreachable

PROBE_EVERY_S: Final = 0.5
WATCH_EVERY_S: Final = 5.0
DRAIN_S: Final = 5.0
MOST_JOURNAL: Final = 10_000
MOST_SCOPES: Final = 10_000
MOST_SHARES: Final = 20_000
RETRY_MS: Final = (1000, 5000)

Told = Callable[[bool, str], None]
"""Called with whether the store is lost, and the kind of failure, when that changes."""

_PROBE: Final = (Account("probe", [Quota(Metric.CONCURRENCY, 0, 2**53)]),)


class _Alone(NamedTuple):
    """What this process admitted by itself."""

    accounts: Sequence[Account]
    amounts: Charge
    at: int


class _Entry(NamedTuple):
    """What has to be charged to the shared account: used from `at` to `ended_at`."""

    request_id: str
    accounts: Sequence[Account]
    charge: Charge
    at: int
    ended_at: int


class DegradingLedger:
    """A `Ledger` in front of `shared`. `share` is this process's part of each limit while it is on its own.

    `lost` counts charges that will never reach the shared account. Who asks nothing for `watch_every_s` asks anyway.
    """

    def __init__(
        self,
        shared: RedisLedger,
        now_ms: Callable[[], int],
        share: float,
        told: Told,
        watch_every_s: float = WATCH_EVERY_S,
    ) -> None:
        self._shared = shared
        self._now_ms = now_ms
        self._share = share
        self._told = told
        self._local = MemoryLedger(now_ms)
        self._breaker = Breaker()
        self._alone: dict[str, _Alone] = {}
        self._journal: deque[_Entry] = deque()
        self._shares: dict[Account, Account] = {}
        self._recovering: asyncio.Task[None] | None = None
        self._watch_every_s = watch_every_s
        self._watching: asyncio.Task[None] | None = None
        self._answered = False
        self._lost = 0
        self._errors = 0
        self._degraded_ms = 0
        self._degraded_since = 0
        self._tries = 0

    @property
    def degraded(self) -> bool:
        return self._breaker.is_open

    @property
    def unsettled(self) -> int:
        return self._shared.unsettled + len(self._alone) + len(self._journal)

    @property
    def lost(self) -> int:
        return self._lost + self._shared.settling.lost

    @property
    def store(self) -> StoreHealth:
        since = self._now_ms() - self._degraded_since if self.degraded else 0
        return StoreHealth(self._errors, self._degraded_ms + since, self.lost)

    def open(self) -> None:
        self._shared.open()
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch(), name="quota-watching")

    async def admit(
        self, request_id: str, accounts: Sequence[Account], amounts: Charge, orphan: Charge | None = None
    ) -> Admission:
        """See `Ledger.admit`."""
        if not self._breaker.is_open:
            try:
                admission = await self._shared.admit(request_id, accounts, amounts, orphan)
            except StoreUnreachable as error:
                self._failed(str(error))
            else:
                self._breaker.succeeded(self._now_ms())
                self._answered = True
                return admission
        return await self._admit_alone(request_id, accounts, amounts)

    def settle(self, request_id: str, actual: Charge | None) -> None:
        """See `Ledger.settle`."""
        alone = self._alone.pop(request_id, None)
        if alone is None:
            self._shared.settle(request_id, actual)
            return
        self._local.settle(request_id, actual)
        charge = alone.amounts if actual is None else {**alone.amounts, **actual}
        self._write_down(_Entry(request_id, alone.accounts, charge, alone.at, self._now_ms()))

    def cancel(self, request_id: str) -> None:
        """See `Ledger.cancel`."""
        if self._alone.pop(request_id, None) is None:
            self._shared.cancel(request_id)
        else:
            self._local.cancel(request_id)

    async def look(self, accounts: Sequence[Account]) -> tuple[QuotaState, ...]:
        """See `Ledger.look`."""
        try:
            return await self._shared.look(accounts)
        except StoreUnreachable as error:
            self._failed(str(error))
            raise _unavailable() from error

    async def forget(self, accounts: Sequence[Account]) -> None:
        """See `Ledger.forget`. What this process counts by itself is forgotten with it."""
        try:
            await self._shared.forget(accounts)
        except StoreUnreachable as error:
            self._failed(str(error))
            raise _unavailable() from error
        await self._local.forget(accounts)

    async def raise_to(self, account: Account, amounts: Charge, read_at: int = 0) -> Sequence[int]:
        """See `Ledger.raise_to`."""
        try:
            return await self._shared.raise_to(account, amounts, read_at)
        except StoreUnreachable as error:
            self._failed(str(error))
            raise _unavailable() from error

    async def drain(self) -> None:
        """See `Ledger.drain`."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._recovering is not None:
            await asyncio.wait([self._recovering], timeout=DRAIN_S)
            self._recovering.cancel()
            await asyncio.gather(self._recovering, return_exceptions=True)
        self._lost += len(self._journal)
        await self._shared.drain()

    async def _admit_alone(self, request_id: str, accounts: Sequence[Account], amounts: Charge) -> Admission:
        quotas = [quota for account in accounts for quota in account.quotas]
        if any(quota.on_store_error is OnStoreError.CLOSED and not quota.shadow for quota in quotas):
            raise _unavailable()
        shares = [self._share_of(account) for account in accounts]
        strangers = self._local.scopes >= MOST_SCOPES and not all(self._local.knows(share.scope) for share in shares)
        if strangers:  # whoever makes up accounts must not fill the memory
            raise _unavailable()
        admission = await self._local.admit(request_id, [share for share in shares if share.quotas], amounts)
        if admission.admitted:
            self._alone[request_id] = _Alone(accounts, amounts, self._now_ms())
        return admission._replace(degraded=True)

    def _share_of(self, account: Account) -> Account:
        known = self._shares.get(account)
        if known is None:
            if len(self._shares) >= MOST_SHARES:
                self._shares.clear()
            counted = [quota for quota in account.quotas if quota.on_store_error is OnStoreError.DEGRADED]
            own = [replace(quota, limit=ceil(quota.limit * self._share)) for quota in counted]
            known = self._shares[account] = Account(account.scope, own)
        return known

    def _failed(self, kind: str) -> None:
        self._errors += 1
        now = self._now_ms()
        if self._breaker.failed(now):
            self._degraded_since = now
            self._told(True, kind)
            self._recover()

    def _write_down(self, entry: _Entry) -> None:
        if len(self._journal) >= MOST_JOURNAL:
            self._journal.popleft()
            self._lost += 1
        self._journal.append(entry)
        self._recover()

    async def _watch(self) -> None:
        """From the start on, and again and again at once while it does not answer: until the breaker opens."""
        while True:
            away = not (self._answered or self._breaker.is_open) and not await self._answers()
            self._answered = False
            await asyncio.sleep(PROBE_EVERY_S if away else self._watch_every_s)

    async def _answers(self) -> bool:
        """Whether it can be read. It is no sign that it takes charges, so failures of those are not forgotten."""
        try:
            await self._shared.look(_PROBE)
        except StoreUnreachable as error:
            self._failed(str(error))
            return False
        return True

    def _recover(self) -> None:
        if self._recovering is None or self._recovering.done():
            self._recovering = asyncio.create_task(self._until_recovered(), name="quota-recovery")

    async def _until_recovered(self) -> None:
        """One probe at a time, until the store takes a charge again; then what was written down, then everybody."""
        while self._breaker.is_open or self._journal:
            try:
                await self._probe()
                await self._replay()
            except StoreUnreachable:
                await asyncio.sleep(PROBE_EVERY_S)
                continue
            if self._breaker.is_open:
                self._breaker.close()
                self._degraded_ms += self._now_ms() - self._degraded_since
                self._told(False, "")

    async def _probe(self) -> None:
        name = f"probe-{random.getrandbits(64):016x}"
        await self._shared.admit(name, _PROBE, {})
        self._shared.settle(name, None)

    async def _replay(self) -> None:
        """Charge what was written down. An entry leaves the journal when the store has taken it.

        Each try has its own name: one that failed is given up, and may not take the next one along.
        """
        while self._journal:
            entry = self._journal[0]
            accounts = still_counting(entry.accounts, entry.at, self._now_ms())
            if accounts:
                self._tries += 1
                name = f"{entry.request_id}~alone{self._tries}"
                await self._shared.charge(name, accounts, entry.charge, entry.ended_at)
            if self._journal and self._journal[0] is entry:
                self._journal.popleft()


def _unavailable() -> QuotaStoreUnavailable:
    return QuotaStoreUnavailable(
        "the store that keeps the quotas is out of reach, and a limit of this request must not be guessed; try again",
        retry=Retry(after_ms=random.randint(*RETRY_MS)),  # noqa: S311 - spreads clients
    )
