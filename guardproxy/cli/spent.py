"""What was spent, from the files that hold the logs of all proxies."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from guardproxy.cli.compose_quota import check_prices, make_planner
from guardproxy.core.choice import PolicySet
from guardproxy.errors import ConfigurationError
from guardproxy.quota.spent import Spent, spent_of
from guardproxy.settings import Settings


def read_spent(logs: Sequence[Path], settings: Settings, policies: PolicySet, now_ms: int | None = None) -> Spent:
    """See `spent_of`. Raises `ConfigurationError` for a log that cannot be read."""
    check_prices(settings, policies)
    now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    return spent_of(_lines(logs), make_planner(settings), policies, now)


def _lines(logs: Iterable[Path]) -> Iterator[str]:
    for log in logs:
        try:
            with log.open(encoding="utf-8", errors="replace") as lines:
                yield from lines
        except OSError as error:
            raise ConfigurationError(f"{log}: cannot be read: {error.strerror}") from error
