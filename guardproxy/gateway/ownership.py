"""Which key made what is stored on the upstream: keys often share one account there, and must not read each other.

The record is kept by us, since the upstream knows one account only. It holds ids, which open nothing by themselves.
Who made something first owns it: an id that comes again is no way to take it over. What was forgotten belongs to
nobody, so it is refused, and so is everything after a restart: unsure means closed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, Protocol

MOST: Final = 200_000
"""How many ids are remembered: about 40 MB."""

LONGEST: Final = 200
"""No upstream writes longer ids."""


class Ownership(Protocol):
    def record(self, ids: Iterable[str], key_id: str) -> None:
        """These were made by that key. Never waits and never fails."""

    async def owns(self, key_id: str, named: str) -> bool:
        """Whether that key made it, as far as is known."""


class MemoryOwnership:
    """`Ownership` for the life of this process. The least recently named ids are forgotten first."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._owners: OrderedDict[str, str] = OrderedDict()

    def record(self, ids: Iterable[str], key_id: str) -> None:
        for named in ids:
            if 0 < len(named) <= LONGEST:
                self._owners.setdefault(named, key_id)
                if len(self._owners) > self._most:
                    self._owners.popitem(last=False)

    async def owns(self, key_id: str, named: str) -> bool:
        if self._owners.get(named) != key_id:
            return False
        self._owners.move_to_end(named)
        return True
