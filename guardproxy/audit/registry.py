"""Counters and histograms in memory, and their text for Prometheus.

Counting is one addition in a dictionary, done once at the end of an exchange; text is made only when somebody asks. No
family holds more than `MOST_SERIES` combinations of labels: what comes after that is counted as `other`, so that
nobody's names can fill the memory of this process or of the one that collects.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

MOST_SERIES: Final = 1000
OTHER: Final = "other"
_MICROS: Final = 1_000_000
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Kind = Literal["counter", "gauge", "histogram"]
LabelValues = tuple[str, ...]


class Family(NamedTuple):
    """What is told about one thing: its name, and the labels by which it is told apart."""

    name: str
    kind: Kind
    meaning: str
    labels: Sequence[str] = ()


class Sample(NamedTuple):
    """One line: `suffix` is what a histogram puts behind the family's name, `more` the labels it adds."""

    labels: LabelValues
    value: float
    suffix: str = ""
    more: Sequence[tuple[str, str]] = ()


class Counter:
    """Sums by label values. `add` is what the hot path calls."""

    __slots__ = ("_cells", "_other", "family")

    def __init__(self, family: Family) -> None:
        self.family = family
        self._cells: dict[LabelValues, float] = {}
        self._other = (OTHER,) * len(family.labels)

    def add(self, labels: LabelValues, amount: float = 1) -> None:
        cells = self._cells
        if labels not in cells and len(cells) >= MOST_SERIES:
            labels = self._other
        cells[labels] = cells.get(labels, 0) + amount

    def samples(self) -> Iterator[Sample]:
        for labels, value in self._cells.items():
            yield Sample(labels, value)


class Histogram:
    """How times are spread over buckets. `bounds` are the upper ends in seconds, each included, without infinity.

    Times are observed in whole microseconds, as they are measured, and told in seconds.
    """

    __slots__ = ("_bounds", "_cells", "_other", "_shown", "family")

    def __init__(self, family: Family, bounds: Sequence[float]) -> None:
        self.family = family
        self._shown = tuple(map(_number, bounds))
        self._bounds = tuple(round(bound * _MICROS) for bound in bounds)
        self._cells: dict[LabelValues, list[int]] = {}
        self._other = (OTHER,) * len(family.labels)

    def observe(self, labels: LabelValues, microseconds: int) -> None:
        cell = self._cells.get(labels)
        if cell is None:
            cell = self._begin(labels)
        cell[bisect_left(self._bounds, microseconds)] += 1
        cell[-1] += microseconds

    def samples(self) -> Iterator[Sample]:
        for labels, cell in self._cells.items():
            yield from self._told(labels, cell)

    def _begin(self, labels: LabelValues) -> list[int]:
        """A cell: how many fell into each bucket, the last of them without an end, then the sum of the times."""
        if len(self._cells) >= MOST_SERIES:
            labels = self._other
        return self._cells.setdefault(labels, [0] * (len(self._bounds) + 2))

    def _told(self, labels: LabelValues, cell: Sequence[int]) -> Iterator[Sample]:
        so_far = 0
        for bound, count in zip(self._shown, cell, strict=False):
            so_far += count
            yield Sample(labels, so_far, "_bucket", (("le", bound),))
        total = so_far + cell[len(self._bounds)]
        yield Sample(labels, total, "_bucket", (("le", "+Inf"),))
        yield Sample(labels, cell[-1] / _MICROS, "_sum")
        yield Sample(labels, total, "_count")


def exposition(told: Iterable[tuple[Family, Iterable[Sample]]]) -> str:
    """The text format of Prometheus, version 0.0.4. A family without samples is left out, but for its two comments."""
    lines: list[str] = []
    for family, samples in told:
        meaning = family.meaning.replace("\\", "\\\\").replace("\n", "\\n")
        lines += (f"# HELP {family.name} {meaning}", f"# TYPE {family.name} {family.kind}")
        lines += (_line(family, sample) for sample in samples)
    return "\n".join(lines) + "\n"


def _line(family: Family, sample: Sample) -> str:
    pairs = [*zip(family.labels, sample.labels, strict=True), *sample.more]
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs)
    return (
        f"{family.name}{sample.suffix}{{{labels}}} {_number(sample.value)}"
        if labels
        else (f"{family.name}{sample.suffix} {_number(sample.value)}")
    )


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
