"""An open loop: requests come at moments of their own, whether or not earlier ones were answered, as from many users.

In a closed loop a slow server is asked less, and what would have come meanwhile is never counted. Here a request that
finds no free connection waits for one, and its time counts from when it came.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol


class Sender(Protocol):
    """One connection."""

    def start(self, since: float | None = None) -> None:
        """Send a request now; it came `since` then, or now."""


class Queue:
    """The connections that are free, and since when requests wait that found none. A run of one `seed` is the same."""

    def __init__(self, seed: int) -> None:
        self._gaps = random.Random(seed)
        self._free: deque[Sender] = deque()
        self._waiting: deque[float] = deque()
        self._unanswered = 0
        self._answered = asyncio.Event()

    def freed(self, sender: Sender) -> None:
        """Its request was answered."""
        self._unanswered -= 1
        if not self._unanswered:
            self._answered.set()
        if self._waiting:
            sender.start(self._waiting.popleft())
        else:
            self._free.append(sender)

    def ask(self) -> None:
        """A request has come."""
        self._unanswered += 1
        self._answered.clear()
        if self._free:
            self._free.popleft().start()
        else:
            self._waiting.append(time.monotonic())

    async def pace(self, senders: Sequence[Sender], rate: float, seconds: float) -> None:
        """So many requests a second, at random moments; returns when all are answered."""
        self._free.extend(senders)
        due = time.monotonic()
        end = due + seconds
        while (due := due + self._gaps.expovariate(rate)) < end:
            await asyncio.sleep(max(due - time.monotonic(), 0))
            self.ask()
        if self._unanswered:
            await self._answered.wait()
