"""What a text costs that is served under the bound on what it may cost (`limits: matching_work`).

It takes the way a served text takes, until it is read or refused. What of it was free counts once for each exchange,
however long, so it is left out of what a character costs: the steps beyond what the characters themselves allow, which
are those that are free, and those done before it was asked whether they are too many. All of it together stands in the
note. An answer that streams is refused where it stands, and costs what its characters up to there cost; of a request,
or an answer that comes at once, all characters count.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from bench.engine.chunks import SIZE
from bench.engine.packs import open_guard, steps_of
from bench.engine.supply import pieces_of
from guardproxy.core.allowance import MATCHING_WORK
from guardproxy.core.exchange import Provenance, Segment
from guardproxy.core.inspection import inspect
from guardproxy.core.policy import Policy


class Held(NamedTuple):
    """CPU seconds and steps of work until a text was read, `refused`, or its time was over. `characters`: those that
    count; each allows `per_character` steps, None: any number.
    """

    seconds: float
    steps: int
    characters: int
    per_character: int | None
    refused: bool

    @property
    def us(self) -> float:
        """Microseconds of CPU for one character, beyond what is free."""
        allowed = self.steps if self.per_character is None else self.per_character * self.characters
        return self.seconds * 1e6 / self.characters * min(1.0, allowed / max(self.steps, 1))

    @property
    def told(self) -> str:
        how = "refused, of" if self.refused else "read,"
        return f"{how} {self.characters:,} characters, {self.seconds:.2f} s in all"


def held_streamed(policy: Policy, text: str, limit_s: float) -> Held:
    """As an answer in chunks, until its end, its refusal or the limit."""
    guard = open_guard(policy)
    before = steps_of(policy)
    read = 0
    began = time.process_time()
    for chunk in pieces_of(text, SIZE):
        guard.feed(chunk)
        read += len(chunk)
        if guard.blocked is not None or time.process_time() - began > limit_s:
            break
    else:
        guard.finish()
    seconds = time.process_time() - began
    refused = guard.blocked is not None and guard.blocked.id == MATCHING_WORK
    return Held(seconds, steps_of(policy) - before, read, policy.limits.matching_work, refused)


def held_whole(policy: Policy, text: str) -> Held:
    """As the text of an answer that comes at once."""
    before = steps_of(policy)
    began = time.process_time()
    verdict = inspect(policy, [Segment(text, Provenance.MODEL, ("choices", 0, "message", "content"))])
    seconds = time.process_time() - began
    refused = MATCHING_WORK in [finding.rule for finding in verdict.findings]
    return Held(seconds, steps_of(policy) - before, len(text), policy.limits.matching_work, refused)
