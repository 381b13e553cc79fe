"""What hostile text costs for each character, as a ratio to ordinary prose in the same run.

Streamed it comes in chunks of twelve characters and is compared to prose that does. As a whole text it is compared to
prose that is read in one piece and to its end: what can be passed over in whole prose is a gift that says nothing of
what the engine costs, and how many times dearer than such prose a hostile text is stands in its note. Prose is read in
between, under a policy of its own, whose memory the hostile text does not touch.

A text is read until it ends or its time is over. Whole texts are read at twice the length again and again and the
longest counts, so that a cost that grows with the length shows; one that takes far too long is stopped, and then what
it took so far is the least it costs.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Final, NamedTuple

from bench.engine.chunks import SIZE, warm_up
from bench.engine.figures import Figure, Section
from bench.engine.hostile_inputs import Input, hostile_inputs, match_examples
from bench.engine.hostile_policies import hostile_policies
from bench.engine.packs import BOTH_PACKS, detectors, loaded, open_guard, written
from bench.engine.supply import Supply, pieces_of
from bench.ordinary_text import Kind
from guardproxy.core.policy import Detector, Policy
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.load import read_policy

MOST_RATIO: Final = 10.0
LIMIT_S: Final = 0.6
WARM_UP: Final = 30_000
WARM_UP_ORDINARY: Final = 200_000
SLICE: Final = 3_000
LEAST: Final = 256
NEEDED: Final = WARM_UP + WARM_UP_ORDINARY + 40 * 3 * SLICE

Say = Callable[[str], None]


class Cost(NamedTuple):
    """CPU seconds for so many characters. `least`: it was stopped before it had read them all, so it is dearer."""

    seconds: float
    characters: int
    least: bool = False

    @property
    def us(self) -> float:
        """Microseconds of CPU for one character."""
        return self.seconds * 1e6 / self.characters

    def with_more(self, more: Cost) -> Cost:
        return Cost(self.seconds + more.seconds, self.characters + more.characters)


NOTHING: Final = Cost(0.0, 0)


def streamed(policy: Policy, text: str, limit_s: float) -> Cost:
    """One stream of chunks, until its end or the limit."""
    guard = open_guard(policy)
    read = 0
    before = time.process_time()
    deadline = time.perf_counter() + limit_s
    for chunk in pieces_of(text, SIZE):
        guard.feed(chunk)
        read += len(chunk)
        if time.perf_counter() > deadline:
            break
    else:
        guard.finish()
    return Cost(time.process_time() - before, read)


def whole(policy: Policy, text: str, limit_s: float) -> Cost:
    """The longest of ever longer beginnings of the text that was tried within the limit."""
    using = detectors(policy)
    began = time.process_time()
    length = min(LEAST, len(text))
    while True:
        cost = _whole(using, text[:length], 4 * limit_s)
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


class Ordinary:
    """Prose, read now and then in between: what a character of it costs so far.

    `streamed` in chunks; `full` as a whole, each character; `whole` as a whole, as `Detector.scan` does it.
    """

    def __init__(self, policy: Policy, supply: Supply) -> None:
        self._policy, self._supply = policy, supply
        self.streamed = self.full = self.whole = NOTHING

    def read(self) -> None:
        self.streamed = self.streamed.with_more(streamed(self._policy, self._supply.prose(SLICE), LIMIT_S))
        self.full = self.full.with_more(self._each_text(_read_in_full))
        self.whole = self.whole.with_more(self._each_text(lambda detector, text: detector.scan(text)))

    def _each_text(self, read: Callable[[Detector, str], object]) -> Cost:
        texts = self._supply.texts(Kind.PROSE, SLICE)
        before = time.process_time()
        for text in texts:
            for detector in detectors(self._policy):
                read(detector, text)
        return Cost(time.process_time() - before, sum(map(len, texts)))


def _read_in_full(detector: Detector, text: str) -> None:
    scanner = detector.scanner()
    scanner.feed(text)
    scanner.finish()


class Attack(NamedTuple):
    """What one hostile text cost. `refused`: why there is nothing to attack, as the policy was not loaded."""

    name: str
    streamed: Cost = NOTHING
    whole: Cost = NOTHING
    refused: str = ""


def attack(name: str, policy: Policy, text: Input, limit_s: float = LIMIT_S) -> Attack:
    """Streamed, then another one of its kind as a whole text."""
    random = Random(name)
    return Attack(
        name,
        streamed(policy, text.make(random, text.characters), limit_s),
        whole(policy, text.make(random, text.characters), limit_s),
    )


def attack_packs(attacked: Policy, ordinary: Ordinary) -> Iterator[Attack]:
    """All hostile texts against both packs; prose in between."""
    with written(BOTH_PACKS) as file:
        templates = match_examples(read_policy(file))
    for text in hostile_inputs(templates):
        ordinary.read()
        yield attack(text.name, attacked, text)


def attack_policies(ordinary: Ordinary) -> Iterator[Attack]:
    """Each hostile policy with its own text; prose in between."""
    for one in hostile_policies():
        ordinary.read()
        try:
            policy = loaded(one.policy)
        except ConfigurationError as error:
            yield Attack(one.name, refused=error.message.partition("\n")[0])
        else:
            yield attack(one.name, policy, one.text)


def summarise(attacks: Iterable[Attack], ordinary: Ordinary) -> list[Figure]:
    """A figure for each, the dearest first: streamed or whole, whichever is worse."""
    figures = [_figure(one, ordinary) for one in attacks]
    return sorted(figures, key=lambda figure: -figure.median)


def _figure(one: Attack, ordinary: Ordinary) -> Figure:
    if one.refused:
        return Figure(one.name, 0.0, "x", MOST_RATIO, note=f"refused when loaded: {one.refused}", digits=1)
    streamed_ratio, whole_ratio = one.streamed.us / ordinary.streamed.us, one.whole.us / ordinary.full.us
    note = (
        f"streamed {_told(streamed_ratio, one.streamed)}, whole {_told(whole_ratio, one.whole)}, "
        f"{one.whole.us / ordinary.whole.us:.1f} x scanned prose"
    )
    return Figure(one.name, max(streamed_ratio, whole_ratio), "x", MOST_RATIO, note=note, digits=1)


def _told(ratio: float, cost: Cost) -> str:
    if cost.least:
        return f"over {ratio:.1f} (stopped after {cost.seconds:.1f} s in {cost.characters:,} characters)"
    return f"{ratio:.1f} ({cost.us:.2f} µs, {cost.characters:,} read)"


def measure(policy: Policy, supply: Supply, say: Say) -> list[Section]:
    """`policy` is ordinary prose's own; what is attacked is loaded afresh."""
    attacked = loaded(BOTH_PACKS)
    warm_up(attacked, supply.prose(WARM_UP))
    warm_up(policy, supply.prose(WARM_UP_ORDINARY))
    ordinary = Ordinary(policy, supply)
    against_packs = list(attack_packs(attacked, ordinary))
    say("engine: hostile policies")
    against_policies = list(attack_policies(ordinary))
    prose = [
        Figure("ordinary prose, streamed", ordinary.streamed.us, "µs a character"),
        Figure("ordinary prose, whole", ordinary.full.us, "µs a character", note="every character read"),
        Figure("ordinary prose, scanned", ordinary.whole.us, "µs a character", note="as Detector.scan does it"),
    ]
    title = f"CPU for each character, x ordinary prose; {LIMIT_S:g} s or all of each text"
    return [
        Section("hostile text", title, [*prose, *summarise(against_packs, ordinary)]),
        Section(
            "hostile policies",
            "the same, each with the text that is worst for it",
            summarise(against_policies, ordinary),
        ),
    ]
