"""What may be used, by whom, in which time: the limits a policy writes.

A quota counts one metric in one window and belongs to one kind of account. Its `id` is made of what it counts and not
of the number, so that a changed limit keeps what was used; which account of that kind it is (whose key, which model)
is known only when a request comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase


class Metric(StrEnum):
    """What a quota counts. TOKENS are input and output together; COST is in nano-USD; UNITS are the operator's own."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    COST = "cost"
    CONCURRENCY = "concurrency"
    UNITS = "units"


class Period(StrEnum):
    """A stretch of the calendar, as people who agree on a budget mean it. A week begins on Monday (ISO 8601)."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Share(StrEnum):
    """What the exchanges of one account have in common. Several of them together make one account for each pair."""

    KEY = "key"
    TEAM = "team"
    MODEL = "model"
    POLICY = "policy"
    GLOBAL = "global"


class OnStoreError(StrEnum):
    """What a quota does while the store that keeps its account cannot be reached.

    DEGRADED: this process counts by itself, up to its share. CLOSED: refuse. OPEN: admit without counting.
    """

    DEGRADED = "degraded"
    CLOSED = "closed"
    OPEN = "open"


class OnFailure(StrEnum):
    """What a request is charged that the upstream did not answer, so that nobody knows what it used."""

    INPUT = "input"
    RESERVED = "reserved"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Charging:
    """What exchanges cost that did not run to their end. `blocked`: a request that a rule refused counts as one."""

    blocked: bool = True
    failed: OnFailure = OnFailure.INPUT


# Metrics that a request without text cannot use.
OF_TEXT = frozenset({Metric.TOKENS, Metric.INPUT_TOKENS, Metric.OUTPUT_TOKENS, Metric.COST})


@dataclass(frozen=True, slots=True)
class Only:
    """Which exchanges a quota is about. An empty entry means all; entries are shell patterns."""

    models: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    def chooses(self, *, model: str, team: str, key: str) -> bool:
        return _any(self.models, model) and _any(self.teams, team) and _any(self.keys, key)

    def __str__(self) -> str:
        chosen = (("models", self.models), ("teams", self.teams), ("keys", self.keys))
        return ";".join(f"{name}={','.join(sorted(patterns))}" for name, patterns in chosen if patterns)


def _any(patterns: tuple[str, ...], name: str) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `limit` of `metric` in any window of `window_s` seconds; with `period`, in each such period of `zone`.

    CONCURRENCY has neither: it counts what runs. `hard`: what the model may write is capped, so that not even one
    exchange goes beyond. `shadow`: counted and told, never refused.
    """

    metric: Metric
    window_s: int
    limit: int
    period: Period | None = None
    zone: str = "UTC"
    shares: tuple[Share, ...] = (Share.KEY,)
    unit: str = ""
    only: Only = Only()
    hard: bool = False
    shadow: bool = False
    on_store_error: OnStoreError = OnStoreError.DEGRADED
    id: str = field(init=False, compare=False)
    measure: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        measure = f"{self.metric.value}.{self.unit}" if self.metric is Metric.UNITS else self.metric.value
        only = f"[{self.only}]" if str(self.only) else ""
        object.__setattr__(self, "measure", measure)
        object.__setattr__(self, "id", f"{measure}{self._window}{only}")

    @property
    def _window(self) -> str:
        if self.metric is Metric.CONCURRENCY:
            return ""
        return f"/{self.period.value}@{self.zone}" if self.period else f"/{self.window_s}s"

    @property
    def is_budget(self) -> bool:
        """Whether it is something to be spent, which no short wait brings back."""
        return self.metric is Metric.COST or self.period is not None

    @property
    def span(self) -> str:
        """The time it counts over, in words: `per 60 s`, `per month (UTC)`, `at a time`."""
        if self.metric is Metric.CONCURRENCY:
            return "at a time"
        return f"per {self.period.value} ({self.zone})" if self.period else f"per {self.window_s} s"

    def shown(self, amount: int) -> str:
        """An amount of its metric in words: `1,200 tokens`, `$0.25`."""
        if self.metric is Metric.COST:
            return f"${amount / 1e9:,.4f}".rstrip("0").rstrip(".")
        if self.metric is Metric.CONCURRENCY:
            return f"{amount:,} requests"
        return f"{amount:,} {self.unit or self.metric.value.replace('_', ' ')}"
