"""What was spent, from the files that hold the logs of all proxies."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from guardproxy.cli.compose_quota import check_prices, make_planner
from guardproxy.core.choice import PolicySet
from guardproxy.errors import ConfigurationError
from guardproxy.quota.spent import Spent, spent_of
from guardproxy.settings import Settings


class Read(NamedTuple):
    """What was spent, and where the first lines stand that could not be used, as `file:line`."""

    spent: Spent
    unusable: tuple[str, ...]


def read_spent(logs: Sequence[Path], settings: Settings, policies: PolicySet, now_ms: int | None = None) -> Read:
    """See `spent_of`. Raises `ConfigurationError` for a log that cannot be read."""
    check_prices(settings, policies)
    now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    begins: list[tuple[int, Path]] = []
    spent = spent_of(_lines(logs, begins), make_planner(settings), policies, now)
    return Read(spent, tuple(_place(number, begins) for number in spent.first_unusable))


def _place(number: int, begins: Iterable[tuple[int, Path]]) -> str:
    """`file:line` of the line with this number among those of all files."""
    before, log = [begin for begin in begins if begin[0] < number][-1]
    return f"{log}:{number - before}"


def _lines(logs: Iterable[Path], begins: list[tuple[int, Path]]) -> Iterator[str]:
    """The lines of all files; `begins` is told how many there were before each."""
    before = 0
    for log in logs:
        begins.append((before, log))
        try:
            with log.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    before += 1
                    yield line
        except OSError as error:
            raise ConfigurationError(f"{log}: cannot be read: {error.strerror}") from error
