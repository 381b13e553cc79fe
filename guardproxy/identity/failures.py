"""How often each address may present keys that open nothing.

Failures are counted per source: an IPv4 address, or the /64 of an IPv6 address, since one machine has all of those. A
window begins with the first failure. Who fails more often than allowed within it is told to wait for its end; trying
meanwhile does not prolong it. Only failures are counted, so a valid key always opens, whoever else uses its address.

Memory is bounded: of more sources than fit, the one whose window began first is forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address
from typing import Final, NamedTuple

from guardproxy.core.scope import Address

MOST_SOURCES: Final = 10_000
_HOST_BITS: Final = 64


class Failure(NamedTuple):
    """What follows from one more failure. `wait_s`: how long this source has to wait, if it failed too often.

    `told`: whether it is worth telling: each one until the limit is passed, and the one that passes it.
    """

    wait_s: float | None
    told: bool


class FailureLimiter:
    """Counts failures per source, in one process. `limit` within `window_s` seconds; None counts nothing."""

    def __init__(self, limit: int | None = 20, window_s: float = 60.0, most_sources: int = MOST_SOURCES) -> None:
        self._limit = limit
        self._window_s = window_s
        self._most = most_sources
        self._counts: OrderedDict[object, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        """How many sources are remembered."""
        return len(self._counts)

    def failed(self, address: Address | None, now: float) -> Failure:
        """Note one failure at `now` (seconds that never step). Callers whose address is not known are one source."""
        if self._limit is None:
            return Failure(None, True)
        source = _source(address)
        count, began = self._counts.get(source, (0, now))
        if now - began >= self._window_s:
            del self._counts[source]
            count, began = 0, now
        count += 1
        self._counts[source] = (count, began)
        if len(self._counts) > self._most:
            self._counts.popitem(last=False)
        if count <= self._limit:
            return Failure(None, True)
        return Failure(began + self._window_s - now, count == self._limit + 1)


def _source(address: Address | None) -> object:
    return int(address) >> _HOST_BITS if isinstance(address, IPv6Address) else address
