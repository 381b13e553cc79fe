"""What every ledger promises, whatever keeps the account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from guardproxy.core.policy import Metric, Quota
from guardproxy.quota.estimate import reserve_tokens
from guardproxy.quota.ledger import MemoryLedger
from guardproxy.quota.model import Charge, Ledger

REQUESTS_A_MINUTE = Quota(Metric.REQUESTS, 60, 3)
TOKENS_A_MINUTE = Quota(Metric.TOKENS, 60, 1000)
BOTH = (REQUESTS_A_MINUTE, TOKENS_A_MINUTE)
PROBE: Charge = {}


class Clock:
    def __init__(self) -> None:
        self.ms = 1_000_000

    def __call__(self) -> int:
        return self.ms


LEDGERS: dict[str, Callable[[Callable[[], int]], Ledger]] = {"memory": MemoryLedger}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=sorted(LEDGERS))
def ledger(request: pytest.FixtureRequest, clock: Clock) -> Ledger:
    return LEDGERS[request.param](clock)


def spends(requests: int, tokens: int) -> Charge:
    return {Metric.REQUESTS: requests, Metric.TOKENS: tokens}


async def used(ledger: Ledger, scope: str = "key") -> list[int]:
    roomy = tuple(Quota(quota.metric, quota.window_s, 2**53) for quota in BOTH)
    admission = await ledger.admit("probe", scope, roomy, PROBE)
    ledger.cancel("probe")
    return [state.used for state in admission.states]


async def test_of_fifty_requests_at_once_exactly_as_many_pass_as_fit(ledger: Ledger) -> None:
    admissions = await asyncio.gather(
        *(ledger.admit(f"r{n}", "key", (TOKENS_A_MINUTE,), {Metric.TOKENS: 100}) for n in range(50))
    )
    assert sum(admission.admitted for admission in admissions) == 10


async def test_a_denied_request_leaves_no_trace_in_any_quota(ledger: Ledger) -> None:
    await ledger.admit("first", "key", BOTH, spends(1, 900))
    before = await used(ledger)
    denied = await ledger.admit("second", "key", BOTH, spends(1, 101))
    assert not denied.admitted
    assert denied.denied is not None
    assert denied.denied.quota is TOKENS_A_MINUTE
    assert before == await used(ledger) == [1, 900]


async def test_the_first_request_on_a_small_limit_is_admitted_though_the_client_sets_no_cap(ledger: Ledger) -> None:
    small = Quota(Metric.TOKENS, 60, 100)
    admission = await ledger.admit("r", "key", (small,), {Metric.TOKENS: reserve_tokens(20, None, 1, small.limit)})
    assert admission.admitted


async def test_ending_a_denied_or_unknown_request_frees_nothing(ledger: Ledger) -> None:
    await ledger.admit("first", "key", BOTH, spends(3, 10))
    assert not (await ledger.admit("second", "key", BOTH, spends(1, 10))).admitted
    ledger.cancel("second")
    ledger.settle("second", spends(0, 0))
    ledger.cancel("never heard of")
    assert await used(ledger) == [3, 10]


@pytest.mark.parametrize("amounts", [{}, spends(0, 0)])
async def test_an_amount_of_zero_is_denied_by_a_full_window(ledger: Ledger, amounts: Charge) -> None:
    await ledger.admit("first", "key", BOTH, spends(3, 10))
    assert not (await ledger.admit("second", "key", BOTH, amounts)).admitted


async def test_an_overrun_is_written_above_the_limit_and_blocks_until_it_slides_out(
    ledger: Ledger, clock: Clock
) -> None:
    await ledger.admit("first", "key", BOTH, spends(1, 10))
    ledger.settle("first", spends(1, 5000))
    await ledger.drain()
    denied = await ledger.admit("second", "key", BOTH, spends(1, 10))
    assert [state.used for state in denied.states] == [1, 5000]
    assert [state.remaining for state in denied.states] == [2, 0]
    assert denied.wait_ms is not None
    clock.ms += denied.wait_ms
    assert (await ledger.admit("third", "key", BOTH, spends(1, 10))).admitted


async def test_a_request_larger_than_the_whole_limit_never_fits(ledger: Ledger) -> None:
    denied = await ledger.admit("huge", "key", BOTH, spends(1, 1001))
    assert denied.denied is not None
    assert denied.denied.quota is TOKENS_A_MINUTE
    assert denied.wait_ms is None


async def test_settling_none_keeps_the_reservation_and_a_second_ending_changes_nothing(ledger: Ledger) -> None:
    await ledger.admit("r", "key", BOTH, spends(1, 400))
    ledger.settle("r", None)
    ledger.settle("r", spends(0, 0))
    ledger.cancel("r")
    assert await used(ledger) == [1, 400]


async def test_a_metric_that_is_not_settled_stands_as_reserved(ledger: Ledger) -> None:
    await ledger.admit("r", "key", BOTH, spends(1, 400))
    ledger.settle("r", {Metric.TOKENS: 30})
    assert await used(ledger) == [1, 30]


async def test_a_cancelled_request_gets_everything_back(ledger: Ledger) -> None:
    await ledger.admit("r", "key", BOTH, spends(1, 400))
    ledger.cancel("r")
    assert await used(ledger) == [0, 0]


async def test_admitting_a_running_request_again_charges_nothing(ledger: Ledger) -> None:
    first = await ledger.admit("r", "key", BOTH, spends(3, 400))
    again = await ledger.admit("r", "key", BOTH, spends(3, 400))
    assert again == first


async def test_without_quotas_everything_is_admitted_and_nothing_kept(ledger: Ledger) -> None:
    assert (await ledger.admit("r", "key", (), spends(1, 1))) == (True, (), None, None)
    ledger.settle("r", spends(1, 1))


async def test_changing_a_limit_keeps_what_was_used(ledger: Ledger) -> None:
    await ledger.admit("r", "key", (REQUESTS_A_MINUTE,), spends(3, 0))
    raised = (Quota(Metric.REQUESTS, 60, 4),)
    assert [(await ledger.admit(f"s{n}", "key", raised, spends(1, 0))).admitted for n in range(2)] == [True, False]


@pytest.mark.parametrize("limits", [(9, 1), (1, 9)])
async def test_of_two_limits_on_one_window_the_tighter_counts(ledger: Ledger, limits: tuple[int, int]) -> None:
    twice = tuple(Quota(Metric.REQUESTS, 60, limit) for limit in limits)
    admitted = await ledger.admit("r", "key", twice, spends(1, 0))
    assert [(state.used, state.remaining) for state in admitted.states] == [(1, 0)]
    assert not (await ledger.admit("s", "key", twice, spends(1, 0))).admitted
