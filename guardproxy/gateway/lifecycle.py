"""Started, draining, stopped: what the health checks say, and how long a stop waits for running exchanges.

Draining is keyed to the exchanges in flight, not to a sleep: a stop waits until the last one has ended, or until
`drain_timeout`.
"""

from __future__ import annotations

import asyncio


class Lifecycle:
    """Counts exchanges in flight. Lives on one event loop."""

    def __init__(self) -> None:
        self._in_flight = 0
        self._idle = asyncio.Event()
        self.ready = False
        self.draining = False

    @property
    def in_flight(self) -> int:
        return self._in_flight

    def begin(self) -> None:
        self._in_flight += 1

    def end(self) -> None:
        self._in_flight -= 1
        if self.draining and self._in_flight == 0:
            self._idle.set()

    async def drain(self, timeout_s: float) -> bool:
        """Refuse new exchanges and wait for the running ones; whether all of them ended in time."""
        self.draining = True
        self.ready = False
        try:
            async with asyncio.timeout(timeout_s):
                while self._in_flight:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            return False
        return True
