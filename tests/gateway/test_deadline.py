"""A deadline is missed once, when it has come, and costs one timer."""

from __future__ import annotations

import asyncio
from math import inf

from guardproxy.gateway.deadline import Deadline
from tests.gateway.raw_server import on_every_loop, until


@on_every_loop
async def test_it_is_missed_once_when_it_has_come() -> None:
    loop, missed = asyncio.get_running_loop(), []
    deadline = Deadline(loop, lambda: missed.append(loop.time()))
    began = loop.time()
    deadline.set_in(0.05)
    await until(lambda: bool(missed))
    await asyncio.sleep(0.1)
    assert len(missed) == 1
    assert missed[0] >= began + 0.04  # loops round to milliseconds
    assert deadline.at == inf


@on_every_loop
async def test_it_moves_on_and_back() -> None:
    loop, missed = asyncio.get_running_loop(), []
    later = Deadline(loop, lambda: missed.append("later"))
    sooner = Deadline(loop, lambda: missed.append("sooner"))
    later.set_in(0.01)
    later.set_in(0.2)
    sooner.set_in(60)
    sooner.set_in(0.05)
    await until(lambda: len(missed) == 2)
    assert missed == ["sooner", "later"]


@on_every_loop
async def test_without_a_deadline_nothing_is_missed() -> None:
    loop, missed = asyncio.get_running_loop(), []
    cleared = Deadline(loop, lambda: missed.append("cleared"))
    cancelled = Deadline(loop, lambda: missed.append("cancelled"))
    for each in (cleared, cancelled):
        each.set_in(0.02)
    cleared.clear()
    cancelled.cancel()
    await asyncio.sleep(0.1)
    assert missed == []
    for each in (cleared, cancelled):
        each.set_in(0.02)
    await until(lambda: len(missed) == 2)


async def test_moving_it_on_arms_no_timer() -> None:
    loop = asyncio.get_running_loop()
    deadline = Deadline(loop, lambda: None)
    deadline.set_in(1)
    timers = len(loop._scheduled)  # type: ignore[attr-defined]
    for seconds in range(2, 100):
        deadline.clear()
        deadline.set_in(seconds)
    assert len(loop._scheduled) == timers  # type: ignore[attr-defined]
    deadline.cancel()
