"""What hostile text costs for each character, as a ratio to ordinary prose in the same run.

Streamed it comes in chunks of twelve characters and is compared to prose that does. As a whole text it is compared to
prose that is read in one piece and to its end: what can be passed over in whole prose is a gift that says nothing of
what the engine costs, and how many times dearer than such prose a hostile text is stands in its note. Prose is read in
between, under a policy of its own, whose memory the hostile text does not touch.

Text is served under a bound on what it may cost (`limits: matching_work`), which ends what costs more. So the figure is
what a character costs under the default bound (`bench.engine.held`). What it would cost without one stands in the note
(`bench.engine.cost`), and what a step of counted work took.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Final, NamedTuple

from bench.engine.chunks import warm_up
from bench.engine.cost import NOTHING, Cost, streamed, whole
from bench.engine.figures import Figure, Section
from bench.engine.held import Held, held_streamed, held_whole
from bench.engine.hostile_inputs import Input, hostile_inputs, match_examples
from bench.engine.hostile_policies import hostile_policies
from bench.engine.packs import BOTH_PACKS, detectors, served, written
from bench.engine.supply import Supply
from bench.ordinary_text import Kind
from guardproxy.core.allowance import FREE
from guardproxy.core.policy import Detector, Policy
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.load import read_policy

MOST_RATIO: Final = 10.0
LIMIT_S: Final = 0.6
WARM_UP: Final = 30_000
WARM_UP_ORDINARY: Final = 200_000
SLICE: Final = 3_000
NEEDED: Final = WARM_UP + WARM_UP_ORDINARY + 40 * 3 * SLICE

Say = Callable[[str], None]


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
    """What one hostile text cost. `held`: the same under a bound, streamed and whole. `refused`: why there is nothing
    to attack, as the policy was not loaded.
    """

    name: str
    streamed: Cost = NOTHING
    whole: Cost = NOTHING
    refused: str = ""
    held: tuple[Held, Held] | None = None


def attack(name: str, policy: Policy, text: Input, limit_s: float = LIMIT_S) -> Attack:
    """Streamed, then another one of its kind as a whole text; under the bound first, then without one."""
    random = Random(name)
    held = (
        held_streamed(policy, text.make(random, text.characters), limit_s),
        held_whole(policy, text.make(random, text.characters)),
    )
    return Attack(
        name,
        streamed(policy, text.make(random, text.characters), limit_s),
        whole(policy, text.make(random, text.characters), limit_s),
        held=held,
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
            policy = served(one.policy)
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
    ratios = one.streamed.us / ordinary.streamed.us, one.whole.us / ordinary.full.us
    note = (
        f"streamed {_told(ratios[0], one.streamed)}, whole {_told(ratios[1], one.whole)}, "
        f"{one.whole.us / ordinary.whole.us:.1f} x scanned prose"
    )
    if one.held is not None:
        in_chunks, at_once = one.held
        ratios = in_chunks.us / ordinary.streamed.us, at_once.us / ordinary.full.us
        under = f"streamed {ratios[0]:.1f} ({in_chunks.told}), whole {ratios[1]:.1f} ({at_once.told})"
        note = f"{under}; WITHOUT A BOUND {note}"
    return Figure(one.name, max(ratios), "x", MOST_RATIO, note=note, digits=1)


def _told(ratio: float, cost: Cost) -> str:
    if cost.least:
        return f"over {ratio:.1f} (stopped after {cost.seconds:.1f} s in {cost.characters:,} characters)"
    step = "" if cost.us_a_step is None else f", {cost.us_a_step:.2f} µs a step"
    ends = ", over the default bound" if cost.over_the_bound else ""
    return f"{ratio:.1f} ({cost.us:.2f} µs, {cost.characters:,} read{step}{ends})"


def measure(policy: Policy, supply: Supply, say: Say) -> list[Section]:
    """`policy` is ordinary prose's own; what is attacked is loaded afresh."""
    attacked = served(BOTH_PACKS)
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
    under = (
        "as it is served: CPU for each character under the default of matching_work, beyond the "
        f"{FREE:,} steps that are free, x ordinary prose; at most {LIMIT_S:g} s of each text"
    )
    return [
        Section("hostile text", under, [*prose, *summarise(against_packs, ordinary)]),
        Section(
            "hostile policies",
            f"each with the text that is worst for it, {under}",
            summarise(against_policies, ordinary),
        ),
    ]
