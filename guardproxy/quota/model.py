"""The words of quotas: what a request is charged, whether it is admitted, and who keeps the account.

A request is charged before it runs (a reservation, from an estimate) and corrected afterwards (settled, with what was
really used), in the same place of the same window. Between the two the estimate counts as used, so requests that
run side by side can never all pass a limit that has room for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from guardproxy.core.quota import Metric, Quota

Charge = Mapping[str, int]
"""How much of each measure: a `Metric`, or `units.<name>`. Never negative; what is not named is 0 in a reservation.

CONCURRENCY is never named: a running request is one.
"""


class Account:
    """What a scope (one key, one team and model, everybody) may use. Equal only to itself: plans are made once."""

    __slots__ = ("quotas", "scope")

    def __init__(self, scope: str, quotas: Sequence[Quota]) -> None:
        self.scope = scope
        self.quotas = tuple(quotas)

    def __repr__(self) -> str:
        return f"Account({self.scope!r}, {[quota.id for quota in self.quotas]})"


class QuotaState(NamedTuple):
    """A quota as its account stands now: `used + remaining` is the limit, unless an overrun made `used` larger.

    `reset_ms`: after so many milliseconds without another request nothing is used any more; 0 if nothing is, and where
    only what runs is counted.
    """

    quota: Quota
    used: int
    remaining: int
    reset_ms: int


class Admission(NamedTuple):
    """The answer to a request. `states` has one entry per quota: with this request's charge if it was admitted.

    If it was not: `denied` is the quota that makes it wait longest, and `wait_ms` the first moment at which the same
    request fits if nothing else is charged or settled until then. None: it never fits, as it asks for more than the
    whole limit. 0: when a running request ends, which nobody can tell.

    `shadowed`: quotas in shadow mode that would have refused it. `degraded`: the store did not answer, so this process
    counted by itself or not at all.
    """

    admitted: bool
    states: tuple[QuotaState, ...]
    denied: QuotaState | None = None
    wait_ms: int | None = None
    shadowed: tuple[Quota, ...] = ()
    degraded: bool = False


class StoreHealth(NamedTuple):
    """What a store that several processes share did to this one, since it began.

    `errors`: questions it did not answer. `degraded_ms`: how long this process was on its own. `lost`: charges that
    will never reach the shared account.
    """

    errors: int
    degraded_ms: int
    lost: int


class Ledger(Protocol):
    """Keeps account. A reservation ends exactly once: settled, cancelled, or orphaned when its lease runs out.

    An orphan that is settled or cancelled after all was only cut off: then that is what counts, for the last 512 of a
    scope. Otherwise `settle` and `cancel` do nothing to a request that was denied or has already ended. They never
    wait or fail.
    """

    async def admit(
        self, request_id: str, accounts: Sequence[Account], amounts: Charge, orphan: Charge | None = None
    ) -> Admission:
        """Reserve `amounts` against every quota of every account, or against none.

        `request_id` is unique among running requests; admitting a running one again charges nothing. Every window of
        every quota is checked, also for an amount of 0: a full window admits nothing. `orphan` is what the request is
        charged should nobody live to settle it; what it does not name stands as reserved. Raises ValueError for a
        negative amount, and `QuotaStoreUnavailable` where the account cannot be asked and may not be guessed.
        """

    def settle(self, request_id: str, actual: Charge | None) -> None:
        """Replace the reservation by what was used. None, or a measure not named: the reservation stands.

        What exceeds the reservation is charged even above the limit.
        """

    def cancel(self, request_id: str) -> None:
        """Give everything back: the request never ran."""

    async def look(self, accounts: Sequence[Account]) -> tuple[QuotaState, ...]:
        """How the accounts stand, changing nothing. Raises `QuotaStoreUnavailable`."""

    async def forget(self, accounts: Sequence[Account]) -> None:
        """Nothing is used any more of these accounts' scopes; what runs still holds its place among what runs.

        Raises `QuotaStoreUnavailable`.
        """

    async def raise_to(self, account: Account, amounts: Charge, read_at: int = 0) -> Sequence[int]:
        """Let the current period of each quota hold at least its amount; how much each was short of.

        Doing it again changes nothing. `read_at` is when the amounts were read from the logs: what ended before and is
        charged later is in them already. Raises `QuotaStoreUnavailable`.
        """

    async def drain(self) -> None:
        """Return when every settlement so far has reached the store, or is given up; then close the store."""

    @property
    def unsettled(self) -> int:
        """Reservations whose settlement has not reached the store."""

    @property
    def degraded(self) -> bool:
        """Whether the store is out of reach."""

    @property
    def store(self) -> StoreHealth | None:
        """How the store does; None where there is none."""


def denial(states: tuple[QuotaState, ...], waits: Iterable[int | None]) -> Admission:
    """A refusal, of the quota that waits longest. `waits`: 0 where it fits, `UNKNOWN_MS`, None where it never will."""
    denied, longest = None, 0
    for state, wait in zip(states, waits, strict=True):
        if wait == 0 or state.quota.shadow:
            continue
        if wait is None:
            return Admission(False, states, state, None)
        if denied is None or wait > longest:
            denied, longest = state, wait
    return Admission(False, states, denied, max(longest, 0))


UNKNOWN_MS = -1
"""The wait for something that runs to end."""


def shadowed(states: Iterable[QuotaState], waits: Iterable[int | None]) -> tuple[Quota, ...]:
    """Quotas in shadow mode that would have refused."""
    return tuple(s.quota for s, wait in zip(states, waits, strict=True) if s.quota.shadow and wait != 0)


def needed(quota: Quota, amounts: Charge) -> int:
    """What a request takes of a quota. Raises ValueError for a negative amount."""
    if quota.metric is Metric.CONCURRENCY:
        return 1
    amount = amounts.get(quota.measure, 0)
    if amount < 0:
        raise ValueError(f"a charge is never negative: {quota.measure}")
    return amount
