"""A ledger in Redis or Valkey, shared by all proxies that know its address.

Admission is one script, so one round trip, against every scope, quota and window: all or nothing, by the store's own
clock. Settlements leave later (`settling`). A request holds a lease while it runs, renewed by its proxy; when the proxy
dies, whoever comes next to the same scope charges the request as an orphan.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from guardproxy.quota.coded import Arg, CodedAccount, is_other_calendar, read_states, read_waits
from guardproxy.quota.model import Account, Admission, Charge, QuotaState, StoreHealth, denial, shadowed
from guardproxy.quota.scripts import Script, Scripts, load_scripts
from guardproxy.quota.settling import Settling
from guardproxy.quota.store import Reply, Store, StoreUnreachable

PREFIX: Final = "gp:q:{gp}:"
LEASE_MS: Final = 60_000
SWEEP: Final = 8
MOST_CODED: Final = 20_000
RENEWED_AT_ONCE: Final = 500

_ADMITTED: Final = 1
_DENIED: Final = 0


class RedisLedger:
    """A `Ledger`. `admit` and `look` raise `StoreUnreachable` when the store does not answer. `open()` it first.

    `store` serves those who wait, `background` the settlements and renewals. `now_ms` only chooses the periods of
    calendars that are offered to the store, whose own clock decides.
    """

    degraded: Final = False

    def __init__(
        self,
        store: Store,
        background: Store,
        now_ms: Callable[[], int],
        *,
        lease_ms: int = LEASE_MS,
        prefix: str = PREFIX,
        scripts: Scripts | None = None,
        settling: Settling | None = None,
    ) -> None:
        self._store = store
        self._background = background
        self._now_ms = now_ms
        self._lease_ms = lease_ms
        self._prefix = prefix
        self._scripts = scripts or load_scripts()
        self._settling = settling or Settling(background)
        self._coded: dict[Account, CodedAccount] = {}
        self._running: dict[str, tuple[CodedAccount, ...]] = {}
        self._renewing: asyncio.Task[None] | None = None

    @property
    def unsettled(self) -> int:
        return len(self._running) + self._settling.waiting

    @property
    def store(self) -> StoreHealth:
        """See `Ledger.store`. Who asks this ledger is told of each failure, so none is counted here."""
        return StoreHealth(0, 0, self._settling.lost)

    @property
    def settling(self) -> Settling:
        return self._settling

    def open(self) -> None:
        """Begin to serve; needs a running event loop."""
        self._store.open()
        self._background.open()
        self._settling.open()
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew_for_ever(), name="quota-leases")

    async def admit(
        self,
        request_id: str,
        accounts: Sequence[Account],
        amounts: Charge,
        orphan: Charge | None = None,
        *,
        force: bool = False,
    ) -> Admission:
        """See `Ledger.admit`. `force` charges whatever the limits say. Raises `StoreUnreachable`."""
        if not accounts:
            return Admission(True, ())
        coded = self._code(accounts)
        head: list[Arg] = [request_id, self._lease_ms, SWEEP, int(force)]
        try:
            reply = await self._ask(self._scripts.admit, coded, head, amounts, orphan)
        except (StoreUnreachable, asyncio.CancelledError):
            # It may have been charged all the same. If the command comes after this, its lease ends it.
            self._settling.add(self._scripts.settle, _keys(coded), [request_id, "*", 0])
            raise
        states, waits = read_states(coded, reply, 3), read_waits(reply)
        if reply[0] == _DENIED:
            return denial(states, waits)
        self._running[request_id] = coded
        return Admission(True, states, None, None, shadowed(states, waits) if reply[0] == _ADMITTED else ())

    def settle(self, request_id: str, actual: Charge | None) -> None:
        """See `Ledger.settle`."""
        coded = self._running.pop(request_id, None)
        if coded is None:
            return
        args: list[Arg] = [request_id]
        if actual is not None:
            for account in coded:
                for field, measure in account.fields.items():
                    if measure in actual:
                        args += (field, max(0, actual[measure]))
        self._settling.add(self._scripts.settle, _keys(coded), args)

    def cancel(self, request_id: str) -> None:
        """See `Ledger.cancel`."""
        coded = self._running.pop(request_id, None)
        if coded is not None:
            self._settling.add(self._scripts.settle, _keys(coded), [request_id, "*", 0])

    async def look(self, accounts: Sequence[Account]) -> tuple[QuotaState, ...]:
        """See `Ledger.look`. Raises `StoreUnreachable`."""
        if not accounts:
            return ()
        coded = self._code(accounts)
        reply = await self._ask(self._scripts.look, coded, [], {}, None, kinds=2)
        return read_states(coded, reply, 2)

    async def raise_to(self, account: Account, amounts: Charge) -> list[int]:
        """Let the current period of each quota hold at least its amount; how much each was short of. Idempotent."""
        reply = await self._ask(self._scripts.raise_to, self._code([account]), [], amounts, None, kinds=1)
        return reply[2:]

    async def forget(self, accounts: Sequence[Account]) -> None:
        """Nothing is used any more of these accounts' scopes; what runs still holds its place among what runs."""
        await self._store.command("DEL", *(coded.counters for coded in self._code(accounts)))

    async def renew(self) -> None:
        """Begin the leases of everything that runs anew. Raises `StoreUnreachable`."""
        of_scope: dict[tuple[str, str], list[str]] = {}
        for request_id, coded in self._running.items():
            for account in coded:
                of_scope.setdefault((account.leases, account.records), []).append(request_id)
        asked = [
            self._background.run(self._scripts.renew, keys, [self._lease_ms, *ids[at : at + RENEWED_AT_ONCE]])
            for keys, ids in of_scope.items()
            for at in range(0, len(ids), RENEWED_AT_ONCE)
        ]
        for answered in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(answered, BaseException):
                raise answered

    async def drain(self) -> None:
        """See `Ledger.drain`."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
            self._renewing = None
        await self._settling.drain()
        await self._background.close()
        await self._store.close()

    async def settled(self) -> None:
        """Return when every settlement so far has reached the store."""
        await self._settling.settled()

    async def _renew_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._lease_ms / 3000)
            try:
                await self.renew()
            except StoreUnreachable:
                continue  # whoever asks next finds out; leases outlive two failures

    async def _ask(
        self,
        script: Script,
        coded: Sequence[CodedAccount],
        head: Sequence[Arg],
        amounts: Charge,
        orphan: Charge | None,
        kinds: int = 3,
    ) -> Reply:
        keys = _keys(coded, kinds)
        now = self._now_ms()
        for _ in range(2):
            args = [*head]
            for account in coded:
                args += account.limits(amounts, orphan, now)
            reply: Any = await self._store.run(script, keys, args)
            if not is_other_calendar(reply):
                return list(reply)
            now = reply[1]
        raise StoreUnreachable("the store's clock is not within the periods around its own time")

    def _code(self, accounts: Sequence[Account]) -> tuple[CodedAccount, ...]:
        known = self._coded
        if len(known) >= MOST_CODED:
            known.clear()
        coded = []
        for account in accounts:
            found = known.get(account)
            if found is None:
                found = known[account] = CodedAccount(account, self._prefix)
            coded.append(found)
        return tuple(coded)


def _keys(coded: Sequence[CodedAccount], kinds: int = 3) -> list[str]:
    return [key for account in coded for key in account.keys[:kinds]]
