"""Which key made what is stored on the upstream: keys often share one account there, and must not read each other.

The record is kept by us, since the upstream knows one account only. It holds ids, which open nothing by themselves.
Who made something first owns it: an id that comes again is no way to take it over. What was forgotten belongs to
nobody, so it is refused: unsure means closed. `shared_ownership` is the record of several proxies.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Iterable, Sequence
from typing import Final, Protocol

from guardproxy.core.context import refuse_state
from guardproxy.core.exchange import Reference
from guardproxy.core.policy import Policy, ServerState
from guardproxy.core.principal import Principal
from guardproxy.core.verdict import Finding
from guardproxy.errors import SharedStateUnavailable

MOST: Final = 200_000
"""How many ids are remembered: about 40 MB."""

LONGEST: Final = 200
"""No upstream writes longer ids."""


class Ownership(Protocol):
    def record(self, ids: Iterable[str], key_id: str) -> Awaitable[None] | None:
        """These were made by that key. Never waits and never fails.

        What is returned ends as soon as all proxies know it, or the store's time limit is over; None: there is nothing
        to wait for.
        """

    async def owned(self, key_id: str, ids: Sequence[str]) -> frozenset[str]:
        """Those of them that the key made, as far as is known. Raises `SharedStateUnavailable` if nobody can tell."""


class MemoryOwnership:
    """`Ownership` for the life of this process. The least recently named ids are forgotten first."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._owners: OrderedDict[str, str] = OrderedDict()

    def record(self, ids: Iterable[str], key_id: str) -> None:
        for named in ids:
            if is_id(named):
                self._owners.setdefault(named, key_id)
                if len(self._owners) > self._most:
                    self._owners.popitem(last=False)

    async def owned(self, key_id: str, ids: Sequence[str]) -> frozenset[str]:
        owned = frozenset(named for named in ids if self._owners.get(named) == key_id)
        for named in owned:
            self._owners.move_to_end(named)
        return owned


def is_id(named: str) -> bool:
    """Whether an id is one that may be remembered."""
    return 0 < len(named) <= LONGEST


async def not_own(
    ownership: Ownership, policy: Policy, principal: Principal, state: Sequence[Reference]
) -> list[Finding]:
    """What of the server's state this caller may not refer to."""
    match policy.server_state:
        case ServerState.ALLOW:
            return []
        case ServerState.DENY:
            return refuse_state(state)
        case ServerState.OWN:
            owned: frozenset[str] = frozenset()
            try:
                owned = await ownership.owned(principal.key_id, [item.id for item in state])
            except SharedStateUnavailable:
                if not policy.shadow:
                    raise
            return refuse_state([item for item in state if item.id not in owned])
