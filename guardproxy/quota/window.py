"""A sliding window, cut into slots and summed strictly.

A window of W milliseconds is cut into N slots; what happens at `now` belongs to slot `now * N // W`. What counts at a
moment is the current slot and the N before it. Those N + 1 slots reach back at least W and at most W + W/N, so if they
never hold more than a limit, no real window of length W ever does; the price is that capacity comes back up to one
slot late. A token bucket is cheaper but cannot take back an over-estimate without creating capacity; a fixed window
admits twice the limit at its edge.

The total is kept, so a check costs one comparison, and slots are emptied as time passes over them.
"""

from __future__ import annotations

from typing import Final

SLOTS: Final = 6
RING: Final = SLOTS + 1


class Window:
    """`ring[slot % RING]` holds what was charged in `slot`: in `newest` and the `SLOTS` before it. `total` is the sum.

    `passes_at`: the first millisecond after the newest slot. `empties_at`: the first at which it counts no more.
    """

    __slots__ = ("empties_at", "length_ms", "newest", "passes_at", "ring", "total")

    def __init__(self, length_ms: int, now: int) -> None:
        self.length_ms = length_ms
        self.ring = [0] * RING
        self.total = 0
        self.newest = 0
        self.advance(now)

    def advance(self, now: int) -> None:
        """Move to the slot of `now` and empty those that time has passed over."""
        slot = now * SLOTS // self.length_ms
        if slot - self.newest > SLOTS:
            self.ring = [0] * RING
            self.total = 0
        else:
            for passed in range(self.newest + 1, slot + 1):
                self.total -= self.ring[passed % RING]
                self.ring[passed % RING] = 0
        self.newest = slot
        self.passes_at = self._begins_at(slot + 1)
        self.empties_at = self._begins_at(slot + RING)

    def correct(self, slot: int, change: int) -> None:
        """Add to a slot that may have left the window: then there is nothing to correct."""
        if self.newest - slot <= SLOTS:
            self.ring[slot % RING] += change
            self.total += change

    def unused_at(self) -> int:
        """The first millisecond at which nothing is used, if nothing is added. Something must be used now."""
        slot = self.newest
        while not self.ring[slot % RING]:
            slot -= 1
        return self._begins_at(slot + RING)

    def fits_at(self, excess: int) -> int:
        """The first millisecond at which at least `excess` has left; there must be so much."""
        slot = self.newest - SLOTS
        while (excess := excess - self.ring[slot % RING]) > 0:
            slot += 1
        return self._begins_at(slot + RING)

    def _begins_at(self, slot: int) -> int:
        return -(-slot * self.length_ms // SLOTS)
