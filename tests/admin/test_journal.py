"""The record of what admins did."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from guardproxy.admin.journal import AdminRecord, Journal, Outcome, read_journal
from guardproxy.audit.sinks import configure_logging
from tests.support.proxy import Captured


def record(number: int = 1, **changes: Any) -> AdminRecord:
    fields: dict[str, Any] = {
        "time": "2030-05-01T12:00:00.000Z", "request_id": f"req_{number}", "action": "keys.revoke",
        "outcome": Outcome.DONE, "admin": "A" * 12, "name": "ada", "role": "operator", "target": "K" * 12,
        "source": "127.0.0.1", "status": 200, "reason": "it\u2028leaked", "detail": {"name": "app"},
    }  # fmt: skip
    return AdminRecord(**{**fields, **changes})


async def test_records_come_back_as_they_were_one_line_each_and_the_log_says_the_same(tmp_path: Path) -> None:
    captured = Captured()
    log = configure_logging("json", captured)
    journal = Journal(tmp_path / "admin.jsonl", log)
    written = [record(number) for number in range(20)]
    await asyncio.gather(*map(journal.keep, written))
    journal.close()
    assert sorted(read_journal(journal.path), key=str) == sorted(written, key=str)
    assert len(journal.path.read_bytes().splitlines()) == 20
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    log.flush()
    events = captured.events()
    assert {event["event"] for event in events} == {"admin_done"}
    line = json.loads(journal.path.read_text(encoding="utf-8").splitlines()[0])
    told = next(event for event in events if event["request_id"] == line["request_id"])
    assert {name: told[name] for name in ("action", "admin", "role", "target", "source", "reason", "detail")} == {
        name: line[name] for name in ("action", "admin", "role", "target", "source", "reason", "detail")
    }


@pytest.mark.parametrize("outcome", list(Outcome))
async def test_every_outcome_has_its_event(tmp_path: Path, outcome: Outcome) -> None:
    captured = Captured()
    log = configure_logging("json", captured)
    journal = Journal(tmp_path / "admin.jsonl", log)
    await journal.keep(record(outcome=outcome))
    journal.close()
    assert [event["event"] for event in captured.events()] == [f"admin_{outcome.value}"]


async def test_what_cannot_be_written_is_raised_and_told(tmp_path: Path) -> None:
    captured = Captured()
    journal = Journal(tmp_path, configure_logging("json", captured))
    with pytest.raises(OSError, match=r"."):
        await journal.keep(record())
    assert [event["event"] for event in captured.events()] == ["admin_log_failed", "admin_done"]


async def test_a_line_that_is_no_record_hides_no_other(tmp_path: Path) -> None:
    path = tmp_path / "admin.jsonl"
    journal = Journal(path, configure_logging("json", Captured()))
    await journal.keep(record(1))
    journal.close()
    path.write_bytes(path.read_bytes() + b'{"time": "cut o')
    await journal.keep(record(2))
    journal.close()
    assert list(read_journal(path)) == [record(1), None, record(2)]
