"""A deadline that is moved often and missed seldom: one timer, which looks when it fires whether it is time.

Moving the deadline on costs nothing but an assignment. The timer is armed anew only where the deadline comes earlier.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf


class Deadline:
    """Calls `missed` when `at`, a time of the event loop's clock, has come. Without a deadline it is infinite."""

    __slots__ = ("_loop", "_missed", "_timer", "at")

    def __init__(self, loop: asyncio.AbstractEventLoop, missed: Callable[[], None]) -> None:
        self.at = inf
        self._loop = loop
        self._missed = missed
        self._timer: asyncio.TimerHandle | None = None

    def set_in(self, seconds: float) -> None:
        """Move it to so many seconds from now, earlier or later."""
        self.at = at = self._loop.time() + seconds
        if self._timer is None or at < self._timer.when():
            self.cancel()
            self._timer = self._loop.call_at(at, self._look)

    def clear(self) -> None:
        """There is none for now. The timer stays, since the next deadline will hardly be an earlier one."""
        self.at = inf

    def cancel(self) -> None:
        """Leave no timer behind."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self.at == inf:
            return
        if self._loop.time() < self.at:
            self._timer = self._loop.call_at(self.at, self._look)
        else:
            self.clear()
            self._missed()
