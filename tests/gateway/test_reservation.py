"""What is reserved is settled, once, with what was used."""

from __future__ import annotations

import pytest

from guardproxy.core.exchange import Provenance, RequestReading, Segment
from guardproxy.core.policy import Metric, Quota
from guardproxy.errors import QuotaExceeded
from guardproxy.gateway.reservation import Reservation
from guardproxy.quota.ledger import MemoryLedger

REQUESTS = Quota(Metric.REQUESTS, 60, 2)
TOKENS = Quota(Metric.TOKENS, 60, 1000)
BOTH = (REQUESTS, TOKENS)


def reading(characters: int = 30, output_tokens: int | None = 10, choices: int = 1) -> RequestReading:
    segments = (Segment("x" * characters, Provenance.USER, ("text",)),)
    return RequestReading("m", False, segments, choices=choices, output_tokens=output_tokens)


def make(ledger: MemoryLedger, number: int = 1) -> Reservation:
    return Reservation(ledger, f"req_{number}")


async def left(ledger: MemoryLedger, quota: Quota) -> int:
    probe = await ledger.admit("probe", "k1", (quota,), {})
    ledger.cancel("probe")
    return probe.states[0].remaining


async def test_without_quotas_nothing_is_reserved() -> None:
    ledger = MemoryLedger(lambda: 0)
    reservation = make(ledger)
    await reservation.admit("k1", (), reading())
    assert (reservation.headers, ledger.unsettled) == ({}, 0)


async def test_input_and_allowed_output_of_every_choice_are_reserved() -> None:
    ledger = MemoryLedger(lambda: 0)
    reservation = make(ledger)
    await reservation.admit("k1", BOTH, reading(30, 50, choices=2))
    assert reservation.input_tokens == 10
    assert reservation.headers["x-ratelimit-remaining-requests"] == "1"
    assert reservation.headers["x-ratelimit-remaining-tokens"] == "890"
    assert ledger.unsettled == 1


async def test_settling_corrects_the_account_to_what_was_used_and_does_so_once() -> None:
    ledger = MemoryLedger(lambda: 0)
    reservation = make(ledger)
    await reservation.admit("k1", BOTH, reading(30, 500))
    reservation.tokens = 7
    reservation.settle()
    assert (await left(ledger, TOKENS), await left(ledger, REQUESTS)) == (993, 1)
    reservation.tokens = 500
    reservation.settle()
    assert (await left(ledger, TOKENS), ledger.unsettled) == (993, 0)


async def test_what_never_ran_costs_a_request_and_no_tokens() -> None:
    ledger = MemoryLedger(lambda: 0)
    reservation = make(ledger)
    await reservation.admit("k1", BOTH, reading())
    reservation.settle()
    assert (await left(ledger, TOKENS), await left(ledger, REQUESTS)) == (1000, 1)


async def test_settling_what_was_never_reserved_does_nothing() -> None:
    ledger = MemoryLedger(lambda: 0)
    make(ledger).settle()
    assert ledger.unsettled == 0


async def test_a_used_up_limit_is_refused_with_the_time_to_wait_and_reserves_nothing() -> None:
    ledger = MemoryLedger(lambda: 0)
    for number in range(2):
        reservation = make(ledger, number)
        await reservation.admit("k1", (REQUESTS,), reading())
        reservation.settle()
    refused = make(ledger, 3)
    with pytest.raises(QuotaExceeded) as caught:
        await refused.admit("k1", (REQUESTS,), reading())
    error = caught.value
    assert (error.type, error.status) == ("requests", 429)
    assert error.retry.after_ms is not None
    assert error.retry.after_ms >= 60_000
    assert "2 requests per 60 s" in error.message
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    refused.settle()
    assert ledger.unsettled == 0


async def test_what_can_never_fit_is_told_not_to_come_back() -> None:
    with pytest.raises(QuotaExceeded) as caught:
        await make(MemoryLedger(lambda: 0)).admit("k1", BOTH, reading(30, 5000))
    assert caught.value.type == "tokens"
    assert not caught.value.retry.allowed
    assert "max_completion_tokens" in caught.value.message


async def test_a_request_without_text_is_not_held_up_by_a_full_token_window() -> None:
    ledger = MemoryLedger(lambda: 0)
    full = make(ledger)
    await full.admit("k1", BOTH, reading(30, 990))
    full.tokens = 1000
    full.settle()
    look = make(ledger, 2)
    await look.admit("k1", BOTH, None)
    assert look.headers["x-ratelimit-remaining-requests"] == "0"


async def test_every_input_is_answered_by_every_choice() -> None:
    ledger = MemoryLedger(lambda: 0)
    reservation = make(ledger)
    await reservation.admit("k1", BOTH, reading(30, 10, choices=2)._replace(inputs=3))
    assert await left(ledger, TOKENS) == 1000 - (10 + 10 * 2 * 3)


async def test_what_is_made_later_is_charged_what_was_reserved_for_it() -> None:
    ledger = MemoryLedger(lambda: 0)
    reservation = make(ledger)
    await reservation.admit("k1", BOTH, reading(30, 10))
    reservation.keep()
    reservation.settle()
    assert await left(ledger, TOKENS) == 1000 - 20
