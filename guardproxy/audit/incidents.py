"""The incident file: blocked exchanges awaiting review, one JSON object per line, appended and never rewritten.

An append is one `write` of a whole line to an `O_APPEND` descriptor, so several processes may share the file. A crash
or a full disk can still tear a line. Then the torn bytes stay (they are evidence), the next line starts on a line of
its own, and the reader says which line it could not use and goes on.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec

from guardproxy.audit.json_line import json_line
from guardproxy.audit.record import Incident

LINE_LIMIT: Final = 1 << 20
RANDOM_BYTES: Final = 10

_CROCKFORD: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)

_decoder: Final = msgspec.json.Decoder(Incident)


def new_incident_id(now_ms: int, random_bytes: bytes) -> str:
    """`inc_` and 26 characters that sort by time: 48 bits of epoch milliseconds, then 10 random bytes (as in a ULID).

    Raises `ValueError` for another number of bytes.
    """
    if len(random_bytes) != RANDOM_BYTES:
        raise ValueError(f"an incident id takes {RANDOM_BYTES} random bytes, not {len(random_bytes)}")
    number = ((now_ms & (1 << 48) - 1) << 80) | int.from_bytes(random_bytes)
    return "inc_" + "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


class IncidentFile:
    """Appends incidents to `path`, readable by its owner only. Opened, and created, by the first incident.

    A file that was moved away or deleted (rotation) is followed by a new one at `path`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None
        self._torn = False

    def append(self, incident: Incident) -> None:
        """The incident is in the file when this returns. Raises `OSError` when it could not be written whole."""
        if self._descriptor is not None and not self._still_there(self._descriptor):
            self.close()
        if self._descriptor is None:
            self._descriptor = self._open()
        line = (b"\n" if self._torn else b"") + json_line(incident)
        written = os.write(self._descriptor, line)
        if written < len(line):
            self._torn = True
            raise OSError(errno.ENOSPC, "only part of an incident could be written", str(self.path))
        self._torn = False

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _still_there(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(self.path.stat(), os.fstat(descriptor))
        except FileNotFoundError:
            return False

    def _open(self) -> int:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, _FLAGS, 0o600)
        try:
            found = os.fstat(descriptor)
            if stat.S_ISREG(found.st_mode):
                if found.st_mode & 0o077:
                    os.fchmod(descriptor, 0o600)
                self._torn = found.st_size > 0 and os.pread(descriptor, 1, found.st_size - 1) != b"\n"
        except OSError:
            os.close(descriptor)
            raise
        return descriptor


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
