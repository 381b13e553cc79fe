"""The words of quotas: what a request is charged, whether it is admitted, and who keeps the account.

A request is charged before it runs (a reservation, from an estimate) and corrected afterwards (settled, with what was
really used), in the same place of the same window. Between the two the estimate counts as used, so requests that
run side by side can never all pass a limit that has room for one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from guardproxy.core.policy import Metric, Quota

Charge = Mapping[Metric, int]
"""How much of each metric. Never negative; a metric that is not named is 0 in a reservation."""


class QuotaState(NamedTuple):
    """A quota as its key sees it now: `used + remaining` is the limit, unless an overrun made `used` larger.

    `reset_ms`: after so many milliseconds without another request nothing is used any more; 0 if nothing is.
    """

    quota: Quota
    used: int
    remaining: int
    reset_ms: int


class Admission(NamedTuple):
    """The answer to a request. `states` has one entry per quota: with this request's charge if it was admitted.

    If it was not: `denied` is the quota that makes it wait longest, and `wait_ms` the first moment at which the same
    request fits if nothing else is charged or settled until then. None: it never fits, as it asks for more than the
    whole limit.
    """

    admitted: bool
    states: tuple[QuotaState, ...]
    denied: QuotaState | None = None
    wait_ms: int | None = None


class Ledger(Protocol):
    """Keeps account. A reservation ends exactly once: settled, cancelled, or orphaned when its lease runs out.

    An orphan keeps its charge. `settle` and `cancel` do nothing to a request that was denied or has already ended.
    """

    async def admit(self, request_id: str, scope: str, quotas: Sequence[Quota], amounts: Charge) -> Admission:
        """Reserve `amounts` against every quota of the scope, or against none.

        `request_id` is unique among running requests; admitting a running one again charges nothing. Every window of
        every quota is checked, also for an amount of 0: a full window admits nothing.
        """

    def settle(self, request_id: str, actual: Charge | None) -> None:
        """Replace the reservation by what was used. None, or a metric not named: the reservation stands.

        Never waits and never fails. What exceeds the reservation is charged even above the limit.
        """

    def cancel(self, request_id: str) -> None:
        """Give everything back: the request never ran. Never waits and never fails."""

    async def drain(self) -> None:
        """Return when every settlement so far has reached the store."""
