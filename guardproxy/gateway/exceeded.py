"""From a refused reservation to the error a caller sees: what is used up, and when to come back.

A rate comes back soon: the client is told the exact wait, a little lengthened, so that not all come at once. A budget
does not: official clients are told not to try again, and a person when it begins anew.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Final

from guardproxy.core.quota import Metric, Quota
from guardproxy.errors import NEVER, QuotaExceeded, Retry
from guardproxy.quota.model import Admission, Charge, QuotaState, needed

_JITTER: Final = 0.1
_CONCURRENCY_WAIT_MS: Final = (250, 1000)
_BUDGET: Final = "insufficient_quota"


def exceeded(admission: Admission, amounts: Charge, now_ms: int) -> QuotaExceeded:
    """The error for an admission that was refused."""
    state = admission.denied
    assert state is not None  # noqa: S101 - a refusal names its quota
    quota = state.quota
    amount = needed(quota, amounts)
    whose = " and ".join(share.value for share in quota.shares)
    limit = f"the limit of {quota.shown(quota.limit)} {quota.span} (of the {whose})"
    if admission.wait_ms is None:
        message = f"the request is too large for {limit}: it may use {quota.shown(amount)}; {_smaller(quota)}"
        return QuotaExceeded(message, metric=_type(quota), retry=NEVER, quota=quota.id)
    if quota.metric is Metric.CONCURRENCY:
        return QuotaExceeded(
            f"{limit} is reached; try again when a running request has ended",
            metric=_type(quota),
            code="concurrency_limit_exceeded",
            retry=Retry(after_ms=random.randint(*_CONCURRENCY_WAIT_MS)),  # noqa: S311 - spreads clients
            quota=quota.id,
        )
    if quota.is_budget:
        return _budget(state, amount, limit, now_ms + admission.wait_ms)
    message = (
        f"{limit} is reached (used {quota.shown(state.used)}, requested {quota.shown(amount)}); "
        f"try again in {admission.wait_ms / 1000:.3f} s"
    )
    spread = admission.wait_ms * (1 + _JITTER * random.random())  # noqa: S311
    return QuotaExceeded(message, metric=_type(quota), retry=Retry(after_ms=-int(-spread // 1)), quota=quota.id)


def over_limit() -> QuotaExceeded:
    """The error inside a stream that a hard limit ends."""
    return QuotaExceeded(
        "a hard limit ended this answer: the model wrote more than was reserved for it",
        metric=_BUDGET,
        code=_BUDGET,
        retry=NEVER,
    )


def _budget(state: QuotaState, amount: int, limit: str, room_at_ms: int) -> QuotaExceeded:
    quota = state.quota
    room_at = datetime.fromtimestamp(room_at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    message = (
        f"{limit} is used up (used {quota.shown(state.used)}, requested {quota.shown(amount)}); "
        f"there is room again at {room_at}"
    )
    detail = {"resets_at": room_at}
    return QuotaExceeded(message, metric=_BUDGET, code=_BUDGET, retry=NEVER, detail=detail, quota=quota.id)


def _type(quota: Quota) -> str:
    return Metric.TOKENS.value if quota.metric.value.endswith("tokens") else Metric.REQUESTS.value


def _smaller(quota: Quota) -> str:
    if quota.metric in (Metric.REQUESTS, Metric.CONCURRENCY, Metric.UNITS):
        return "no request fits"
    return "send less, or ask for fewer output tokens"
