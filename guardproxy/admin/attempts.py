"""Who presents wrong tokens too often is not heard for a while.

A token cannot be guessed: it has 256 random bits. This is about noise: somebody who tries all the same must not be able
to fill the record of admin actions, nor to keep the proxy busy. Counted by source address, in this process, for a
bounded number of addresses.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

MOST_FAILURES: Final = 10
WITHIN_S: Final = 60.0
MOST_SOURCES: Final = 4096


class Attempts:
    """`now_s` is a clock that never steps."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, source: str) -> float:
        """Seconds until the source is heard again; 0 if it is heard now."""
        failed = self._failed.get(source)
        if failed is None or len(failed) < MOST_FAILURES:
            return 0.0
        return max(0.0, failed[0] + WITHIN_S - self._now_s())

    def failed(self, source: str) -> None:
        """A wrong token, or none, came from there."""
        self._failed.setdefault(source, deque(maxlen=MOST_FAILURES)).append(self._now_s())
        self._failed.move_to_end(source)
        if len(self._failed) > MOST_SOURCES:
            self._failed.popitem(last=False)
