"""What a streamed chunk of twelve characters costs, next to reading and writing its event with `json`."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from statistics import median, quantiles
from typing import Final, NamedTuple

from bench.engine.figures import Figure, Section
from bench.engine.packs import open_guard
from bench.engine.supply import Supply, pieces_of
from bench.results import Spread
from guardproxy.core.policy import Policy

SIZE: Final = 12
STREAM: Final = 200
STREAMS: Final = 6
ROUNDS: Final = 20
WARM_UP: Final = 400_000
NEEDED: Final = WARM_UP + ROUNDS * STREAMS * STREAM * SIZE

MOST_US: Final = 12.0
MOST_RATIO: Final = 1.0


class Round(NamedTuple):
    """Microseconds: of each chunk by itself, of each event by itself; CPU of whole streams for each chunk."""

    chunks: Sequence[float]
    events: Sequence[float]
    cpu: float

    @property
    def ratio(self) -> float:
        return median(self.chunks) / median(self.events)


def event(content: str) -> bytes:
    """A content event with the members that OpenAI's API sends by default."""
    body = {
        "id": "chatcmpl-0123456789abcdefghijABCDEFGHI",
        "object": "chat.completion.chunk",
        "created": 1741570283,
        "model": "gpt-5.2-2025-12-11",
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
        "choices": [{"index": 0, "delta": {"content": content}, "logprobs": None, "finish_reason": None}],
        "obfuscation": "abcdefgh",
    }
    return json.dumps(body, separators=(",", ":")).encode()


def warm_up(policy: Policy, text: str) -> None:
    """Read `text` as streams of chunks."""
    for stream in pieces_of(text, STREAM * SIZE):
        guard = open_guard(policy)
        for chunk in pieces_of(stream, SIZE):
            guard.feed(chunk)
        guard.finish()


def measure_round(policy: Policy, text: str) -> Round:
    """Stream after stream, and after each the events of the same chunks."""
    chunks: list[float] = []
    events: list[float] = []
    cpu = 0.0
    for stream in pieces_of(text, STREAM * SIZE):
        pieces = pieces_of(stream, SIZE)
        raw = [event(piece) for piece in pieces]
        cpu += _read(policy, pieces, chunks)
        for one in raw:
            began = time.perf_counter_ns()
            json.dumps(json.loads(one))
            events.append((time.perf_counter_ns() - began) / 1e3)
    return Round(chunks, events, cpu / len(chunks))


def _read(policy: Policy, pieces: Sequence[str], times: list[float]) -> float:
    """Add the time of each chunk to `times`; the CPU of the whole stream, opening and end included."""
    before = time.process_time_ns()
    guard = open_guard(policy)
    for piece in pieces:
        began = time.perf_counter_ns()
        guard.feed(piece)
        times.append((time.perf_counter_ns() - began) / 1e3)
    guard.finish()
    return (time.process_time_ns() - before) / 1e3


def summarise(rounds: Sequence[Round]) -> list[Figure]:
    chunks = [us for one in rounds for us in one.chunks]
    centiles = quantiles(chunks, n=100, method="inclusive")
    size = len(event("x" * SIZE))
    return [
        Figure("chunk", Spread.of([median(one.chunks) for one in rounds]), "µs", MOST_US),
        Figure("chunk / event", Spread.of([one.ratio for one in rounds]), "x", MOST_RATIO),
        Figure(
            "event",
            Spread.of([median(one.events) for one in rounds]),
            "µs",
            note=f"json.loads + json.dumps, {size} bytes",
        ),
        Figure(
            "chunk, mean",
            Spread.of([one.cpu for one in rounds]),
            "µs",
            note="CPU of whole streams, opening and end too",
        ),
        Figure("chunk, 99 of 100", centiles[98], "µs"),
        Figure("chunk, slowest", max(chunks), "µs", note=f"of {len(chunks):,}; other work of the machine included"),
    ]


def measure(policy: Policy, supply: Supply) -> Section:
    """`ROUNDS` rounds of fresh prose."""
    warm_up(policy, supply.prose(WARM_UP))
    rounds = [measure_round(policy, supply.prose(STREAMS * STREAM * SIZE)) for _ in range(ROUNDS)]
    title = (
        f"StreamGuard.feed, chunks of {SIZE} characters of fresh prose, streams of {STREAM} chunks; "
        f"warm-up {WARM_UP:,} other characters"
    )
    return Section("chunk", title, summarise(rounds))
