"""A stop waits for exchanges, not for a clock."""

from __future__ import annotations

import asyncio

from guardproxy.gateway.lifecycle import Lifecycle


async def test_nothing_in_flight_drains_at_once() -> None:
    lifecycle = Lifecycle()
    lifecycle.ready = True
    assert await lifecycle.drain(0)
    assert (lifecycle.ready, lifecycle.draining) == (False, True)


async def test_draining_waits_for_the_last_exchange() -> None:
    lifecycle = Lifecycle()
    for _ in range(3):
        lifecycle.begin()
    draining = asyncio.create_task(lifecycle.drain(60))
    for left in (2, 1, 0):
        await asyncio.sleep(0)
        assert not draining.done()
        lifecycle.end()
        assert lifecycle.in_flight == left
    assert await draining


async def test_draining_gives_up_after_its_time_and_says_so() -> None:
    lifecycle = Lifecycle()
    lifecycle.begin()
    assert not await lifecycle.drain(0.01)
    assert lifecycle.in_flight == 1


async def test_an_exchange_that_begins_while_draining_is_waited_for_too() -> None:
    lifecycle = Lifecycle()
    lifecycle.begin()
    draining = asyncio.create_task(lifecycle.drain(60))
    await asyncio.sleep(0)
    lifecycle.begin()
    lifecycle.end()
    await asyncio.sleep(0)
    assert not draining.done()
    lifecycle.end()
    assert await draining
