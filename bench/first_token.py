"""How long a stream's first content waits in a proxy, in milliseconds and in chunks, next to the floor.

The floor passes everything on at once, so its streams say when the upstream's first, second, third chunk come to a
client. A subject's first content is held against these moments of the same turn: one that arrives before the floor's
second chunk does has waited for no chunk, one that arrives before the third has waited for one.

Two things make a content wait: what its first words may begin, which the text alone decides, and that the machine was
busy with other streams. A target is held against the median stream, and beside it stands how many of all streams kept
to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Final, NamedTuple

from bench import BenchError
from bench.corpus_report import table
from bench.results import FLOOR, Slice, Spread
from bench.scenarios import SCENARIOS

_OK: Final = {None: "", True: "yes", False: "NO"}


class FirstToken(NamedTuple):
    """One subject in one streamed scenario. Spreads of milliseconds are over the turns (of a turn its median stream).

    `chunks`: what the median stream waited for, `chunks_99` what 99 of 100 streams did not exceed. `within`: the share
    of the streams that waited for no more than the target.
    """

    scenario: str
    subject: str
    ms: Spread
    added_ms: Spread
    chunks: float
    chunks_99: int
    streams: int
    target: float | None
    within: float | None = None

    @property
    def ok_99(self) -> bool | None:
        """Whether 99 of 100 streams do."""
        return None if self.target is None else self.chunks_99 <= self.target

    @property
    def ok(self) -> bool | None:
        """Whether the median stream keeps to the target."""
        return None if self.target is None else self.chunks <= self.target


def waited(first: float, moments: Sequence[float]) -> int:
    """How many more chunks had come to the floor's clients when this content came; `moments`: when its chunks came."""
    return sum(moment <= first for moment in moments[1:])


def first_tokens(slices: Iterable[Slice], targets: Mapping[str, float]) -> list[FirstToken]:
    """A row for each streamed scenario and subject. `targets` maps subjects to the chunks they may wait for."""
    measured: dict[str, dict[str, list[Slice]]] = {}
    for piece in slices:
        if piece.arrivals:
            measured.setdefault(piece.scenario, {}).setdefault(piece.subject, []).append(piece)
    rows = []
    for scenario, subjects in measured.items():
        if FLOOR not in subjects:
            raise BenchError(f"{scenario}: without the floor nobody can say what a proxy adds")
        moments = {piece.turn: _moments(piece) for piece in subjects[FLOOR]}
        rows += [_row(pieces, moments, targets.get(name)) for name, pieces in subjects.items()]
    return rows


def _moments(floor: Slice) -> list[float]:
    """When the first, second, ... content came to the floor's median client."""
    noted = min(map(len, floor.arrivals))
    return [median(stream[number] for stream in floor.arrivals) for number in range(noted)]


def _row(pieces: Sequence[Slice], moments: Mapping[int, Sequence[float]], target: float | None) -> FirstToken:
    firsts = {piece.turn: median(stream[0] for stream in piece.arrivals) for piece in pieces}
    chunks = sorted(waited(stream[0], moments[piece.turn]) for piece in pieces for stream in piece.arrivals)
    return FirstToken(
        scenario=pieces[0].scenario,
        subject=pieces[0].subject,
        ms=Spread.of([first * 1e3 for first in firsts.values()]),
        added_ms=Spread.of([(first - moments[turn][0]) * 1e3 for turn, first in firsts.items()]),
        chunks=median(chunks),
        chunks_99=chunks[min(len(chunks) * 99 // 100, len(chunks) - 1)],
        streams=len(chunks),
        target=target,
        within=None if target is None else sum(count <= target for count in chunks) / len(chunks),
    )


def render(rows: Sequence[FirstToken]) -> str:
    """A table for each scenario."""
    return "\n\n".join(_table(name, [row for row in rows if row.scenario == name]) for name in _scenarios(rows))


def _scenarios(rows: Sequence[FirstToken]) -> list[str]:
    return list(dict.fromkeys(row.scenario for row in rows))


def _table(name: str, rows: Sequence[FirstToken]) -> str:
    gap_ms = SCENARIOS[name].gap_s * 1e3
    cells: list[Sequence[str]] = [
        ("subject", "ms", "added ms", "median waits", "target", "ok", "99 of 100 wait", "ok", "within", "streams")
    ]
    cells += [
        (
            row.subject,
            row.ms.shown(1),
            row.added_ms.shown(1),
            f"{row.chunks:g}",
            "" if row.target is None else f"<= {row.target:g}",
            _OK[row.ok],
            str(row.chunks_99),
            _OK[row.ok_99],
            "" if row.within is None else f"{row.within:.1%}",
            f"{row.streams:,}",
        )
        for row in rows
    ]
    return f"{name}, first content since the request was sent; chunks are {gap_ms:g} ms apart\n{table(cells)}"


def as_json(rows: Sequence[FirstToken]) -> list[dict[str, object]]:
    return [
        {**row._asdict(), "ms": row.ms._asdict(), "added_ms": row.added_ms._asdict(), "ok": row.ok, "ok_99": row.ok_99}
        for row in rows
    ]
