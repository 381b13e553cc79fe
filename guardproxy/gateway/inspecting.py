"""Inspecting without holding everybody else up: between two slices of a long text the event loop has its turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Generator, Sequence

from guardproxy.core.exchange import Segment
from guardproxy.core.inspection import inspect_at_once, inspect_in_steps
from guardproxy.core.memo import Memo
from guardproxy.core.policy import Policy
from guardproxy.core.verdict import Verdict


def inspected(
    policy: Policy, segments: Sequence[Segment], skipped: Collection[str] = (), memo: Memo | None = None
) -> Verdict | Awaitable[Verdict]:
    """`core.inspection.inspect` for a request or a whole answer, or the promise of it: most verdicts are plain, and
    those are there at once.
    """
    plain = inspect_at_once(policy, segments, skipped, memo)
    return _in_turns(inspect_in_steps(policy, segments, skipped, memo)) if plain is None else plain


async def _in_turns(steps: Generator[None, None, Verdict]) -> Verdict:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            verdict: Verdict = end.value
            return verdict
        await asyncio.sleep(0)
