from __future__ import annotations

import asyncio

from guardproxy.core.exchange import Provenance, Segment
from guardproxy.core.inspection import inspect
from guardproxy.gateway.inspecting import inspected
from tests.support.policies import HIDDEN, SMALL


async def test_others_have_their_turns_while_a_long_text_is_inspected() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    long = [Segment(f"{HIDDEN} " * 20_000, Provenance.USER, ("text",))]
    task = asyncio.create_task(others())
    verdict = await inspected(SMALL, long)
    task.cancel()
    assert turns > 10
    assert verdict == inspect(SMALL, long)


async def test_a_short_text_costs_no_turn() -> None:
    ran = False

    def other() -> None:
        nonlocal ran
        ran = True

    asyncio.get_running_loop().call_soon(other)
    await inspected(SMALL, [Segment("all is well", Provenance.USER, ("text",))])
    assert not ran
