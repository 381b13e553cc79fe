"""From slices to a table: medians over the turns, each ratio taken within its turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median, quantiles
from typing import Final, NamedTuple

from bench import BenchError
from bench.scenarios import SCENARIOS

FLOOR: Final = "floor"
# Events are sent singly; a subject's stream that arrives in clearly fewer reads was not read singly either.
FEWER_READS: Final = 1.25


class Slice(NamedTuple):
    """One measured turn of a subject: `units` are requests, or chunks of streams; `cpu_s` is what the subject used.

    `arrivals`: for each stream, when its first pieces of content arrived, in seconds since the request was sent.
    `times`: how long each request took to its last byte.
    """

    scenario: str
    subject: str
    turn: int
    cpu_s: float
    units: int
    reads: int
    wall_s: float
    arrivals: Sequence[Sequence[float]] = ()
    times: Sequence[float] = ()

    @property
    def cpu_us(self) -> float:
        """Microseconds of CPU for one unit."""
        return self.cpu_s * 1e6 / self.units


class Spread(NamedTuple):
    """A median over the turns, and between what two values the middle half of them lies."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        low, middle, high = quantiles(values, method="inclusive") if len(values) > 1 else [values[0]] * 3
        return Spread(middle, low, high)

    def shown(self, digits: int) -> str:
        return f"{self.median:.{digits}f} ({self.low:.{digits}f}-{self.high:.{digits}f})"


class Row(NamedTuple):
    """One subject in one scenario. `ratio` is to the floor of the same turn; `target` its allowed maximum, if any."""

    scenario: str
    subject: str
    cpu_us: Spread
    ratio: Spread
    rate: float
    units_a_read: float
    target: float | None

    @property
    def ok(self) -> bool | None:
        return None if self.target is None else self.ratio.median <= self.target


def summarise(slices: Iterable[Slice], targets: Mapping[str, float]) -> list[Row]:
    """A row for each scenario and subject, in the order measured. `targets` maps subjects to their largest ratio."""
    measured: dict[tuple[str, str], dict[int, Slice]] = {}
    for piece in slices:
        measured.setdefault((piece.scenario, piece.subject), {})[piece.turn] = piece
    return [
        _row(turns, measured[scenario, FLOOR], targets.get(subject) if SCENARIOS[scenario].judged else None)
        for (scenario, subject), turns in measured.items()
    ]


def _row(turns: Mapping[int, Slice], floor: Mapping[int, Slice], target: float | None) -> Row:
    if any(piece.cpu_s <= 0 for piece in floor.values()):
        raise BenchError("a slice is too short for the clock that counts CPU time; raise --seconds")
    pieces = list(turns.values())
    return Row(
        scenario=pieces[0].scenario,
        subject=pieces[0].subject,
        cpu_us=Spread.of([piece.cpu_us for piece in pieces]),
        ratio=Spread.of([piece.cpu_us / floor[number].cpu_us for number, piece in turns.items()]),
        rate=median(piece.units / piece.wall_s for piece in pieces),
        units_a_read=median(piece.units / piece.reads for piece in pieces),
        target=target,
    )


_COLUMNS: Final[tuple[tuple[str, Callable[[Row], str]], ...]] = (
    ("subject", lambda row: row.subject),
    ("CPU µs", lambda row: row.cpu_us.shown(0)),
    ("x floor", lambda row: row.ratio.shown(2)),
    ("target", lambda row: "" if row.target is None else f"<= {row.target:g}"),
    ("ok", lambda row: {None: "", True: "yes", False: "NO"}[row.ok]),
    ("per s", lambda row: f"{row.rate:,.0f}"),
)


def render(rows: Sequence[Row]) -> str:
    """A table for each scenario: median (middle half) over the turns."""
    return "\n\n".join(_table(name, [row for row in rows if row.scenario == name]) for name in _scenarios(rows))


def _scenarios(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.scenario for row in rows))


def _table(name: str, rows: Sequence[Row]) -> str:
    scenario = SCENARIOS[name]
    cells = [[title for title, _ in _COLUMNS], *([show(row) for _, show in _COLUMNS] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_COLUMNS))]
    lines = ["  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    notes = [
        f"  note: {row.subject} did not send chunks singly ({row.units_a_read:.1f} a read): it held some back, or fell "
        "behind, which makes a chunk look cheap"
        for row in rows
        if scenario.streamed and row.units_a_read > FEWER_READS
    ]
    return "\n".join([f"{name}, per {scenario.unit}: {scenario.title}", *(line.rstrip() for line in lines), *notes])


def as_json(rows: Sequence[Row]) -> list[dict[str, object]]:
    """The rows for a machine: microseconds, ratios, units a second."""
    return [
        {
            **row._asdict(),
            "cpu_us": row.cpu_us._asdict(),
            "ratio": row.ratio._asdict(),
            "unit": SCENARIOS[row.scenario].unit,
            "ok": row.ok,
        }
        for row in rows
    ]
