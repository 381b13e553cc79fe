"""Figures held against targets, as tables for a person and as plain values for a program."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.corpus_report import table
from bench.results import Spread

_OK: Final = {None: "", True: "yes", False: "NO"}


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `target` is the most it may be, or with `at_least` the least; None: it is only told."""

    name: str
    value: Spread | float
    unit: str
    target: float | None = None
    at_least: bool = False
    note: str = ""
    digits: int = 2

    @property
    def median(self) -> float:
        return self.value.median if isinstance(self.value, Spread) else self.value

    @property
    def ok(self) -> bool | None:
        if self.target is None:
            return None
        return self.median >= self.target if self.at_least else self.median <= self.target

    @property
    def held(self) -> str:
        """The target as it is printed."""
        return "" if self.target is None else f"{'>=' if self.at_least else '<='} {self.target:g}"

    @property
    def shown(self) -> str:
        if isinstance(self.value, Spread):
            return self.value.shown(self.digits)
        return f"{self.value:,.{self.digits}f}"


@dataclass(frozen=True, slots=True)
class Section:
    """The figures of one part of the run, under a line that says what was done."""

    part: str
    title: str
    figures: Sequence[Figure]

    @property
    def missed(self) -> list[Figure]:
        return [figure for figure in self.figures if figure.ok is False]


def render(sections: Iterable[Section]) -> str:
    """A table for each section."""
    return "\n\n".join(_rendered(section) for section in sections)


def _rendered(section: Section) -> str:
    rows: list[Sequence[str]] = [("figure", "median (middle half)", "", "target", "ok", "")]
    rows += [(f.name, f.shown, f.unit, f.held, _OK[f.ok], f.note) for f in section.figures]
    return f"{section.part}: {section.title}\n{table(rows)}"


def as_json(sections: Iterable[Section]) -> list[dict[str, object]]:
    """The figures for a machine, flat."""
    return [
        {
            "part": section.part,
            "figure": figure.name,
            "value": figure.value._asdict() if isinstance(figure.value, Spread) else figure.value,
            "unit": figure.unit,
            "target": figure.target,
            "target_is": "least" if figure.at_least else "most",
            "ok": figure.ok,
            "note": figure.note,
        }
        for section in sections
        for figure in section.figures
    ]
