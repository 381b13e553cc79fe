"""What every ledger promises, whatever keeps the account: in memory, in Redis, in Valkey."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from guardproxy.core.quota import Metric, Period, Quota
from guardproxy.quota.model import Account, Charge, Ledger
from tests.quota.ledgers import LEASE_MS, admits, one, settled, used
from tests.support.stores import Clock

REQUESTS_A_MINUTE = Quota(Metric.REQUESTS, 60, 3)
TOKENS_A_MINUTE = Quota(Metric.TOKENS, 60, 1000)
COST_A_MONTH = Quota(Metric.COST, 0, 10**12, period=Period.MONTH)
TWO_AT_ONCE = Quota(Metric.CONCURRENCY, 0, 2)
BOTH = one(REQUESTS_A_MINUTE, TOKENS_A_MINUTE)


def spends(requests: int, tokens: int) -> Charge:
    return {Metric.REQUESTS: requests, Metric.TOKENS: tokens}


async def test_a_denied_request_leaves_no_trace_in_any_account(ledger: Ledger) -> None:
    team = Account("team", [TOKENS_A_MINUTE, COST_A_MONTH])
    key = Account("key", [REQUESTS_A_MINUTE])
    await ledger.admit("first", (key, team), {**spends(1, 900), Metric.COST: 5})
    before = await used(ledger, (key, team))
    denied = await ledger.admit("second", (key, team), {**spends(1, 101), Metric.COST: 5})
    assert not denied.admitted
    assert denied.denied is not None
    assert denied.denied.quota is TOKENS_A_MINUTE
    assert before == await used(ledger, (key, team)) == [1, 900, 5]


async def test_an_overrun_is_written_above_the_limit_and_blocks_until_the_told_millisecond(
    ledger: Ledger, clock: Clock
) -> None:
    await ledger.admit("first", BOTH, spends(1, 10))
    ledger.settle("first", spends(1, 5000))
    await settled(ledger)
    denied = await ledger.admit("second", BOTH, spends(1, 10))
    assert [state.used for state in denied.states] == [1, 5000]
    assert [state.remaining for state in denied.states] == [2, 0]
    assert denied.wait_ms is not None
    clock.ms += denied.wait_ms - 1
    assert not (await ledger.admit("third", BOTH, spends(1, 10))).admitted
    clock.ms += 1
    assert (await ledger.admit("third", BOTH, spends(1, 10))).admitted


async def test_a_request_larger_than_the_whole_limit_never_fits(ledger: Ledger) -> None:
    denied = await ledger.admit("huge", BOTH, spends(1, 1001))
    assert denied.denied is not None
    assert denied.denied.quota is TOKENS_A_MINUTE
    assert denied.wait_ms is None


async def test_settling_none_keeps_the_reservation_and_a_second_ending_changes_nothing(ledger: Ledger) -> None:
    await ledger.admit("r", BOTH, spends(1, 400))
    ledger.settle("r", None)
    ledger.settle("r", spends(0, 0))
    ledger.cancel("r")
    assert await used(ledger, BOTH) == [1, 400]


async def test_a_metric_that_is_not_settled_stands_as_reserved(ledger: Ledger) -> None:
    await ledger.admit("r", BOTH, spends(1, 400))
    ledger.settle("r", {Metric.TOKENS: 30})
    assert await used(ledger, BOTH) == [1, 30]


async def test_a_negative_settlement_counts_as_zero_and_a_negative_charge_is_an_error(ledger: Ledger) -> None:
    await ledger.admit("r", BOTH, spends(1, 400))
    ledger.settle("r", {Metric.TOKENS: -30})
    assert await used(ledger, BOTH) == [1, 0]
    with pytest.raises(ValueError, match="never negative"):
        await ledger.admit("s", BOTH, spends(-1, 0))


async def test_a_cancelled_request_gets_everything_back(ledger: Ledger) -> None:
    accounts = one(REQUESTS_A_MINUTE, TOKENS_A_MINUTE, TWO_AT_ONCE)
    await ledger.admit("r", accounts, spends(1, 400))
    assert await used(ledger, accounts) == [1, 400, 1]
    ledger.cancel("r")
    assert await used(ledger, accounts) == [0, 0, 0]


async def test_admitting_a_running_request_again_charges_nothing(ledger: Ledger) -> None:
    first = await ledger.admit("r", BOTH, spends(3, 400))
    again = await ledger.admit("r", BOTH, spends(3, 400))
    assert again == first


async def test_without_quotas_everything_is_admitted_and_nothing_kept(ledger: Ledger) -> None:
    assert (await ledger.admit("r", (), spends(1, 1))) == (True, (), None, None, (), False)
    ledger.settle("r", spends(1, 1))
    assert ledger.unsettled == 0


async def test_changing_a_limit_keeps_what_was_used(ledger: Ledger) -> None:
    await ledger.admit("r", one(REQUESTS_A_MINUTE), spends(3, 0))
    raised = one(Quota(Metric.REQUESTS, 60, 4))
    assert [await admits(ledger, f"s{n}", raised, spends(1, 0)) for n in range(2)] == [True, False]


async def test_a_limit_taken_away_and_put_back_still_knows_what_was_used(ledger: Ledger) -> None:
    await ledger.admit("r", BOTH, spends(1, 400))
    await ledger.admit("s", one(REQUESTS_A_MINUTE), spends(1, 400))
    assert await used(ledger, BOTH) == [2, 400]


@pytest.mark.parametrize("limits", [(9, 1), (1, 9)])
async def test_two_limits_on_one_window_count_once_and_the_tighter_refuses(
    ledger: Ledger, limits: tuple[int, int]
) -> None:
    twice = one(*(Quota(Metric.REQUESTS, 60, limit) for limit in limits))
    admitted = await ledger.admit("r", twice, spends(1, 0))
    assert sorted((state.used, state.remaining) for state in admitted.states) == [(1, 0), (1, 8)]
    denied = await ledger.admit("s", twice, spends(1, 0))
    assert denied.denied is not None
    assert denied.denied.quota.limit == 1
    ledger.cancel("r")
    assert await used(ledger, twice) == [0, 0]


async def test_a_shadowed_limit_refuses_nothing_but_tells_and_counts(ledger: Ledger) -> None:
    shadow = Quota(Metric.REQUESTS, 60, 1, shadow=True)
    accounts = one(shadow, TOKENS_A_MINUTE)
    assert (await ledger.admit("a", accounts, spends(1, 1))).shadowed == ()
    second = await ledger.admit("b", accounts, spends(1, 1))
    assert (second.admitted, second.shadowed) == (True, (shadow,))
    assert [state.used for state in second.states] == [2, 2]
    denied = await ledger.admit("c", accounts, spends(1, 999))
    assert denied.denied is not None
    assert denied.denied.quota is TOKENS_A_MINUTE


async def test_no_more_run_at_once_than_may_and_an_end_makes_room(ledger: Ledger) -> None:
    accounts = one(TWO_AT_ONCE)
    first, second = await ledger.admit("a", accounts, {}), await ledger.admit("b", accounts, {})
    assert [s.states[0].used for s in (first, second)] == [1, 2]
    denied = await ledger.admit("c", accounts, {})
    assert (denied.admitted, denied.wait_ms) == (False, 0)
    ledger.cancel("c")
    ledger.settle("a", None)
    assert await used(ledger, accounts) == [1]
    assert (await ledger.admit("c", accounts, {})).admitted


async def test_an_orphan_is_charged_what_was_said_until_it_is_settled_after_all(ledger: Ledger, clock: Clock) -> None:
    accounts = one(Quota(Metric.TOKENS, 86_400, 1000), Quota(Metric.REQUESTS, 86_400, 10), TWO_AT_ONCE)
    await ledger.admit("lost", accounts, spends(1, 600), {Metric.TOKENS: 40})
    clock.ms += LEASE_MS
    again = await ledger.admit("next", accounts, spends(1, 1))
    assert [state.used for state in again.states] == [41, 2, 1]
    ledger.settle("lost", {Metric.TOKENS: 70})  # its proxy was only cut off
    assert await used(ledger, accounts) == [71, 2, 1]
    ledger.settle("lost", spends(0, 0))
    assert await used(ledger, accounts) == [71, 2, 1]


async def test_an_orphan_that_is_cancelled_after_all_has_used_nothing(ledger: Ledger, clock: Clock) -> None:
    accounts = one(Quota(Metric.TOKENS, 86_400, 1000), Quota(Metric.REQUESTS, 86_400, 10))
    await ledger.admit("lost", accounts, spends(1, 600), {Metric.TOKENS: 40})
    clock.ms += LEASE_MS
    await ledger.admit("next", accounts, spends(1, 1))
    ledger.cancel("lost")
    assert await used(ledger, accounts) == [1, 1]


async def test_a_calendar_budget_begins_anew_at_midnight_of_its_zone(ledger: Ledger, clock: Clock) -> None:
    zurich = ZoneInfo("Europe/Zurich")
    budget = one(Quota(Metric.COST, 0, 100, period=Period.DAY, zone="Europe/Zurich"))
    clock.ms = int(datetime(2026, 3, 28, 23, 0, tzinfo=zurich).timestamp() * 1000)
    assert await admits(ledger, "a", budget, {Metric.COST: 100})
    denied = await ledger.admit("b", budget, {Metric.COST: 1})
    assert denied.wait_ms == 3_600_000
    clock.ms += denied.wait_ms - 1
    assert not await admits(ledger, "b", budget, {Metric.COST: 1})
    clock.ms += 1
    assert await admits(ledger, "b", budget, {Metric.COST: 100})
    # The clocks go forward on this day: it has 23 hours.
    denied = await ledger.admit("c", budget, {Metric.COST: 1})
    assert denied.wait_ms == 23 * 3_600_000
    assert denied.states[0].reset_ms == 23 * 3_600_000


async def test_what_ends_after_midnight_is_settled_in_the_period_it_began(ledger: Ledger, clock: Clock) -> None:
    clock.ms = int(datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC).timestamp() * 1000)
    budget = one(COST_A_MONTH)
    await ledger.admit("a", budget, {Metric.COST: 700})
    clock.ms += 2000
    await ledger.admit("b", budget, {Metric.COST: 1})
    ledger.settle("a", {Metric.COST: 900})
    assert await used(ledger, budget) == [1]


async def test_looking_changes_nothing(ledger: Ledger) -> None:
    await ledger.admit("a", BOTH, spends(1, 1))
    for _ in range(3):
        assert [state.used for state in await ledger.look(BOTH)] == [1, 1]
    assert (await ledger.look(one(REQUESTS_A_MINUTE, scope="other")))[0][1:] == (0, 3, 0)


async def test_the_traffic_of_one_key_changes_only_what_it_belongs_to(ledger: Ledger) -> None:
    team = Account("team:red", [TOKENS_A_MINUTE])
    ada, bob = (Account(f"key:{name}", [REQUESTS_A_MINUTE]) for name in ("ada", "bob"))
    await ledger.admit("a", (ada, team), spends(1, 10))
    assert await used(ledger, (ada, bob, team)) == [1, 0, 10]
