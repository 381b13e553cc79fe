"""From the quotas a policy writes to what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from guardproxy.core.quota import OF_TEXT, Metric, Only, OnStoreError, Period, Quota, Share
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.load import PolicyDocument
from guardproxy.policyfile.quota_schema import WrittenQuota

WINDOW_S: Final[Mapping[str, int]] = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
PERIODS: Final[Mapping[str, Period]] = {
    "calendar_day": Period.DAY,
    "week": Period.WEEK,
    "month": Period.MONTH,
}
NANO_USD: Final = 10**9
MOST: Final = 2**53


def compile_quotas(document: PolicyDocument) -> tuple[Quota, ...]:
    """The quotas of a policy, in shadow mode where the policy is. Raises `ConfigurationError`, one line per problem."""
    shadow = document.written.mode == "shadow"
    problems: list[str] = []
    quotas: list[Quota] = []
    seen: set[tuple[str, tuple[Share, ...], bool]] = set()
    for index, written in enumerate(document.written.quotas):
        found = [f"{document.at('quotas', index)}: {problem}" for problem in _problems(written)]
        if not found:
            quota = _quota(written, shadow=shadow or written.mode == "shadow")
            account = (quota.id, tuple(sorted(quota.shares)), quota.shadow)
            if account in seen:
                found = [f"{document.at('quotas', index)}: this metric already has a limit for this window"]
            seen.add(account)
            quotas.append(quota)
        problems += found
    if problems:
        raise ConfigurationError("\n".join(problems))
    return tuple(quotas)


def _problems(written: WrittenQuota) -> Iterator[str]:
    metric = Metric(written.metric)
    if metric is Metric.CONCURRENCY and written.per is not None:
        yield "concurrency counts what runs at once, so it has no 'per'"
    if metric is not Metric.CONCURRENCY and written.per is None:
        yield "'per' is missing"
    if (metric is Metric.UNITS) is not (written.unit is not None):
        yield "'unit' names what metric units counts, and belongs to no other metric"
    if metric is not Metric.COST and written.limit != int(written.limit):
        yield "'limit' is a whole number; only that of cost has a fraction"
    if metric is Metric.COST and not 1 <= round(written.limit * NANO_USD) <= MOST:
        yield "'limit' of cost is in US dollars, from 0.000000001 to 9000000"
    if written.hard and metric not in OF_TEXT:
        yield f"'hard' is about tokens and cost; {metric.value} are never exceeded anyway"
    if written.zone is not None:
        yield from _zone_problems(written.zone, written.per)


def _zone_problems(zone: str, per: str | None) -> Iterator[str]:
    if per not in PERIODS:
        yield f"'zone' belongs to a limit per {', '.join(PERIODS)}: other windows slide and know no midnight"
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield f"unknown time zone '{zone}'; write one like Europe/Zurich or America/New_York"


def _quota(written: WrittenQuota, *, shadow: bool) -> Quota:
    metric = Metric(written.metric)
    default = OnStoreError.CLOSED if written.hard else OnStoreError.DEGRADED
    return Quota(
        metric=metric,
        window_s=WINDOW_S.get(written.per or "", 0),
        limit=round(written.limit * NANO_USD) if metric is Metric.COST else int(written.limit),
        period=PERIODS.get(written.per or ""),
        zone=written.zone or "UTC",
        shares=tuple(sorted({Share(share) for share in written.scope})),
        unit=written.unit or "",
        only=Only(written.only.models, written.only.teams, written.only.keys),
        hard=written.hard,
        shadow=shadow,
        on_store_error=OnStoreError(written.on_store_error) if written.on_store_error else default,
    )
