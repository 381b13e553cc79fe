"""Where records go: a log line for every exchange, an incident for the blocked ones. Never in an exchange's way.

A line is written a little after its event happened, many lines in one write; only lines somebody may be waiting for
(blocks, refusals, failures) are written at once. Those of exchanges are also rendered then: one after the other they
cost half of what each costs between two exchanges. The standard library's logging is not used: its
records, locks and handlers cost several times what the whole event costs here.

What cannot be written (a closed pipe, a full disk) is counted and reported once on stderr. It never becomes an error
of the exchange it tells about.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, Literal, TextIO, TypeVar

import structlog
from msgspec.structs import replace

from guardproxy.audit.console_log import console_line
from guardproxy.audit.events import Event
from guardproxy.audit.incidents import RANDOM_BYTES, IncidentFile, new_incident_id
from guardproxy.audit.json_line import Plain, json_line
from guardproxy.audit.metrics import Metrics
from guardproxy.audit.record import AuditRecord, Incident, iso_time, to_incident, to_log_fields

LogFormat = Literal["auto", "json", "console"]
Write = Callable[[bytes], object]
EventDict = MutableMapping[str, Any]
Line = bytes | Callable[[], bytes]
"""A line, or what renders it."""

_Told = TypeVar("_Told")

FLUSH_AFTER_S: Final = 0.1
FLUSH_AT_LINES: Final = 64  # to render more of them would hold up what else goes on
KEPT_EVENTS: Final = frozenset({Event.EXCHANGE_BLOCKED})


class Losses:
    """Counts what could not be written to one place, and says so on stderr the first time only."""

    def __init__(self, what: str) -> None:
        self._what = what
        self.count = 0

    def add(self, count: int, cause: Exception) -> None:
        first = not self.count
        self.count += count
        if first and sys.stderr is not None:
            # stderr may be the very place that failed; there is nobody left to tell then.
            with suppress(OSError, ValueError):
                sys.stderr.write(f"guardproxy: {self._what} cannot be written, and is lost until it can: {cause}\n")


class BufferedLines:
    """Lines on their way out: written together after at most 100 ms or 64 lines, or at once. Keeps their order.

    `write` gets whole lines and may raise `OSError` or `ValueError` (closed): their lines are then lost and counted
    in `lost`. Outside a running event loop nothing would come back for a waiting line, so it is written at once.
    For one thread. A reader that stops reading a pipe stops its writer too: that is the pipe's promise, not ours.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._waiting: list[Line] = []
        self._timer: asyncio.TimerHandle | None = None
        self._losses = Losses("the log")

    @property
    def lost(self) -> int:
        return self._losses.count

    def later(self, line: Line) -> None:
        self._waiting.append(line)
        if len(self._waiting) >= FLUSH_AT_LINES:
            self.flush()
        elif self._timer is None:
            try:
                self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER_S, self.flush)
            except RuntimeError:  # no running loop
                self.flush()

    def at_once(self, line: bytes) -> None:
        self._waiting.append(line)
        self.flush()

    def flush(self) -> None:
        """Everything that waited is rendered and handed to `write`. Call it before the event loop ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        lines = [line if isinstance(line, bytes) else line() for line in waiting]
        try:
            self._write(b"".join(lines))
        except (OSError, ValueError) as cause:
            self._losses.add(len(lines), cause)


class EventLog(structlog.BoundLoggerBase):
    """A structlog logger of which the events are a closed list: `bind()` as usual, `emit()` instead of `info()`."""

    def emit(self, event: Event, **fields: Plain) -> None:
        """One line, now. `time_ms` among the fields (epoch milliseconds) replaces the present time. Never raises."""
        self.emit_fields(event, fields)

    def emit_fields(self, event: Event, fields: dict[str, Plain]) -> None:
        """`emit` for fields that are in a dictionary already, which it takes over."""
        line = self._line(event, fields)
        if event.at_once:
            self._logger.at_once(line)
        else:
            self._logger.later(line)

    def emit_later(self, event: Event, fields_of: Callable[[_Told], dict[str, Plain]], told: _Told) -> None:
        """`emit` for the fields of something that stays as it is, its `time_ms` among them: made when they are written.

        An event that is written at once is rendered at once.
        """
        if event.at_once:
            self._logger.at_once(self._line(event, fields_of(told)))
        else:
            self._logger.later(partial(self._later_line, event, fields_of, told))

    def _later_line(self, event: Event, fields_of: Callable[[_Told], dict[str, Plain]], told: _Told) -> bytes:
        return self._line(event, fields_of(told))

    def _line(self, event: Event, fields: dict[str, Plain]) -> bytes:
        line: Any = {**self._context, **fields} if self._context else fields
        line["event"] = event
        for process in self._processors:
            line = process(self._logger, "emit", line)
        rendered: bytes = line
        return rendered

    @property
    def lost(self) -> int:
        """Lines that could not be written."""
        count: int = self._logger.lost
        return count

    def flush(self) -> None:
        self._logger.flush()


def configure_logging(
    log_format: LogFormat = "auto", stream: TextIO | None = None, clock: Callable[[], int] = time.time_ns
) -> EventLog:
    """The process's event log on `stream` (default: stderr). Nothing global is set. `flush()` it at the end.

    `auto` is `console` on a terminal and `json` (one UTF-8 object per line) elsewhere. Colour only on a terminal, and
    not where NO_COLOR is set. `clock` gives epoch nanoseconds.
    """
    stream = stream or sys.stderr
    terminal = stream.isatty()
    if log_format == "auto":
        log_format = "console" if terminal else "json"
    colour = terminal and not os.environ.get("NO_COLOR")
    render = _json_renderer if log_format == "json" else _console_renderer(colour)
    return EventLog(BufferedLines(byte_writer(stream)), [_stamper(clock), render], {})


def byte_writer(stream: TextIO) -> Write:
    """Writes UTF-8 bytes to a text stream, whole. Raises `OSError`, or `ValueError` where the stream is closed."""
    binary = getattr(stream, "buffer", None)

    def write(lines: bytes) -> None:
        if binary is None:
            stream.write(lines.decode())
        else:
            # Unbuffered streams (python -u, usual in containers) take as much as they like.
            rest = memoryview(lines)
            while rest:
                taken = binary.write(rest)
                if not taken:
                    raise BlockingIOError("the stream takes nothing more at present")
                rest = rest[taken:]
        stream.flush()

    return write


class Recorder:
    """Tells what happened: every record becomes a log line, those of `kept` events also an incident. Never raises.

    So does every record that was given an incident's id. And each is counted in `metrics`.
    """

    def __init__(
        self, log: EventLog, incidents: IncidentFile | None = None, *, kept: frozenset[Event] = KEPT_EVENTS
    ) -> None:
        self._log = log
        self._incidents = incidents
        self._kept = kept
        self._losses = Losses("the incident file")
        self.metrics = Metrics()

    @property
    def lost_incidents(self) -> int:
        return self._losses.count

    @property
    def lost_lines(self) -> int:
        return self._log.lost

    def record(self, record: AuditRecord) -> None:
        if self._incidents is not None and (record.event in self._kept or record.incident_id is not None):
            if record.incident_id is None:
                record = replace(record, incident_id=new_incident_id(record.time_ms, os.urandom(RANDOM_BYTES)))
            self._keep(self._incidents, to_incident(record))
        self._log.emit_later(record.event, to_log_fields, record)
        self.metrics.observe(record)

    def close(self) -> None:
        self._log.flush()
        if self._incidents is not None:
            self._incidents.close()

    def _keep(self, file: IncidentFile, incident: Incident) -> None:
        try:
            file.append(incident)
        except OSError as cause:
            self._losses.add(1, cause)


def _stamper(clock: Callable[[], int]) -> Callable[[Any, str, EventDict], EventDict]:
    def stamp(_logger: object, _method: str, fields: EventDict) -> EventDict:
        event = fields.pop("event")
        time_ms = fields.pop("time_ms", None)
        shown = iso_time(clock() // 1_000_000 if time_ms is None else time_ms)
        return {"time": shown, "level": event.level, "event": event, **fields}

    return stamp


def _json_renderer(_logger: object, _method: str, fields: EventDict) -> bytes:
    return json_line(fields)


def _console_renderer(colour: bool) -> Callable[[Any, str, EventDict], bytes]:
    def render(_logger: object, _method: str, fields: EventDict) -> bytes:
        return f"{console_line(fields, colour=colour)}\n".encode()

    return render
