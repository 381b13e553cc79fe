"""One exchange's claim on its key's quotas: reserved before it runs, settled whatever becomes of it."""

from __future__ import annotations

from collections.abc import Sequence

from guardproxy.core.exchange import RequestReading
from guardproxy.core.policy import Metric, Quota
from guardproxy.errors import NEVER, QuotaExceeded, Retry
from guardproxy.quota.estimate import estimate_input_tokens, rate_limit_headers, reserve_tokens, tightest_limit
from guardproxy.quota.model import Admission, Ledger


class Reservation:
    """Starts empty, so that it can be settled on every way out. `tokens` is what the exchange has used so far.

    `metered`: what the answer holds is charged; it is not where it was charged before.
    """

    __slots__ = ("_expected", "_ledger", "_request_id", "_reserved", "headers", "input_tokens", "metered", "tokens")

    def __init__(self, ledger: Ledger, request_id: str) -> None:
        self._ledger = ledger
        self._request_id = request_id
        self._reserved = False
        self._expected = 0
        self.metered = True
        self.input_tokens = 0
        self.tokens = 0
        self.headers: dict[str, str] = {}

    async def admit(self, scope: str, quotas: Sequence[Quota], reading: RequestReading | None) -> None:
        """Reserve one request and its probable tokens. Raises `QuotaExceeded` with the exact time to wait."""
        if not quotas:
            return
        amounts = {Metric.REQUESTS: 1, Metric.TOKENS: self._probable_tokens(quotas, reading)}
        if reading is None:  # a request without text uses no tokens, so a full token window is not in its way
            quotas = [quota for quota in quotas if quota.metric is not Metric.TOKENS]
        admission = await self._ledger.admit(self._request_id, scope, quotas, amounts)
        self.headers = rate_limit_headers(admission.states)
        if not admission.admitted:
            raise _exceeded(admission, amounts)
        self._reserved = True

    def settle(self) -> None:
        """Correct the account to what was used. Does nothing where nothing was reserved; never waits."""
        if self._reserved:
            self._reserved = False
            self._ledger.settle(self._request_id, {Metric.REQUESTS: 1, Metric.TOKENS: self.tokens})

    def keep(self) -> None:
        """What was reserved is what the exchange is charged: the answer is made later."""
        self.tokens = self._expected

    def _probable_tokens(self, quotas: Sequence[Quota], reading: RequestReading | None) -> int:
        limit = tightest_limit(quotas, Metric.TOKENS)
        if limit is None or reading is None:
            return 0
        self.input_tokens = estimate_input_tokens(segment.text for segment in reading.segments)
        answers = reading.inputs * reading.choices
        self._expected = reserve_tokens(self.input_tokens, reading.output_tokens, answers, limit)
        return self._expected


def _exceeded(admission: Admission, amounts: dict[Metric, int]) -> QuotaExceeded:
    state = admission.denied
    assert state is not None  # noqa: S101 - a denial names its quota
    quota, metric = state.quota, state.quota.metric
    if admission.wait_ms is None:
        message = (
            f"the request is too large for the limit of {quota.limit:,} {metric.value} per {quota.window_s} s: "
            f"it may use {amounts[metric]:,}; send less, or lower max_completion_tokens"
        )
        return QuotaExceeded(message, metric=metric.value, retry=NEVER)
    message = (
        f"rate limit of {quota.limit:,} {metric.value} per {quota.window_s} s reached for this key "
        f"(used {state.used:,}, requested {amounts[metric]:,}); try again in {admission.wait_ms / 1000:.3f} s"
    )
    return QuotaExceeded(message, metric=metric.value, retry=Retry(after_ms=admission.wait_ms))
