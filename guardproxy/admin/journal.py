"""The record of what admins did: one line per action, on the disk before anybody is told that it was done.

A change is recorded twice: before it is made (`begun`), and how it ended. So nothing is changed that is not recorded:
where the first line cannot be written the change is refused; a change without a second line was interrupted. Looking,
and what was denied, is one line. A line names who, what, whether and why, and never holds a token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from guardproxy.audit.events import Event
from guardproxy.audit.json_line import json_line
from guardproxy.audit.line_file import LineFile
from guardproxy.audit.sinks import EventLog

NOBODY: Final = "-"
Detail: TypeAlias = Mapping[str, str | int | bool | None]


class Outcome(StrEnum):
    """BEGUN: a change is about to be made. DENIED: who asked may not. REFUSED: it cannot be done like that."""

    BEGUN = "begun"
    DONE = "done"
    DENIED = "denied"
    REFUSED = "refused"
    FAILED = "failed"


_EVENTS: Final = {
    Outcome.BEGUN: Event.ADMIN_BEGUN,
    Outcome.DONE: Event.ADMIN_DONE,
    Outcome.DENIED: Event.ADMIN_DENIED,
    Outcome.REFUSED: Event.ADMIN_REFUSED,
    Outcome.FAILED: Event.ADMIN_FAILED,
}


class AdminRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `time` is UTC. `admin`, `name` and `role` are `-` for somebody who could not be told.

    `target` is what the action was about: a key's id, a policy's revision. `detail` says what changed, in plain words
    and numbers.
    """

    time: str
    request_id: str
    action: str
    outcome: Outcome
    admin: str = NOBODY
    name: str = NOBODY
    role: str = NOBODY
    target: str = NOBODY
    source: str = NOBODY
    status: int | None = None
    code: str | None = None
    reason: str | None = None
    cause: str | None = None
    detail: Detail = {}


class Journal:
    """Appends to one file, and tells the log the same."""

    def __init__(self, path: Path, log: EventLog) -> None:
        self._file = LineFile(path)
        self._log = log
        self._writing = asyncio.Lock()

    @property
    def path(self) -> Path:
        return self._file.path

    async def keep(self, record: AdminRecord) -> None:
        """The record is on the disk when this returns. Raises `OSError`; the log was told all the same."""
        fields = msgspec.to_builtins(record)
        silent = ("time", "outcome")  # which every line of the log says anyhow
        fields = {name: value for name, value in fields.items() if value not in (None, {}) and name not in silent}
        try:
            async with self._writing:
                await asyncio.to_thread(self._file.append_line, json_line(record), sync=True)
        except OSError as error:
            self._log.emit(Event.ADMIN_LOG_FAILED, file=str(self.path), error=error.strerror or type(error).__name__)
            raise
        finally:
            self._log.emit(_EVENTS[record.outcome], **fields)

    def close(self) -> None:
        self._file.close()


_decoder: Final = msgspec.json.Decoder(AdminRecord)


def read_journal(path: Path) -> Iterator[AdminRecord | None]:
    """The records of the file, oldest first, and None for each line that is none. Raises `OSError`."""
    with path.open("rb") as file:
        for line in file:
            if not line.strip():
                continue
            try:
                yield _decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                yield None
