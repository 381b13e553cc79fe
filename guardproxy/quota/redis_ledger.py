"""A ledger in Redis or Valkey, shared by all proxies that know its address.

Admission is one script, so one round trip, against every scope, quota and window: all or nothing, by the store's own
clock. Settlements leave later (`settling`). A request holds a lease while it runs, renewed by its proxy; when the proxy
dies, whoever comes next to the same scope charges the request as an orphan. What a store loses it is told again
(`recovery`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from guardproxy.quota.coded import Arg, Codebook, CodedAccount, is_other_calendar, read_states, read_waits
from guardproxy.quota.generation import Mark
from guardproxy.quota.model import Account, Admission, Charge, QuotaState, StoreHealth, denial, shadowed
from guardproxy.quota.recovery import NOTHING, Held, Recovery, Told
from guardproxy.quota.scripts import Script, Scripts, load_scripts
from guardproxy.quota.settling import Settling
from guardproxy.quota.store import Reply, Store, StoreUnreachable

PREFIX: Final = "gp:q:{gp}:"
LEASE_MS: Final = 60_000
SWEEP: Final = 8
RENEWED_AT_ONCE: Final = 500

_ADMITTED: Final = 1
_DENIED: Final = 0


class RedisLedger:
    """A `Ledger`. `admit` and `look` raise `StoreUnreachable` when the store does not answer. `open()` it first.

    `store` serves those who wait, `background` the settlements and renewals. `now_ms` only chooses the periods of
    calendars that are offered to the store, whose own clock decides. `told` hears when the store had lost something.
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
        told: Told | None = None,
    ) -> None:
        self._store = store
        self._background = background
        self._now_ms = now_ms
        self._lease_ms = lease_ms
        self._prefix = prefix
        self._scripts = scripts or load_scripts()
        self._settling = settling or Settling(background)
        self._codes = Codebook(prefix)
        self._generation_key = f"{prefix}g"
        self._recovery = Recovery(now_ms, self._charge, self._end, told)
        self._renewing: asyncio.Task[None] | None = None

    @property
    def unsettled(self) -> int:
        return len(self._recovery.running) + self._settling.waiting

    @property
    def recovered(self) -> bool:
        """Whether the store was told again all it is known to have lost."""
        return self._recovery.done

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
        self, request_id: str, accounts: Sequence[Account], amounts: Charge, orphan: Charge | None = None
    ) -> Admission:
        """See `Ledger.admit`. Raises `StoreUnreachable`."""
        if not accounts:
            return Admission(True, ())
        coded = self._codes.of(accounts)
        reply, taken = await self._admit(request_id, coded, amounts, orphan, 0)
        states, waits = read_states(coded, reply, 3), read_waits(reply)
        if reply[0] == _DENIED:
            return denial(states, waits)
        held = Held(request_id, accounts, coded, amounts, orphan, self._now_ms(), taken)
        self._recovery.running[request_id] = held
        return Admission(True, states, None, None, shadowed(states, waits) if reply[0] == _ADMITTED else ())

    async def charge(self, name: str, accounts: Sequence[Account], amounts: Charge, ended_at: int) -> None:
        """Charge what was used, whatever the limits say. Each try has its own name. Raises `StoreUnreachable`."""
        self._end(await self._charge(name, accounts, amounts, None, ended_at), None, amounts)

    def settle(self, request_id: str, actual: Charge | None) -> None:
        """See `Ledger.settle`."""
        held = self._recovery.take_out(request_id, actual)
        if held is not None:
            self._end(held, actual, actual)

    def cancel(self, request_id: str) -> None:
        """See `Ledger.cancel`."""
        self.settle(request_id, NOTHING)

    async def look(self, accounts: Sequence[Account]) -> tuple[QuotaState, ...]:
        """See `Ledger.look`. Raises `StoreUnreachable`."""
        if not accounts:
            return ()
        coded = self._codes.of(accounts)
        reply = await self._ask(self._scripts.look, coded, [], {}, None, kinds=2)
        return read_states(coded, reply, 2)

    async def raise_to(self, account: Account, amounts: Charge, read_at: int = 0) -> list[int]:
        """See `Ledger.raise_to`. Raises `StoreUnreachable`."""
        coded, more = self._codes.of([account]), [self._generation_key]
        reply = await self._ask(self._scripts.raise_to, coded, [read_at], amounts, None, kinds=1, more=more)
        return reply[2:]

    async def forget(self, accounts: Sequence[Account]) -> None:
        """Nothing is used any more of these accounts' scopes; what runs still holds its place among what runs."""
        await self._store.command("DEL", *(coded.counters for coded in self._codes.of(accounts)))

    async def renew(self) -> None:
        """Begin the leases of everything that runs anew. Raises `StoreUnreachable`."""
        of_scope: dict[tuple[str, str], list[str]] = {}
        for held in self._recovery.running.values():
            for account in held.coded:
                of_scope.setdefault((account.leases, account.records), []).append(held.name)
        asked = [
            self._background.run(self._scripts.renew, keys, [self._lease_ms, *ids[at : at + RENEWED_AT_ONCE]])
            for keys, ids in of_scope.items()
            for at in range(0, len(ids), RENEWED_AT_ONCE)
        ]
        asked.append(self._meet())
        for answered in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(answered, BaseException):
                raise answered

    async def drain(self) -> None:
        """See `Ledger.drain`."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
            self._renewing = None
        await self._recovery.close()
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

    async def _admit(
        self, name: str, coded: Sequence[CodedAccount], amounts: Charge, orphan: Charge | None, ended_at: int
    ) -> tuple[Reply, Mark]:
        generation = self._recovery.generation
        head: list[Arg] = [name, self._lease_ms, SWEEP, ended_at, generation.known, generation.number]
        more = [self._generation_key, f"{self._prefix}x:{name}"]
        try:
            reply = await self._ask(self._scripts.admit, coded, head, amounts, orphan, more=more)
        except (StoreUnreachable, asyncio.CancelledError):
            # It may have been charged all the same, or be so later: the command can still be on its way.
            args = partial(self._ending, name, self._lease_ms, ["*", 0])
            self._settling.add(self._scripts.settle, [*_keys(coded), *more], args)
            raise
        return reply, self._recovery.note(reply)

    async def _charge(
        self, name: str, accounts: Sequence[Account], amounts: Charge, orphan: Charge | None, ended_at: int
    ) -> Held:
        coded = self._codes.of(accounts)
        taken = Mark(self._recovery.generation.known, self._recovery.generation.number)
        if coded:
            _, taken = await self._admit(name, coded, amounts, orphan, ended_at)
        return Held(name, accounts, coded, amounts, orphan, self._now_ms(), taken)

    def _end(self, held: Held, actual: Charge | None, known: Charge | None) -> None:
        if not held.coded:
            return
        corrected: list[Arg] = ["*", 0] if actual is NOTHING else []
        if actual is not None and actual is not NOTHING:
            for account in held.coded:
                for field, measure in account.fields.items():
                    if measure in actual:
                        corrected += (field, max(0, actual[measure]))
        keys, args = [*_keys(held.coded), self._generation_key], partial(self._ending, held.name, 0, corrected)
        self._settling.add(self._scripts.settle, keys, args, partial(self._ended, held, known))

    def _ending(self, name: str, given_up_ms: int, corrected: Sequence[Arg]) -> list[Arg]:
        """The arguments of a settlement as they are when it is sent: an older number would tell of no loss."""
        generation = self._recovery.generation
        return [name, generation.known, generation.number, given_up_ms, *corrected]

    def _ended(self, held: Held, actual: Charge | None, reply: Any) -> None:
        self._recovery.ended(held, actual, self._recovery.note(reply))

    async def _meet(self) -> None:
        """Find out whether the store is what it was, also where nobody comes."""
        args = self._ending("-", 0, ())
        self._recovery.note(await self._background.run(self._scripts.settle, [self._generation_key], args))

    async def _ask(
        self,
        script: Script,
        coded: Sequence[CodedAccount],
        head: Sequence[Arg],
        amounts: Charge,
        orphan: Charge | None,
        kinds: int = 3,
        more: Sequence[str] = (),
    ) -> Reply:
        keys = [*_keys(coded, kinds), *more]
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


def _keys(coded: Sequence[CodedAccount], kinds: int = 3) -> list[str]:
    return [key for account in coded for key in account.keys[:kinds]]
