"""One exchange's claim on its quotas: reserved before it runs, settled whatever becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from guardproxy.core.exchange import RequestReading
from guardproxy.core.quota import Quota
from guardproxy.gateway.draft import Draft
from guardproxy.gateway.exceeded import exceeded
from guardproxy.quota.estimate import Usage, estimate_input_tokens, most_input_tokens, probable_output
from guardproxy.quota.headers import DEGRADED, rate_limit_headers
from guardproxy.quota.model import Ledger
from guardproxy.quota.plan import NO_PLAN, Plan

_NOTHING: Final = Usage(0, 0, 0)
# Characters that no ordinary text needs for one token: more of them than so many for each token that may be written
# means that the upstream does not keep to the cap it was given.
_MOST_CHARACTERS_PER_TOKEN: Final = 8


class Reservation:
    """Starts empty, so that it can be settled on every way out. `used` is what the exchange has used so far.

    `metered`: what the answer holds is charged; it is not where it was charged before. `output_cap`: tokens for each
    choice that have to be written into the request, None if the client's own cap holds or no limit is hard.
    `shadowed`: quotas in shadow mode that would have refused.
    """

    __slots__ = (
        "_expected", "_ledger", "_now_ms", "_plan", "_request_id", "_reserved", "headers", "input_tokens", "metered",
        "most_characters", "output_cap", "shadowed", "used",
    )  # fmt: skip

    def __init__(self, ledger: Ledger, request_id: str, now_ms: Callable[[], int]) -> None:
        self._ledger = ledger
        self._request_id = request_id
        self._now_ms = now_ms
        self._reserved = False
        self._plan = NO_PLAN
        self._expected = _NOTHING
        self.metered = True
        self.input_tokens = 0
        self.used = _NOTHING
        self.headers: dict[str, str] = {}
        self.output_cap: int | None = None
        self.most_characters: int | None = None
        self.shadowed: tuple[Quota, ...] = ()

    async def admit(self, plan: Plan, reading: RequestReading | None) -> None:
        """Reserve one request and its probable tokens.

        Raises `QuotaExceeded` with the exact time to wait, and `QuotaStoreUnavailable`.
        """
        if not plan.accounts:
            return
        self._plan = plan
        amounts, orphan = self._probable(plan, reading)
        admission = await self._ledger.admit(self._request_id, plan.accounts, amounts, orphan)
        self.headers = rate_limit_headers(admission.states)
        if not admission.admitted:
            raise exceeded(admission, amounts, self._now_ms())
        self._reserved = True
        if admission.degraded:
            self.headers.update(DEGRADED)
        self.shadowed = admission.shadowed

    def begun(self) -> None:
        """The request goes to the upstream. From here on its input counts, also if no answer comes."""
        self.used = Usage(self.input_tokens, 0, self.input_tokens)

    def refused(self) -> None:
        """The upstream refused the request before it read it."""
        self.used = _NOTHING

    def settle(self, draft: Draft) -> None:
        """Correct the account to what was used. Does nothing where nothing was reserved; never waits."""
        if not self._reserved:
            return
        self._reserved = False
        charged = self.charged()
        self._ledger.settle(self._request_id, charged)
        if self._plan.budget:
            draft.charged = charged
        if self.shadowed:
            draft.would_refuse = tuple(quota.id for quota in self.shadowed)

    def keep(self) -> None:
        """What was reserved is what the exchange is charged: the answer is made later."""
        self.used = self._expected

    def charged(self) -> dict[str, int]:
        """What the exchange is charged, as far as it has come."""
        read, written, total = self.used
        return self._plan.charge(read, written, total)

    def _probable(self, plan: Plan, reading: RequestReading | None) -> tuple[dict[str, int], dict[str, int] | None]:
        """What to reserve, and what to charge if this process dies."""
        if reading is None or not plan.of_text:
            return plan.charge(0, 0), None
        texts = [segment.text for segment in reading.segments]
        self.input_tokens = estimate_input_tokens(texts)
        reserved_input = most_input_tokens(texts) if plan.hard else self.input_tokens
        output = probable_output(plan, reserved_input, reading.output_tokens, reading.inputs * reading.choices)
        self._expected = Usage(self.input_tokens, output, self.input_tokens + output)
        if plan.hard:
            self._cap(output, reading)
        return plan.charge(reserved_input, output), plan.charge(self.input_tokens, 0)

    def _cap(self, output: int, reading: RequestReading) -> None:
        choices = max(1, reading.inputs * reading.choices)
        if reading.output_tokens is None:
            self.output_cap = max(1, output // choices)
        self.most_characters = output * _MOST_CHARACTERS_PER_TOKEN
