"""The cases of policies that are about to be taken over: a policy that does not do what its own cases say stays out.

They are played as `guardproxy test` plays them, in an event loop of their own, in the thread in which policies are read
and compiled. So exchanges go on meanwhile, and there is an end to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from guardproxy.core.choice import Choice
from guardproxy.policyfile.cases import Case

if TYPE_CHECKING:
    from guardproxy.cli.cases.stage import Stage

Shown = Sequence[tuple[Choice, Sequence[Case]]]


def failing_cases(policies: Shown, limit_s: float) -> list[str]:
    """What does not hold, each as `file:line:column: what`; a case that had no time left does not hold either."""
    return asyncio.run(_play(policies, limit_s))


async def _play(policies: Shown, limit_s: float) -> list[str]:
    from guardproxy.cli.cases.stage import open_stage

    failures: list[str] = []
    at = ""
    try:
        async with asyncio.timeout(limit_s):
            for choice, cases in policies:
                async with open_stage(choice, cases) as stage:
                    for case in cases:
                        at = case.where
                        for stream in (False, True):
                            failures += await _differences(stage, case, stream)
    except TimeoutError:
        failures.append(f"{at}: the cases took longer than {limit_s:g} s up to here; they were not all played")
    return failures


async def _differences(stage: Stage, case: Case, stream: bool) -> list[str]:
    from guardproxy.cli.cases.compare import differences

    found = differences(case.written, await stage.play(case, stream=stream), stream=stream)
    how = "streamed" if stream else "whole"
    return [f"{case.where}: the case '{case.written.case}' ({how}): {one.lines()[0]}" for one in found]
