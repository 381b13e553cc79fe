"""How a shared state does, in numbers for whoever watches."""

from __future__ import annotations

from typing import Final, NamedTuple


class StateHealth(NamedTuple):
    """`degraded`: the store is away. Marks: `unwritten` are on their way to it, `lost` will never arrive."""

    degraded: bool
    unwritten: int
    lost: int


UNSHARED: Final = StateHealth(False, 0, 0)
"""Where nothing is shared."""
