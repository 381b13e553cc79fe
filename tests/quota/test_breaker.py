"""When a store is left alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.quota.breaker import AMONG, IN_A_ROW, WITHIN_MS, Breaker


def test_a_few_failures_in_a_row_open_it_once() -> None:
    breaker = Breaker()
    opened = [breaker.failed(0) for _ in range(IN_A_ROW + 3)]
    assert opened.index(True) == IN_A_ROW - 1
    assert sum(opened) == 1
    assert breaker.is_open


def test_half_of_the_last_ones_open_it_also_between_successes() -> None:
    breaker = Breaker()
    for now in range(AMONG - 2):
        if now % 2:
            assert not breaker.failed(now)
        else:
            breaker.succeeded(now)
    assert not breaker.is_open
    breaker.failed(AMONG)
    breaker.succeeded(AMONG)
    assert breaker.failed(AMONG)


def test_old_failures_do_not_open_it() -> None:
    breaker = Breaker()
    for number in range(10 * AMONG):
        now = number * WITHIN_MS
        breaker.succeeded(now)
        assert not breaker.failed(now)


def test_a_probe_that_succeeded_forgets_everything_before_it() -> None:
    breaker = Breaker()
    for _ in range(IN_A_ROW):
        breaker.failed(0)
    breaker.close()
    assert not breaker.is_open
    assert not any(breaker.failed(0) for _ in range(IN_A_ROW - 1))


@given(st.lists(st.booleans(), max_size=200))
def test_it_is_never_open_without_as_many_failures_as_it_takes(outcomes: list[bool]) -> None:
    breaker = Breaker()
    for now, failed in enumerate(outcomes):
        if failed:
            breaker.failed(now)
        else:
            breaker.succeeded(now)
        if breaker.is_open:
            assert sum(outcomes[: now + 1]) >= IN_A_ROW
            return
