from __future__ import annotations

import asyncio
import io
import json
import os
import pty
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.audit.events import Event
from guardproxy.audit.incidents import IncidentFile, read_incidents
from guardproxy.audit.record import to_incident
from guardproxy.audit.sinks import FLUSH_AT_LINES, BufferedLines, Recorder, byte_writer, configure_logging
from tests.audit.exchanges import NOON_MS, blocked, completed


def fixed_clock() -> int:
    return NOON_MS * 1_000_000


@given(st.lists(st.booleans(), max_size=30))
def test_lines_keep_their_order_and_an_urgent_one_takes_those_before_it_along(urgent: list[bool]) -> None:
    written: list[bytes] = []
    lines = BufferedLines(written.append)

    async def go() -> None:
        for number, now in enumerate(urgent):
            (lines.at_once if now else lines.later)(b"%d\n" % number)
            if now:
                assert b"".join(b"%d\n" % i for i in range(number + 1)) == b"".join(written)
        lines.flush()

    asyncio.run(go())
    assert b"".join(b"%d\n" % i for i in range(len(urgent))) == b"".join(written)
    assert len(written) <= sum(urgent) + 1


@given(st.lists(st.sampled_from(["rendered", "later", "at once"]), max_size=30))
def test_lines_that_are_rendered_when_they_are_written_keep_their_place(kinds: list[str]) -> None:
    written: list[bytes] = []
    lines = BufferedLines(written.append)
    rendered: list[int] = []

    def render(number: int) -> bytes:
        rendered.append(number)
        return b"%d\n" % number

    async def go() -> None:
        for number, kind in enumerate(kinds):
            match kind:
                case "rendered":
                    lines.later(b"%d\n" % number)
                case "later":
                    lines.later(partial(render, number))
                    assert number not in rendered
                case _:
                    lines.at_once(b"%d\n" % number)
        lines.flush()

    asyncio.run(go())
    assert b"".join(b"%d\n" % number for number in range(len(kinds))) == b"".join(written)
    assert [number for number, kind in enumerate(kinds) if kind == "later"] == rendered


async def test_waiting_lines_are_written_together_by_themselves() -> None:
    written: list[bytes] = []
    flushed = asyncio.Event()

    def write(some: bytes) -> None:
        written.append(some)
        flushed.set()

    lines = BufferedLines(write)
    for round_number in range(2):
        flushed.clear()
        lines.later(b"a\n")
        lines.later(b"b\n")
        async with asyncio.timeout(10):
            await flushed.wait()
        assert written == [b"a\nb\n"] * (round_number + 1)


async def test_what_waits_is_bounded() -> None:
    written: list[bytes] = []
    lines = BufferedLines(written.append)
    for _ in range(FLUSH_AT_LINES):
        lines.later(b"x\n")
    assert written == [b"x\n" * FLUSH_AT_LINES]


def test_without_a_running_loop_every_line_is_written_at_once() -> None:
    written: list[bytes] = []
    BufferedLines(written.append).later(b"x\n")
    assert written == [b"x\n"]


