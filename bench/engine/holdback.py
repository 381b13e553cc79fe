"""How long text waits in a stream of ordinary prose that comes in chunks of the size of a token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from bench.engine.figures import Figure, Section
from bench.engine.packs import open_guard
from bench.engine.supply import Supply
from bench.ordinary_text import Kind
from guardproxy.core.policy import Policy

NEEDED: Final = 200_000
SIZES: Final = (4, 5)

MOST_MEAN: Final = 1.0
MOST_AT_99: Final = 6.0


@dataclass(slots=True)
class Waiting:
    """`held`: how often so many characters waited behind a chunk. `delays`: how many characters left so many chunks
    after the one they came in.
    """

    held: Counter[int] = field(default_factory=Counter)
    delays: Counter[int] = field(default_factory=Counter)


def token_sized(text: str, random: Random) -> Iterator[str]:
    """The text in chunks of four or five characters."""
    at = 0
    while at < len(text):
        size = random.choice(SIZES)
        yield text[at : at + size]
        at += size


def watch(policy: Policy, chunks: Sequence[str], waiting: Waiting) -> None:
    """Add what happens to one stream. What is still there behind the last chunk leaves with the event that ends it."""
    guard = open_guard(policy)
    came: list[int] = []  # the chunk of each character
    left = 0
    for number, chunk in enumerate(chunks):
        came += [number] * len(chunk)
        guard.feed(chunk)
        waiting.held[guard.held] += 1
        waiting.delays.update(number - then for then in came[left : len(came) - guard.held])
        left = len(came) - guard.held
    waiting.delays.update(len(chunks) - then for then in came[left:])


def mean(counts: Counter[int]) -> float:
    return sum(value * count for value, count in counts.items()) / counts.total()


def quantile(counts: Counter[int], share: float) -> int:
    """The least value that `share` of them do not exceed."""
    seen = 0
    for value, count in sorted(counts.items()):
        seen += count
        if seen >= share * counts.total():
            return value
    return max(counts)


def summarise(waiting: Waiting) -> list[Figure]:
    delays, held = waiting.delays, waiting.held
    return [
        Figure("delay of a character, mean", mean(delays), "chunks", MOST_MEAN),
        *(
            Figure(f"delay of a character, {percent} of 100", quantile(delays, percent / 100), "chunks", most, digits=0)
            for percent, most in ((50, None), (90, None), (99, MOST_AT_99))
        ),
        Figure("delay of a character, longest", max(delays), "chunks", digits=0),
        Figure("held behind a chunk, mean", mean(held), "characters"),
        *(
            Figure(f"held behind a chunk, {percent} of 100", quantile(held, percent / 100), "characters", digits=0)
            for percent in (50, 90, 99)
        ),
        Figure("chunks with nothing held", 100 * held[0] / held.total(), "%", digits=0),
    ]


def measure(policy: Policy, supply: Supply) -> Section:
    """Every text a stream of its own."""
    random = Random("the same cuts each time")
    waiting = Waiting()
    texts = supply.texts(Kind.PROSE, NEEDED)
    for text in texts:
        watch(policy, list(token_sized(text, random)), waiting)
    title = f"{NEEDED:,} characters of prose in {len(texts)} streams, chunks of {SIZES[0]} or {SIZES[1]} characters"
    return Section("hold-back", title, summarise(waiting))
