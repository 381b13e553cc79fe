"""When to stop asking a store that does not answer.

Each failure costs a request the store's time limit, so after a few in a row, or when half of the last ones failed, the
store is left alone until a probe has succeeded.
"""

from __future__ import annotations

from collections import deque
from typing import Final

IN_A_ROW: Final = 5
AMONG: Final = 20
WITHIN_MS: Final = 10_000


class Breaker:
    """`is_open`: ask nothing. `failed` and `succeeded` are told what became of each question, in order of time."""

    def __init__(self) -> None:
        self.is_open = False
        self._in_a_row = 0
        self._recent: deque[tuple[int, bool]] = deque(maxlen=AMONG)

    def succeeded(self, now: int) -> None:
        if self._in_a_row or self._recent:  # most stores never fail: nothing to remember then
            self._in_a_row = 0
            self._remember(now, failed=False)

    def failed(self, now: int) -> bool:
        """Whether this failure opened the breaker."""
        self._in_a_row += 1
        self._remember(now, failed=True)
        recent = [failed for at, failed in self._recent if now - at <= WITHIN_MS]
        half = len(recent) == AMONG and 2 * sum(recent) >= AMONG
        opened = not self.is_open and (self._in_a_row >= IN_A_ROW or half)
        self.is_open = self.is_open or opened
        return opened

    def close(self) -> None:
        """A probe succeeded: everything before it is forgotten."""
        self.is_open = False
        self._in_a_row = 0
        self._recent.clear()

    def _remember(self, now: int, failed: bool) -> None:
        self._recent.append((now, failed))
        if not any(failed for _, failed in self._recent):
            self._recent.clear()
