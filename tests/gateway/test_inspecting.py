from __future__ import annotations

import asyncio

from guardproxy.core.exchange import Provenance, Segment
from guardproxy.core.inspection import inspect
from guardproxy.core.verdict import Verdict
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
    looked = inspected(SMALL, long)
    assert not isinstance(looked, Verdict)
    verdict = await looked
    task.cancel()
    assert turns > 10
    assert verdict == inspect(SMALL, long)


def test_a_short_text_in_which_plainly_nothing_is_costs_no_turn() -> None:
    segments = [Segment("all is well", Provenance.USER, ("text",))]
    assert inspect(SMALL, segments) == inspected(SMALL, segments)
