"""What a candidate policy would have done otherwise, kept in a file: one line per exchange that differs.

A line names rules and decisions and shows masked excerpts, of matches of the candidate with everything masked that
either policy hides. Beside them stand lines that say how many exchanges were compared and how many were not, since no
difference means nothing where nothing was compared.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from guardproxy.audit.json_line import json_line
from guardproxy.core.excerpt import without_parts

MOST_BYTES: Final = 64 << 20
"""A file that has grown larger gets no more differences, only counts."""

_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)


class RuleChange(msgspec.Struct, frozen=True):
    """One rule in one half of one exchange: what it did, and what it would do. `nothing`: it found nothing."""

    rule: str
    before: str
    after: str
    direction: str
    excerpt: str = ""

    def without(self, secret: str) -> RuleChange:
        """The same, with no part of a secret in its excerpt."""
        return msgspec.structs.replace(self, excerpt=without_parts(self.excerpt, secret))


class Comparison(msgspec.Struct, frozen=True, kw_only=True, tag="difference"):
    """An exchange that would have been decided otherwise, or by other rules."""

    time_ms: int
    request_id: str
    current: str
    candidate: str
    before: str
    after: str
    rules: tuple[RuleChange, ...] = ()


class Compared(msgspec.Struct, frozen=True, kw_only=True, tag="count"):
    """So many exchanges since the last such line. `left_out`: no room, too large, or not readable.

    `failed`: the comparing itself did, the last time at `cause`.
    """

    time_ms: int
    candidate: str
    compared: int
    different: int
    left_out: int
    failed: int = 0
    cause: str = ""


_decoder: Final = msgspec.json.Decoder(Comparison | Compared)


class ComparisonFile:
    """Appends to `path`, readable by its owner only."""

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        self.path = path
        self._most_bytes = most_bytes

    def append(self, line: Comparison | Compared) -> bool:
        """Whether it was written; not if the file is full. Raises `OSError`."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, _FLAGS, 0o600)
        try:
            if isinstance(line, Comparison) and os.fstat(descriptor).st_size > self._most_bytes:
                return False
            raw = json_line(line)
            if os.write(descriptor, raw) < len(raw):
                raise OSError(errno.ENOSPC, "only part of a comparison could be written", str(self.path))
        finally:
            os.close(descriptor)
        return True


def read_comparisons(path: Path) -> Iterator[Comparison | Compared]:
    """The lines of the file, oldest first; torn ones are left out. Raises `OSError`."""
    with path.open("rb") as file:
        for line in file:
            try:
                yield _decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue
