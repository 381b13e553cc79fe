"""What is reserved is settled, once, with what was used."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from guardproxy.core.exchange import Provenance, RequestReading, Segment
from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.core.quota import Metric, OnFailure, Period, Quota
from guardproxy.errors import QuotaExceeded
from guardproxy.gateway.draft import Draft
from guardproxy.gateway.reservation import Reservation
from guardproxy.quota.estimate import Usage
from guardproxy.quota.ledger import MemoryLedger
from guardproxy.quota.plan import Plan, Planner
from guardproxy.quota.price import Price, PriceTable
from tests.support.gateway import NOON_MS

REQUESTS = Quota(Metric.REQUESTS, 60, 2)
TOKENS = Quota(Metric.TOKENS, 60, 1000)
BOTH = (REQUESTS, TOKENS)


def reading(characters: int = 30, output_tokens: int | None = 10, choices: int = 1) -> RequestReading:
    segments = (Segment("x" * characters, Provenance.USER, ("text",)),)
    return RequestReading("m", False, segments, choices=choices, output_tokens=output_tokens)


def planned(*quotas: Quota, prices: PriceTable | None = None) -> Plan:
    """The plan of a key's request under these quotas."""
    policy = Policy("p", "r", quotas=quotas)
    return Planner(prices).plan(policy, Principal("k1", "ada"), "m", True)


