"""Generated tables: numbers in rows, as spreadsheets, logs and programs write them, and nobody's number among them.

What people wrote (`bench.ordinary_text`) holds few of them, and they are where a rule for numbers is most often wrong:
ten digits in groups are a telephone number in one text of a hundred and a row of a matrix in the next. So they are a
kind of ordinary text of their own, with a budget of its own (`bench/tables.yaml`). They are the same each time: the
generator has a seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Final

from bench.ordinary_text import MOST, Kind, Piece

SHIPPED: Final = Path(__file__).parent / "tables.yaml"
_SEED: Final = 20_26

Row = Callable[[Random, int], str]
"""The row of a table that has this number."""


def _joined(separator: str, number: Callable[[Random], str], count: int) -> Row:
    return lambda random, _: separator.join([number(random) for _ in range(count)])


def _digits(count: int) -> Callable[[Random], str]:
    return lambda random: f"{random.randrange(10**count):0{count}d}"


def _counted(random: Random, at: int) -> str:
    return " ".join([f"{at * 10 + one:02d}" for one in range(10)])


def _years(random: Random, at: int) -> str:
    return " ".join([str(1800 + (at * 8 + one) % 400) for one in range(8)])


def _prices(random: Random, at: int) -> str:
    return (
        f"{at + 1:3d}. {random.randint(1, 40):2d} x {random.randint(1, 99)}.{random.randint(0, 99):02d} EUR  "
        + " ".join([f"{random.randint(0, 999)},{random.randint(0, 99):02d}" for _ in range(4)])
    )


def _measured(random: Random, at: int) -> str:
    return f"{at * 0.05:.2f}\t" + "\t".join([f"{random.gauss(20, 8):.4f}" for _ in range(5)])


def _matrix(random: Random, at: int) -> str:
    return str([random.randint(0, 255) for _ in range(16)]) + ","


def _cells(random: Random, at: int) -> str:
    return ",".join([str(random.randrange(10 ** random.randint(1, 9))) for _ in range(8)])


def _logged(random: Random, at: int) -> str:
    day, second, milli = f"2026-11-{1 + at % 28:02d}", 1_700_000_000 + at * 37, random.randrange(1000)
    clock = f"{at % 24:02d}:{at * 7 % 60:02d}:{at * 13 % 60:02d},{milli:03d}"
    return f"{day} {clock} {second} {second}{milli:03d} {random.randint(1, 9999)} ms"


def _versions(random: Random, at: int) -> str:
    now = ".".join([str(random.randint(0, most)) for most in (40, 99, 30)])
    before = ".".join([str(random.randint(0, most)) for most in (9, 99, 9, 2000)])
    return f"package-{at}=={now}  (was {before})"


def _bingo(random: Random, at: int) -> str:
    return " ".join([f"{one:02d}" for one in sorted(random.sample(range(1, 91), 5))])


def _dump(random: Random, at: int) -> str:
    return f"{at * 16:08x}  " + " ".join([f"{random.randrange(256):02x}" for _ in range(16)])


_TABLES: Final[Mapping[str, Row]] = {
    "counters": _counted,
    "years": _years,
    "prices": _prices,
    "measurements": _measured,
    "matrix": _matrix,
    "integers": _cells,
    "timestamps": _logged,
    "versions": _versions,
    "bingo": _bingo,
    "bytes": _dump,
    "numbers of two digits": _joined(" ", _digits(2), 20),
    "numbers of three digits": _joined(" ", _digits(3), 16),
    "numbers of four digits": _joined(" ", _digits(4), 12),
    "numbers of four digits, with hyphens": _joined("-", _digits(4), 12),
    "numbers of any length": _joined(" ", lambda random: str(random.randrange(10 ** random.randint(1, 9))), 10),
}


def tables(limit: int) -> list[Piece]:
    """About `limit` characters, as many of each table, always the same ones. 0: none."""
    random = Random(_SEED)
    pieces: list[Piece] = []
    rows = dict.fromkeys(_TABLES, 0)
    characters = 0
    for name in cycle(_TABLES):
        if characters >= limit:
            return pieces
        text = ""
        while len(line := _TABLES[name](random, rows[name]) + "\n") + len(text) <= MOST // 2:
            text += line
            rows[name] += 1
        pieces.append(Piece(Kind.TABLES, f"table of {name}", text))
        characters += len(text)
    raise AssertionError("there is no end of tables")
