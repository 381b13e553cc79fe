"""Reading the text format of Prometheus, strictly: what a collector would not take fails the test."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_HELP = re.compile(rf"# HELP ({_NAME}) (.*)")
_TYPE = re.compile(rf"# TYPE ({_NAME}) (counter|gauge|histogram)")
_VALUE = r'"((?:[^"\\]|\\[\\"n])*)"'
_LABEL = re.compile(rf"([a-zA-Z_][a-zA-Z0-9_]*)={_VALUE}")
_LINE = re.compile(rf"({_NAME})(?:\{{((?:[a-zA-Z_]\w*={_VALUE},?)*)\}})? (\S+)")
_UNESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}

Labels = frozenset[tuple[str, str]]


class Page(NamedTuple):
    """`kinds` by family, `values` by name and labels."""

    kinds: dict[str, str]
    values: dict[tuple[str, Labels], float]

    def value(self, name: str, labels: Mapping[str, str] | None = None) -> float:
        """0 for a series that is not there."""
        return self.values.get((name, frozenset((labels or {}).items())), 0.0)

    def of(self, name: str) -> dict[Labels, float]:
        """All series of a name."""
        return {labels: value for (found, labels), value in self.values.items() if found == name}


def read_page(text: str) -> Page:
    """Each family has its help, its type and then its samples, each series once."""
    kinds: dict[str, str] = {}
    values: dict[tuple[str, Labels], float] = {}
    assert text.endswith("\n")
    lines = iter(text[:-1].split("\n"))
    family = ""
    for line in lines:
        if (told := _HELP.fullmatch(line)) is not None:
            family = told[1]
            kind = _TYPE.fullmatch(next(lines))
            assert kind is not None, line
            assert kind[1] == family
            assert family not in kinds
            kinds[family] = kind[2]
            continue
        sample = _LINE.fullmatch(line)
        assert sample is not None, line
        name = sample[1]
        assert name.removeprefix(family) in (("_bucket", "_sum", "_count") if kinds[family] == "histogram" else ("",))
        labels = frozenset((label, _plain(value)) for label, value in _LABEL.findall(sample[2] or ""))
        assert (name, labels) not in values, line
        values[name, labels] = float(sample[4])
    return Page(kinds, values)


def _plain(value: str) -> str:
    return re.sub(r"\\.", lambda found: _UNESCAPED[found[0]], value)
