"""The incident file: blocked exchanges awaiting review, one JSON object per line, appended and never rewritten.

How a line gets there is said in `line_file`. A line that a crash or a full disk tore stays, and the reader says which
line it could not use and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec

from guardproxy.audit.json_line import json_line
from guardproxy.audit.line_file import LineFile
from guardproxy.audit.record import Incident

LINE_LIMIT: Final = 1 << 20
RANDOM_BYTES: Final = 10

_CROCKFORD: Final = "0123456789abcdefghjkmnpqrstvwxyz"

_decoder: Final = msgspec.json.Decoder(Incident)


def new_incident_id(now_ms: int, random_bytes: bytes) -> str:
    """`inc_` and 26 characters that sort by time: 48 bits of epoch milliseconds, then 10 random bytes (as in a ULID).

    Raises `ValueError` for another number of bytes.
    """
    if len(random_bytes) != RANDOM_BYTES:
        raise ValueError(f"an incident id takes {RANDOM_BYTES} random bytes, not {len(random_bytes)}")
    number = ((now_ms & (1 << 48) - 1) << 80) | int.from_bytes(random_bytes)
    return "inc_" + "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


class IncidentFile(LineFile):
    """Appends incidents."""

    def append(self, incident: Incident) -> None:
        """The incident is in the file when this returns. Raises `OSError` when it could not be written whole."""
        self.append_line(json_line(incident))


class BadLine(NamedTuple):
    """A line that is no incident. `number` counts from 1; `reason` is `torn`, `garbage` or `too long`."""

    number: int
    reason: str


def read_incidents(path: Path, on_bad: Callable[[BadLine], object] | None = None) -> Iterator[Incident]:
    """The incidents of the file, oldest first. Each line that is none is told to `on_bad` and hides no other.

    Raises `OSError` when the file cannot be read.
    """
    with path.open("rb") as file:
        for number, line in enumerate(_lines(file), start=1):
            if not line.strip():
                continue
            try:
                yield _decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                if on_bad is not None:
                    on_bad(BadLine(number, _reason(line)))


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines with their end; of an overlong one only the beginning, so that no file can fill the memory."""
    while line := file.readline(LINE_LIMIT):
        yield line
        while len(line) == LINE_LIMIT and not line.endswith(b"\n"):
            line = file.readline(LINE_LIMIT)


def _reason(line: bytes) -> str:
    if line.endswith(b"\n"):
        return "garbage"
    return "too long" if len(line) == LINE_LIMIT else "torn"
