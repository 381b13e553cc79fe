"""Is a proxy at rest? What an exchange may leave behind is nothing: no task, no reservation, no busy connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from guardproxy.gateway.gateway import Gateway
from guardproxy.quota.ledger import MemoryLedger
from tests.support.upstream import SERVING, Upstream

Tasks = frozenset["asyncio.Task[object]"]


def tasks() -> Tasks:
    """The tasks of this loop, without those that are only connections of the scripted upstream."""
    return frozenset(task for task in asyncio.all_tasks() if task.get_name() != SERVING)


async def until(condition: Callable[[], bool]) -> None:
    """Returns once `condition` holds. The deadline only turns a test that would hang into one that fails."""
    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.005)


async def at_rest(gateway: Gateway, upstream: Upstream | None, before: Tasks) -> None:
    """Asserts that nothing is left of any exchange; `before` are the tasks from before the first one."""
    ledger = gateway.ledger
    assert isinstance(ledger, MemoryLedger)
    await until(lambda: gateway.lifecycle.in_flight == 0)
    assert gateway.lifecycle.in_flight == 0
    assert ledger.unsettled == 0
    if upstream is not None:
        await until(lambda: upstream.busy == 0)
        assert upstream.busy == 0
    await until(lambda: tasks() <= before)
    assert tasks() - before == frozenset()
