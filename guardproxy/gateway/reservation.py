"""One exchange's claim on its quotas: reserved before it runs, settled whatever becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, assert_never

from guardproxy.core.exchange import RequestReading
from guardproxy.core.quota import OnFailure, Quota
from guardproxy.gateway.draft import Draft
from guardproxy.gateway.exceeded import exceeded
from guardproxy.quota.estimate import Usage, most_input_tokens, probable_output
from guardproxy.quota.headers import DEGRADED, HeadersOf, rate_limit_headers
from guardproxy.quota.model import Ledger
from guardproxy.quota.plan import NO_PLAN, Plan
from guardproxy.quota.tokenizer import EstimatingTokenizer, Tokenizer

_NOTHING: Final = Usage(0, 0, 0)
_ESTIMATING: Final = EstimatingTokenizer()
# Tokens and their characters, of an answer of which no text is at hand.
_USUAL_SIZE: Final = (1, 4)
# Characters of an answer that tell how many tokens all of it takes.
_SAMPLE: Final = 2000
# Characters that no ordinary text needs for one token: more of them than so many for each token that may be written
# means that the upstream does not keep to the cap it was given.
_MOST_CHARACTERS_PER_TOKEN: Final = 8


class Reservation:
    """Starts empty, so that it can be settled on every way out. `used` is what the exchange has used so far.

    `metered`: what the answer holds is charged; it is not where it was charged before. `output_cap`: tokens for each
    choice that have to be written into the request, None if the client's own cap holds or no limit is hard.
    `shadowed`: quotas in shadow mode that would have refused. `asks_usage`: the request asks the upstream for its
    usage, which the client did not. `running`: it went to the upstream. `sample`: text of the answer, as far as known.
    """

    asks_usage = running = False
    metered = True
    input_tokens = 0
    used = _NOTHING
    headers: Mapping[str, str] = MappingProxyType({})
    output_cap: int | None = None
    most_characters: int | None = None
    shadowed: tuple[Quota, ...] = ()
    sample: Callable[[], str] = str
    _reserved = _free = _degraded = False
    _plan = NO_PLAN
    _expected = _NOTHING
    _model = ""
    _answers = 1
    _told: int | None = None
    _uncounted: RequestReading | None = None

    def __init__(
        self,
        ledger: Ledger,
        request_id: str,
        now_ms: Callable[[], int],
        tokenizer: Tokenizer = _ESTIMATING,
        headers_of: HeadersOf = rate_limit_headers,
    ) -> None:
        self._ledger = ledger
        self._request_id = request_id
        self._now_ms = now_ms
        self._tokenizer = tokenizer
        self._headers_of = headers_of

    async def admit(self, plan: Plan, reading: RequestReading | None, usual: int | None = None) -> None:
        """Reserve one request and its probable tokens. `usual`: how long the key's answers are, where that is known.

        Raises `QuotaExceeded` with the exact time to wait, and `QuotaStoreUnavailable`.
        """
        self._uncounted = reading
        if not plan.accounts:
            return
        self._plan = plan
        if reading is not None and plan.of_text:
            self._uncounted = None
            texts = [segment.text for segment in reading.segments]
            count = self._tokenizer.count
            if self._tokenizer.is_long(reading.model, texts):
                self.input_tokens = await asyncio.to_thread(count, reading.model, texts)
            else:
                self.input_tokens = count(reading.model, texts)
            amounts, orphan = self._probable(plan, reading, texts, usual)
        else:
            amounts, orphan = plan.charge(0, 0), None
        admission = await self._ledger.admit(self._request_id, plan.accounts, amounts, orphan)
        headers = self._headers_of(admission.states)
        self.headers = {**headers, **DEGRADED} if admission.degraded and admission.admitted else headers
        if not admission.admitted:
            raise exceeded(admission, amounts, self._now_ms())
        self._reserved = True
        self._degraded = admission.degraded
        self.shadowed = admission.shadowed

    def begun(self) -> None:
        """The request goes to the upstream. From here on its input counts, also if no answer comes."""
        self.running = True
        self.used = Usage(self.input_tokens, 0, self.input_tokens)

    @property
    def of_text(self) -> bool:
        """Whether a quota counts what only texts use."""
        return self._plan.of_text

    @property
    def answers(self) -> int:
        """How many answers the request asks for, of which each has its own length."""
        return self._answers

    def failed(self, charged: OnFailure) -> None:
        """No answer came, and nobody knows whether one was made. What is known by now stands."""
        if self.used != Usage(self.input_tokens, 0, self.input_tokens):
            return
        match charged:
            case OnFailure.INPUT:
                pass
            case OnFailure.RESERVED:
                self.used = self._expected
            case OnFailure.NOTHING:
                self.used = _NOTHING
            case _:
                assert_never(charged)

    def forgive(self) -> None:
        """The request was blocked, and the policy does not count such."""
        self._free = True

    def read_tokens(self) -> int:
        """Tokens of the request: as a quota had them counted, or else now. A long text is only estimated then."""
        reading, self._uncounted = self._uncounted, None
        if reading is not None:
            texts = [segment.text for segment in reading.segments]
            tokenizer = _ESTIMATING if self._tokenizer.is_long(reading.model, texts) else self._tokenizer
            self.input_tokens = tokenizer.count(reading.model, texts)
        return self.input_tokens

    def written_tokens(self, characters: int) -> int:
        """Tokens of so many characters of the answer, told from the `sample` of it: once, for caller and account."""
        if self._told is None:
            sample = self.sample()[:_SAMPLE]
            tokens, of = (self._tokenizer.count(self._model, [sample]), len(sample)) if sample else _USUAL_SIZE
            self._told = -(-tokens * characters // of)
        return self._told

    def refused(self) -> None:
        """The upstream refused the request before it read it."""
        self.used = _NOTHING

    def settle(self, draft: Draft) -> None:
        """Correct the account to what was used. Does nothing where nothing was reserved; never waits."""
        if not self._reserved:
            return
        self._reserved = False
        draft.admitted = "degraded" if self._degraded else "admitted"
        if self._free:
            self._ledger.cancel(self._request_id)
            return
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

    def _probable(
        self, plan: Plan, reading: RequestReading, texts: Sequence[str], usual: int | None
    ) -> tuple[dict[str, int], dict[str, int]]:
        """What to reserve, and what to charge if this process dies."""
        self._model = reading.model
        self._answers = max(1, reading.inputs * reading.choices)
        reserved_input = most_input_tokens(texts) if plan.hard else self.input_tokens
        output = probable_output(plan, reserved_input, reading.output_tokens, self._answers, usual)
        self._expected = Usage(self.input_tokens, output, self.input_tokens + output)
        if plan.hard:
            self._cap(output, reading)
        return plan.charge(reserved_input, output), plan.charge(self.input_tokens, 0)

    def _cap(self, output: int, reading: RequestReading) -> None:
        if reading.output_tokens is None:
            self.output_cap = max(1, output // self._answers)
        self.most_characters = output * _MOST_CHARACTERS_PER_TOKEN
