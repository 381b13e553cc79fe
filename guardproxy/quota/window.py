"""The account of one quota: a ring of slots and the sum of those that count.

The sum is kept, so a check costs one comparison, and slots are emptied as time passes over them. The scripts for Redis
keep the same ring in the same way.
"""

from __future__ import annotations

from guardproxy.quota.grid import Grid


class Window:
    """`ring[slot % kept]` holds what was charged in `slot`: in `newest` and those before it. `total` is what counts.

    `passes_at`: the first millisecond after the newest slot. `empties_at`: the first at which it counts no more.
    """

    __slots__ = ("before", "empties_at", "grid", "kept", "newest", "passes_at", "ring", "total")

    def __init__(self, grid: Grid, now: int) -> None:
        self.grid = grid
        self.before = grid.before
        self.kept = grid.kept
        self.ring = [0] * grid.kept
        self.total = 0
        self.newest = 0
        self.advance(now)

    def advance(self, now: int) -> None:
        """Move to the slot of `now` and empty those that time has passed over."""
        grid, kept, ring = self.grid, self.kept, self.ring
        slot = grid.slot_at(now)
        if slot - self.newest >= kept:
            self.ring = [0] * kept
            self.total = 0
        else:
            for passed in range(self.newest + 1, slot + 1):
                self.total -= ring[(passed - 1 - self.before) % kept]
                ring[passed % kept] = 0
        self.newest = slot
        self.passes_at = grid.begins_at(slot + 1)
        self.empties_at = grid.begins_at(slot + 1 + self.before)

    def correct(self, slot: int, change: int) -> None:
        """Add to a slot that may have left the window: then there is nothing to correct."""
        age = self.newest - slot
        if age < self.kept:
            self.ring[slot % self.kept] += change
            if age <= self.before:
                self.total += change

    def unused_at(self) -> int:
        """The first millisecond at which nothing is used, if nothing is added. Something must be used now."""
        slot = self.newest
        while not self.ring[slot % self.kept]:
            slot -= 1
        return self.grid.begins_at(slot + 1 + self.before)

    def fits_at(self, excess: int) -> int:
        """The first millisecond at which at least `excess` has left; there must be so much."""
        slot = self.newest - self.before
        while (excess := excess - self.ring[slot % self.kept]) > 0:
            slot += 1
        return self.grid.begins_at(slot + 1 + self.before)
