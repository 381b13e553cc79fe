from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.identity.failures import FailureLimiter

ONE, OTHER = ip_address("192.0.2.1"), ip_address("192.0.2.2")


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.integers(1, 10))
def test_no_window_has_more_failures_without_a_wait_than_are_allowed(gaps: list[int], limit: int) -> None:
    limiter, now, began, free = FailureLimiter(limit, 60.0), 0.0, 0.0, 0
    for gap in gaps:
        now += gap
        if now - began >= 60:
            began, free = now, 0
        elif free == 0:
            began = now
        failure = limiter.failed(ONE, now)
        free += 1
        assert (failure.wait_s is None) is (free <= limit)
        assert failure.told is (free <= limit + 1)
        if failure.wait_s is not None:
            assert 0 < failure.wait_s <= 60
            assert began + 60 == now + failure.wait_s


def test_after_the_wait_an_address_may_fail_again() -> None:
    limiter = FailureLimiter(1, 10.0)
    assert limiter.failed(ONE, 0.0).wait_s is None
    assert limiter.failed(ONE, 4.0).wait_s == 6.0
    assert limiter.failed(ONE, 10.0).wait_s is None


def test_each_address_fails_by_itself_and_unknown_ones_together() -> None:
    limiter = FailureLimiter(1, 10.0)
    assert [limiter.failed(address, 0.0).wait_s for address in (ONE, OTHER, None, ONE, None)] == [
        None, None, None, 10.0, 10.0,
    ]  # fmt: skip


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_all_addresses_of_one_network_of_64_bits_are_one_source(one: int, other: int) -> None:
    limiter, network = FailureLimiter(1, 10.0), 0x20010DB8 << 96
    limiter.failed(IPv6Address(network + one), 0.0)
    assert limiter.failed(IPv6Address(network + other), 0.0).wait_s == 10.0
    assert limiter.failed(IPv6Address(network + (1 << 64) + other), 0.0).wait_s is None


@given(st.lists(st.integers(0, 2**32 - 1), max_size=300))
def test_what_is_remembered_is_bounded(addresses: list[int]) -> None:
    limiter = FailureLimiter(3, 60.0, most_sources=10)
    for now, address in enumerate(addresses):
        limiter.failed(IPv4Address(address), float(now))
        assert len(limiter) <= 10


def test_without_a_limit_every_failure_is_told_and_none_waits() -> None:
    limiter = FailureLimiter(None)
    assert {limiter.failed(ONE, 0.0) for _ in range(1000)} == {(None, True)}
    assert len(limiter) == 0
