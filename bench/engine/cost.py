"""What reading a text costs without a bound, streamed in chunks and as a whole text.

It is read until it ends or its time is over. A whole text is read at twice the length again and again and the longest
counts, so that a cost that grows with the length shows; one that takes far too long is stopped, and then what it took
so far is the least it costs.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from bench.engine.chunks import SIZE
from bench.engine.packs import detectors, open_guard, steps_of, uncapped
from bench.engine.supply import pieces_of
from guardproxy.core.allowance import FREE
from guardproxy.core.policy import MATCHING_WORK_PER_CHARACTER, Detector, Policy

LEAST: Final = 256


class Cost(NamedTuple):
    """CPU seconds for so many characters, and the steps of work that were counted. `least`: it was stopped before it
    had read them all, so it is dearer.
    """

    seconds: float
    characters: int
    least: bool = False
    steps: int = 0

    @property
    def us(self) -> float:
        """Microseconds of CPU for one character."""
        return self.seconds * 1e6 / self.characters

    @property
    def us_a_step(self) -> float | None:
        """Microseconds of CPU for one step; None where there are so few that reading is what takes the time."""
        return self.seconds * 1e6 / self.steps if self.steps > self.characters else None

    @property
    def over_the_bound(self) -> bool:
        """Whether it would be refused under the default of `limits: matching_work`."""
        return self.steps > FREE + MATCHING_WORK_PER_CHARACTER * self.characters

    def with_more(self, more: Cost) -> Cost:
        return Cost(self.seconds + more.seconds, self.characters + more.characters)


NOTHING: Final = Cost(0.0, 0)


def streamed(policy: Policy, text: str, limit_s: float) -> Cost:
    """One stream of chunks, until its end or the limit."""
    guard = open_guard(uncapped(policy))
    read, steps = 0, steps_of(policy)
    before = time.process_time()
    deadline = time.perf_counter() + limit_s
    for chunk in pieces_of(text, SIZE):
        guard.feed(chunk)
        read += len(chunk)
        if time.perf_counter() > deadline:
            break
    else:
        guard.finish()
    seconds = time.process_time() - before
    return Cost(seconds, read, steps=steps_of(policy) - steps)


def whole(policy: Policy, text: str, limit_s: float) -> Cost:
    """The longest of ever longer beginnings of the text that was tried within the limit."""
    using = detectors(policy)
    began = time.process_time()
    length = min(LEAST, len(text))
    while True:
        steps = steps_of(policy)
        cost = _whole(using, text[:length], 4 * limit_s)._replace(steps=steps_of(policy) - steps)
        # The next one takes twice as long or, where there is something wrong, four times.
        if length == len(text) or cost.least or time.process_time() - began + 2 * cost.seconds > limit_s:
            return cost
        length = min(2 * length, len(text))


def _whole(using: Sequence[Detector], text: str, stop_s: float) -> Cost:
    before = time.process_time()
    stopped = False
    try:
        with stopped_after(stop_s):
            for detector in using:
                detector.scan(text)
    except OutOfTime:
        stopped = True
    return Cost(time.process_time() - before, len(text), stopped)


class OutOfTime(Exception):
    """What was measured was stopped: it would have taken too long."""


@contextmanager
def stopped_after(seconds: float) -> Iterator[None]:
    """Raises OutOfTime inside the block when it takes longer; 0: never. For the main thread only.

    By the clock on the wall: a timer of CPU time would make Linux count this process's CPU in whole ticks from then on.
    """

    def stop(_signal: int, _frame: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
