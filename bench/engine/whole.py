"""How fast whole texts are looked through: `Detector.scan` on messages of up to 4,000 characters."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice
from random import Random
from typing import Final, NamedTuple

from bench.engine.dense import dense_texts
from bench.engine.figures import Figure, Section
from bench.engine.packs import detectors
from bench.engine.supply import Supply
from bench.ordinary_text import MOST, Kind
from bench.results import Spread
from guardproxy.core.policy import Detector, Policy

ROUNDS: Final = 5
WARM_UP: Final = 60_000
ROUND: Final = 48_000
NEEDED: Final = WARM_UP + ROUNDS * ROUND
KINDS: Final = (Kind.PROSE, Kind.CODE, Kind.DOCUMENTATION)
DENSE: Final = "dense"

LEAST_MB_PER_S: Final = 1.5

_NOTES: Final = {
    Kind.PROSE: "doc strings, comments, the language reference",
    Kind.CODE: "Python, JavaScript, HTML, JSON",
    Kind.DOCUMENTATION: "read-mes, licences, metadata",
    DENSE: "links, addresses, numbers, identifiers: generated",
}


class Pass(NamedTuple):
    """Texts of one kind, read once: CPU seconds, bytes of UTF-8, spans found."""

    seconds: float
    bytes: int
    spans: int

    @property
    def mb_per_s(self) -> float:
        return self.bytes / 1e6 / self.seconds if self.seconds else 0.0


def read(using: Sequence[Detector], texts: Sequence[str]) -> Pass:
    before = time.process_time()
    spans = sum(len(detector.scan(text)) for text in texts for detector in using)
    seconds = time.process_time() - before
    return Pass(seconds, sum(len(text.encode("utf-8", "surrogatepass")) for text in texts), spans)


def together(passes: Sequence[Pass]) -> Pass:
    seconds, sizes, spans = zip(*passes, strict=True)
    return Pass(sum(seconds), sum(sizes), sum(spans))


def summarise(rounds: Sequence[dict[str, Pass]]) -> list[Figure]:
    """Each round maps a kind to its pass. All ordinary kinds together are held to the target, and dense text."""
    ordinary = [together([one[kind] for kind in KINDS]) for one in rounds]
    return [
        Figure("ordinary text", _speed(ordinary), "MB/s", LEAST_MB_PER_S, at_least=True, note="the three below, alike"),
        *(Figure(f"  {kind}", _speed([one[kind] for one in rounds]), "MB/s", note=_NOTES[kind]) for kind in KINDS),
        Figure(
            "dense text",
            _speed([one[DENSE] for one in rounds]),
            "MB/s",
            LEAST_MB_PER_S,
            at_least=True,
            note=f"{_NOTES[DENSE]}; {sum(one[DENSE].spans for one in rounds):,} findings",
        ),
    ]


def _speed(passes: Sequence[Pass]) -> Spread:
    return Spread.of([one.mb_per_s for one in passes])


def measure(policy: Policy, supply: Supply) -> Section:
    """Rounds in which the kinds take turns, each time with fresh text."""
    using = detectors(policy)
    dense = dense_texts(Random("dense"), MOST)
    read(using, [*(t for kind in KINDS for t in supply.texts(kind, WARM_UP)), *islice(dense, WARM_UP // MOST)])
    rounds = []
    for _ in range(ROUNDS):
        passes: dict[str, Pass] = {kind: read(using, supply.texts(kind, ROUND)) for kind in KINDS}
        passes[DENSE] = read(using, list(islice(dense, ROUND // MOST)))
        rounds.append(passes)
    title = (
        f"Detector.scan, texts of up to {MOST:,} characters, {ROUNDS * ROUND:,} fresh characters of each kind; "
        f"warm-up {WARM_UP:,} others"
    )
    return Section("whole", title, summarise(rounds))
