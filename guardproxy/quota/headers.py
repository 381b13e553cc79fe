"""The headers that say what is left.

They go out with every answer, so they are made of what changes little: a limit and its remainder are short texts, and
the time until a reset is written from a few divisions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from guardproxy.core.quota import Metric
from guardproxy.quota.model import QuotaState

HeadersOf = Callable[[Sequence[QuotaState]], dict[str, str]]
"""What callers are told of their quotas."""

SHOWN: Final = (Metric.REQUESTS, Metric.TOKENS)
DEGRADED: Final = {"x-guardproxy-quota": "degraded"}


def rate_limit_headers(states: Sequence[QuotaState]) -> dict[str, str]:
    """OpenAI's `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, for the quota of each metric with least left.

    Source: the header table of OpenAI's rate limits guide; `reset` is the time until nothing is used any more. Other
    metrics have no such headers; a quota in shadow mode refuses nothing, so it is not shown.
    """
    requests: QuotaState | None = None
    tokens: QuotaState | None = None
    for state in states:
        quota = state.quota
        if quota.shadow:
            continue
        if quota.metric is _REQUESTS:
            if requests is None or _tighter(state, requests):
                requests = state
        elif quota.metric is _TOKENS and (tokens is None or _tighter(state, tokens)):
            tokens = state
    headers = {}
    if requests is not None:
        quota, _, remaining, reset_ms = requests
        headers["x-ratelimit-limit-requests"] = str(quota.limit)
        headers["x-ratelimit-remaining-requests"] = str(remaining)
        headers["x-ratelimit-reset-requests"] = format_duration(reset_ms)
    if tokens is not None:
        quota, _, remaining, reset_ms = tokens
        headers["x-ratelimit-limit-tokens"] = str(quota.limit)
        headers["x-ratelimit-remaining-tokens"] = str(remaining)
        headers["x-ratelimit-reset-tokens"] = format_duration(reset_ms)
    return headers


def with_ietf_headers(states: Sequence[QuotaState]) -> dict[str, str]:
    """`rate_limit_headers`, and the `RateLimit-Policy` and `RateLimit` of the IETF's draft, a list with every quota.

    Source: draft-ietf-httpapi-ratelimit-headers-11. Of its units only requests and concurrent requests are registered,
    so quotas of other metrics are left out; times are whole seconds, never too few.
    """
    headers = rate_limit_headers(states)
    policies: list[str] = []
    limits: list[str] = []
    for quota, _, remaining, reset_ms in states:
        if quota.shadow or quota.metric not in (_REQUESTS, Metric.CONCURRENCY):
            continue
        name = f'"{quota.metric.value}-{len(policies) + 1}"'  # what a quota is about is not everybody's to know
        window = f";w={quota.window_s}" if quota.window_s else ""
        if quota.metric is _REQUESTS:
            policies.append(f"{name};q={quota.limit}{window}")
            limits.append(f"{name};r={remaining};t={-(-reset_ms // 1000)}")
        else:
            policies.append(f'{name};q={quota.limit};qu="concurrent-requests"')
            limits.append(f"{name};r={remaining}")
    if policies:
        headers["ratelimit-policy"] = ", ".join(policies)
        headers["ratelimit"] = ", ".join(limits)
    return headers


def _tighter(one: QuotaState, other: QuotaState) -> bool:
    return (one.remaining, -one.reset_ms) < (other.remaining, -other.reset_ms)


_REQUESTS: Final = Metric.REQUESTS
_TOKENS: Final = Metric.TOKENS


@lru_cache(4096)  # the windows of a process end at the same times, so within a millisecond all ask for the same
def format_duration(milliseconds: int) -> str:
    """`0s`, `12ms`, `1s`, `1.5s`, `6m0s`, `23h18m29.144s`: the way OpenAI writes the time until a reset."""
    if 0 < milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    whole, fraction = divmod(rest, 1000)
    seconds = f"{whole}.{fraction:03d}".rstrip("0") + "s" if fraction else f"{whole}s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds
