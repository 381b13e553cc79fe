"""Inspecting without holding everybody else up: between two slices of a long text the event loop has its turn."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from guardproxy.core.exchange import Segment
from guardproxy.core.inspection import inspect_at_once, inspect_in_steps
from guardproxy.core.memo import Memo
from guardproxy.core.policy import Policy
from guardproxy.core.verdict import Verdict


async def inspected(
    policy: Policy, segments: Sequence[Segment], skipped: Collection[str] = (), memo: Memo | None = None
) -> Verdict:
    """`core.inspection.inspect` for a request or a whole answer. A short text costs no turn of the loop."""
    plain = inspect_at_once(policy, segments, skipped, memo)
    if plain is not None:
        return plain
    steps = inspect_in_steps(policy, segments, skipped, memo)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            verdict: Verdict = end.value
            return verdict
        await asyncio.sleep(0)