@pytest.mark.parametrize("error", [OSError("no space left"), ValueError("closed file")])
def test_lines_that_cannot_be_written_are_counted_and_reported_once(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, written = [True], list[bytes]()

    def write(some: bytes) -> None:
        if broken:
            raise error
        written.append(some)

    lines = BufferedLines(write)
    for _ in range(3):
        lines.at_once(b"lost\n")
    broken.clear()
    lines.at_once(b"kept\n")
    assert lines.lost == 3
    assert written == [b"kept\n"]
    assert capsys.readouterr().err.count("guardproxy: the log cannot be written") == 1


def emitted(*events: tuple[Event, dict[str, Any]]) -> list[dict[str, Any]]:
    stream = io.StringIO()
    log = configure_logging("json", stream, fixed_clock)
    for event, fields in events:
        log.emit(event, **fields)
    log.flush()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_a_json_line_with_time_level_and_name_first() -> None:
    (line,) = emitted((Event.PROXY_STARTED, {"port": 8080}))
    expected = {"time": "2026-03-01T12:00:00.250Z", "level": "info", "event": "proxy_started", "port": 8080}
    assert list(expected.items()) == list(line.items())


def test_an_event_may_tell_its_own_time() -> None:
    (line,) = emitted((Event.EXCHANGE_COMPLETED, {"time_ms": 7}))
    assert line == {"time": "1970-01-01T00:00:00.007Z", "level": "info", "event": "exchange_completed"}


@given(st.lists(st.sampled_from([Event.EXCHANGE_COMPLETED, Event.EXCHANGE_BLOCKED, Event.PROXY_STARTED]), max_size=12))
def test_an_event_that_is_told_later_says_the_same_in_the_same_place(events: list[Event]) -> None:
    async def written(*, later: bool) -> list[str]:
        stream = io.StringIO()
        log = configure_logging("json", stream, fixed_clock).bind(replica="a")
        for number, event in enumerate(events):
            fields = {"time_ms": number, "number": number}
            if later:
                log.emit_later(event, dict, fields)
            else:
                log.emit(event, **fields)
            assert stream.getvalue().count("\n") == number + 1 or not event.at_once
        log.flush()
        return stream.getvalue().splitlines()

    assert asyncio.run(written(later=False)) == asyncio.run(written(later=True))


def test_bound_fields_stand_in_every_line() -> None:
    stream = io.StringIO()
    log = configure_logging("json", stream).bind(replica="a")
    log.emit(Event.PROXY_STARTED)
    log.emit(Event.PROXY_STOPPED)
    assert all(json.loads(line)["replica"] == "a" for line in stream.getvalue().splitlines())


@given(st.dictionaries(st.text().filter(lambda name: name not in ("self", "event", "time_ms")), st.text()))
def test_an_event_is_one_line_whatever_its_fields_hold(fields: dict[str, str]) -> None:
    assert len(emitted((Event.GUARD_FAILED, fields))) == 1


def on_terminal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    controller, terminal = pty.openpty()
    with os.fdopen(terminal, "w", encoding="utf-8") as stream:
        configure_logging("auto", stream, fixed_clock).emit(Event.EXCHANGE_BLOCKED, status=400)
        shown = os.read(controller, 10_000).decode()
    os.close(controller)
    return shown


def test_on_a_terminal_lines_are_for_people_and_in_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    line = on_terminal(monkeypatch)
    assert "12:00:00.250" in line
    assert "\x1b[33mexchange_blocked" in line


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    line = on_terminal(monkeypatch, NO_COLOR="1")
    assert line == "12:00:00.250  exchange_blocked       400\r\n"


def test_elsewhere_lines_are_json_unless_asked_otherwise() -> None:
    for log_format, start in (("auto", "{"), ("json", "{"), ("console", "12:00:00.250  proxy_started")):
        stream = io.StringIO()
        configure_logging(log_format, stream, fixed_clock).emit(Event.PROXY_STARTED)  # type: ignore[arg-type]
        assert stream.getvalue().startswith(start)
        assert "\x1b" not in stream.getvalue()


class TakesThree(io.FileIO):
    """An unbuffered stream (`python -u`) that takes three bytes at a time, as it may."""

    def write(self, some: Any) -> int:
        return super().write(memoryview(some)[:3])


class TakesNothing(io.FileIO):
    def write(self, _some: Any) -> int:
        return 0


def test_a_stream_that_takes_little_at_a_time_gets_the_whole_line(tmp_path: Path) -> None:
    with io.TextIOWrapper(TakesThree(tmp_path / "log", "w")) as stream:
        byte_writer(stream)(b"a whole line\n")
    assert (tmp_path / "log").read_bytes() == b"a whole line\n"


def test_a_stream_that_takes_nothing_raises_and_does_not_hang(tmp_path: Path) -> None:
    with io.TextIOWrapper(TakesNothing(tmp_path / "log", "w")) as stream, pytest.raises(BlockingIOError):
        byte_writer(stream)(b"line\n")


def record_all(records: Sequence[Any], incidents: IncidentFile | None, **options: Any) -> list[dict[str, Any]]:
    stream = io.StringIO()
    recorder = Recorder(configure_logging("json", stream), incidents, **options)
    for record in records:
        recorder.record(record)
    recorder.close()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_record_is_a_log_line_and_a_block_also_an_incident(tmp_path: Path) -> None:
    redacted = completed(event=Event.EXCHANGE_REDACTED)
    refused = completed(event=Event.QUOTA_REFUSED)
    path = tmp_path / "incidents.jsonl"
    lines = record_all([completed(), blocked(), redacted, refused], IncidentFile(path))
    events = ["exchange_completed", "exchange_blocked", "exchange_redacted", "quota_refused"]
    assert events == [line["event"] for line in lines]
    assert "please" not in json.dumps(lines)
    assert [to_incident(blocked())] == list(read_incidents(path))


def test_redactions_are_incidents_where_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "incidents.jsonl"
    redacted = blocked(event=Event.EXCHANGE_REDACTED)
    record_all([redacted], IncidentFile(path), kept=frozenset({Event.EXCHANGE_REDACTED}))
    assert [to_incident(redacted)] == list(read_incidents(path))


def test_whatever_was_given_an_incidents_id_is_one(tmp_path: Path) -> None:
    path = tmp_path / "incidents.jsonl"
    flagged = blocked(event=Event.EXCHANGE_FLAGGED)
    record_all([flagged, completed(event=Event.EXCHANGE_FLAGGED)], IncidentFile(path))
    assert [to_incident(flagged)] == list(read_incidents(path))


def test_an_incident_nobody_named_gets_an_id_and_the_log_tells_it(tmp_path: Path) -> None:
    path = tmp_path / "incidents.jsonl"
    (line,) = record_all([blocked(incident_id=None)], IncidentFile(path))
    assert [line["incident_id"]] == [incident.id for incident in read_incidents(path)]


def test_without_an_incident_file_blocks_are_only_logged() -> None:
    (line,) = record_all([blocked()], None)
    assert line["incident_id"] == "inc_1"


def test_no_failing_sink_is_the_exchanges_trouble(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    recorder = Recorder(configure_logging("json", stream), IncidentFile(tmp_path))
    recorder.record(blocked())
    stream.close()
    recorder.record(blocked())
    assert recorder.lost_incidents == 2
    errors = capsys.readouterr().err
    assert errors.count("the incident file cannot be written") == 1
    assert errors.count("the log cannot be written") == 1
