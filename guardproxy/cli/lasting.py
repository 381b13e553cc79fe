"""What exists when the proxy starts lives as long as its process: the garbage collector need not look at it again."""

from __future__ import annotations

import gc
from typing import Final

THRESHOLDS: Final = (20_000, 20, 20)


def keep_what_exists() -> None:
    """Leave all that exists now out of every later collection. And nearly everything an exchange makes is freed without
    the collector, so it need not look after every 700 objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