class Thirds:
    """A tokenizer whose tokens have three characters; from a thousand on it must not be asked on the loop."""

    def __init__(self) -> None:
        self.threads: list[int] = []

    def count(self, model: str, texts: Sequence[str]) -> int:
        self.threads.append(threading.get_ident())
        return sum(len(text) // 3 for text in texts)

    def is_long(self, model: str, texts: Sequence[str]) -> bool:
        return sum(map(len, texts)) >= 1000


def make(ledger: MemoryLedger, number: int = 1, tokenizer: Thirds | None = None) -> Reservation:
    return Reservation(ledger, f"req_{number}", lambda: NOON_MS, tokenizer or Thirds())


async def left(ledger: MemoryLedger, quota: Quota) -> int:
    probe = await ledger.admit("probe", planned(quota).accounts, {})
    ledger.cancel("probe")
    return probe.states[0].remaining


async def test_without_quotas_nothing_is_reserved() -> None:
    ledger = MemoryLedger(lambda: 0)
    reservation = make(ledger)
    await reservation.admit(planned(), reading())
    assert (reservation.headers, ledger.unsettled) == ({}, 0)


async def test_input_and_allowed_output_of_every_choice_are_reserved() -> None:
    ledger = MemoryLedger(lambda: 0)
    reservation = make(ledger)
    await reservation.admit(planned(*BOTH), reading(30, 50, choices=2))
    assert reservation.input_tokens == 10
    assert reservation.headers["x-ratelimit-remaining-requests"] == "1"
    assert reservation.headers["x-ratelimit-remaining-tokens"] == "890"
    assert ledger.unsettled == 1


async def test_settling_corrects_the_account_to_what_was_used_and_does_so_once() -> None:
    ledger = MemoryLedger(lambda: 0)
    reservation = make(ledger)
    await reservation.admit(planned(*BOTH), reading(30, 500))
    reservation.used = Usage(0, 7, 7)
    reservation.settle(Draft("req_1"))
    assert (await left(ledger, TOKENS), await left(ledger, REQUESTS)) == (993, 1)
    reservation.used = Usage(0, 500, 500)
    reservation.settle(Draft("req_1"))
    assert (await left(ledger, TOKENS), ledger.unsettled) == (993, 0)


async def test_what_never_ran_costs_a_request_and_no_tokens() -> None:
    ledger = MemoryLedger(lambda: 0)
    reservation = make(ledger)
    await reservation.admit(planned(*BOTH), reading())
    reservation.settle(Draft("req_1"))
    assert (await left(ledger, TOKENS), await left(ledger, REQUESTS)) == (1000, 1)


async def test_settling_what_was_never_reserved_does_nothing() -> None:
    ledger = MemoryLedger(lambda: 0)
    make(ledger).settle(Draft("req_1"))
    assert ledger.unsettled == 0


async def test_a_used_up_limit_is_refused_with_the_time_to_wait_and_reserves_nothing() -> None:
    ledger = MemoryLedger(lambda: 0)
    for number in range(2):
        reservation = make(ledger, number)
        await reservation.admit(planned(REQUESTS), reading())
        reservation.settle(Draft("req_1"))
    refused = make(ledger, 3)
    with pytest.raises(QuotaExceeded) as caught:
        await refused.admit(planned(REQUESTS), reading())
    error = caught.value
    assert (error.type, error.status) == ("requests", 429)
    assert error.retry.after_ms is not None
    assert error.retry.after_ms >= 60_000
    assert "2 requests per 60 s" in error.message
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    refused.settle(Draft("req_1"))
    assert ledger.unsettled == 0


async def test_what_can_never_fit_is_told_not_to_come_back() -> None:
    with pytest.raises(QuotaExceeded) as caught:
        await make(MemoryLedger(lambda: 0)).admit(planned(*BOTH), reading(30, 5000))
    assert caught.value.type == "tokens"
    assert not caught.value.retry.allowed
    assert "fewer output tokens" in caught.value.message


async def test_a_request_without_text_is_not_held_up_by_a_full_token_window() -> None:
    ledger = MemoryLedger(lambda: 0)
    full = make(ledger)
    await full.admit(planned(*BOTH), reading(30, 990))
    full.used = Usage(0, 1000, 1000)
    full.settle(Draft("req_1"))
    look = make(ledger, 2)
    await look.admit(planned(REQUESTS), None)
    assert look.headers["x-ratelimit-remaining-requests"] == "0"


async def test_every_input_is_answered_by_every_choice() -> None:
    ledger = MemoryLedger(lambda: 0)
    reservation = make(ledger)
    await reservation.admit(planned(*BOTH), reading(30, 10, choices=2)._replace(inputs=3))
    assert await left(ledger, TOKENS) == 1000 - (10 + 10 * 2 * 3)


async def test_what_is_made_later_is_charged_what_was_reserved_for_it() -> None:
    ledger = MemoryLedger(lambda: 0)
    reservation = make(ledger)
    await reservation.admit(planned(*BOTH), reading(30, 10))
    reservation.keep()
    reservation.settle(Draft("req_1"))
    assert await left(ledger, TOKENS) == 1000 - 20


async def test_a_dead_process_leaves_the_input_charged_and_no_output() -> None:
    clock = [0]
    ledger = MemoryLedger(lambda: clock[0], lease_ms=1000)
    plan = planned(Quota(Metric.TOKENS, 86_400, 1000), Quota(Metric.REQUESTS, 86_400, 5))
    await make(ledger).admit(plan, reading(30, 500))
    clock[0] = 1000
    assert [state.used for state in await ledger.look(plan.accounts)] == [10, 1]


async def test_money_is_reserved_and_settled_by_the_price_of_the_model() -> None:
    prices = PriceTable([Price(("m",), input=2_000_000_000, output=8_000_000_000)])
    ledger = MemoryLedger(lambda: 0)
    plan = planned(Quota(Metric.COST, 0, 10**12, period=Period.MONTH), prices=prices)
    reservation = make(ledger)
    await reservation.admit(plan, reading(30, 100))
    assert (await ledger.look(plan.accounts))[0].used == 10 * 2000 + 100 * 8000
    reservation.used = Usage(12, 5, 17)
    reservation.settle(Draft("req_1"))
    assert (await ledger.look(plan.accounts))[0].used == 12 * 2000 + 5 * 8000


async def test_under_a_hard_limit_the_answer_is_capped_so_that_no_exchange_can_exceed_it() -> None:
    ledger = MemoryLedger(lambda: 0)
    plan = planned(Quota(Metric.TOKENS, 60, 1000, hard=True))
    reservation = make(ledger)
    await reservation.admit(plan, reading(30, None))
    reserved = (await ledger.look(plan.accounts))[0].used
    assert reservation.output_cap == 250
    assert reserved == 30 + 16 + 250  # a token for every byte, and for what stands around a text
    assert reservation.most_characters == 2000
    own = make(ledger, 2)
    await own.admit(plan, reading(30, 100))
    assert own.output_cap is None
    assert own.most_characters == 800


async def test_a_shadowed_quota_lets_through_and_is_told() -> None:
    ledger = MemoryLedger(lambda: 0)
    shadow = Quota(Metric.REQUESTS, 60, 1, shadow=True)
    for number in range(2):
        reservation = make(ledger, number)
        await reservation.admit(planned(shadow), reading())
    assert reservation.shadowed == (shadow,)
    assert reservation.headers == {}


async def test_long_texts_are_counted_in_another_thread_and_short_ones_at_once() -> None:
    tokenizer = Thirds()
    await make(MemoryLedger(lambda: 0), 1, tokenizer).admit(planned(*BOTH), reading(30))
    long = make(MemoryLedger(lambda: 0), 2, tokenizer)
    await long.admit(planned(Quota(Metric.TOKENS, 60, 10**6)), reading(3000))
    assert long.input_tokens == 1000
    here = threading.get_ident()
    assert [thread == here for thread in tokenizer.threads] == [True, False]


async def test_what_answers_usually_take_is_reserved_where_the_client_sets_no_cap() -> None:
    plan = planned(Quota(Metric.TOKENS, 60, 100_000))
    for usual, output in ((None, 256), (700, 700)):
        ledger = MemoryLedger(lambda: 0)
        await make(ledger).admit(plan, reading(30, None), usual)
        assert (await ledger.look(plan.accounts))[0].used == 10 + output


@pytest.mark.parametrize(("charged", "used"), [(OnFailure.INPUT, 10), (OnFailure.RESERVED, 60), (OnFailure.NOTHING, 0)])
async def test_a_request_without_an_answer_is_charged_as_the_policy_says(charged: OnFailure, used: int) -> None:
    ledger = MemoryLedger(lambda: 0)
    reservation = make(ledger)
    await reservation.admit(planned(*BOTH), reading(30, 50))
    reservation.begun()
    reservation.failed(charged)
    reservation.settle(Draft("req_1"))
    assert await left(ledger, TOKENS) == 1000 - used
    assert await left(ledger, REQUESTS) == 1


async def test_what_is_known_stands_whatever_the_policy_says_of_failures() -> None:
    reservation = make(MemoryLedger(lambda: 0))
    await reservation.admit(planned(*BOTH), reading(30, 50))
    reservation.begun()
    reservation.used = Usage(12, 8, 20)
    reservation.failed(OnFailure.NOTHING)
    assert reservation.used == Usage(12, 8, 20)
    reservation.refused()
    reservation.failed(OnFailure.RESERVED)
    assert reservation.used == Usage(0, 0, 0)


async def test_what_is_forgiven_costs_nothing_at_all() -> None:
    ledger = MemoryLedger(lambda: 0)
    reservation = make(ledger)
    await reservation.admit(planned(*BOTH), reading())
    reservation.forgive()
    reservation.settle(Draft("req_1"))
    assert (await left(ledger, TOKENS), await left(ledger, REQUESTS), ledger.unsettled) == (1000, 2, 0)


def test_tokens_of_an_answer_follow_from_the_part_of_it_that_is_known_and_are_told_once() -> None:
    reservation = make(MemoryLedger(lambda: 0))
    reservation.sample = lambda: "x" * 300
    assert reservation.written_tokens(900) == 300
    assert reservation.written_tokens(1200) == 300
    assert make(MemoryLedger(lambda: 0)).written_tokens(10) == 3


async def test_tokens_of_a_request_that_no_quota_counts_are_counted_when_somebody_asks() -> None:
    counting = Thirds()
    one = make(MemoryLedger(lambda: 0), tokenizer=counting)
    await one.admit(planned(REQUESTS), reading(30))
    assert counting.threads == []
    assert one.input_tokens == 0
    assert [one.read_tokens(), one.read_tokens(), one.input_tokens] == [10, 10, 10]
    assert len(counting.threads) == 1


async def test_a_long_request_that_no_quota_counts_is_only_estimated() -> None:
    counting = Thirds()
    one = make(MemoryLedger(lambda: 0), tokenizer=counting)
    await one.admit(planned(), reading(3000))
    assert one.read_tokens() > 0
    assert counting.threads == []


async def test_tokens_that_a_quota_had_counted_are_not_counted_again() -> None:
    counting = Thirds()
    one = make(MemoryLedger(lambda: 0), tokenizer=counting)
    await one.admit(planned(TOKENS), reading(30))
    assert (one.read_tokens(), len(counting.threads)) == (10, 1)
