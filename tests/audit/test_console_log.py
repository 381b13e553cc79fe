from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.audit.console_log import console_line
from guardproxy.audit.record import to_log_fields
from tests.audit.exchanges import blocked

HEAD = {"time": "2026-03-01T12:00:00.250Z", "level": "warning", "event": "exchange_blocked"}


def test_an_exchange_is_one_readable_line_with_what_decided_first() -> None:
    line = console_line(HEAD | {k: v for k, v in to_log_fields(blocked()).items() if k != "time_ms"}, colour=False)
    assert line == (
        "12:00:00.250  exchange_blocked       400 POST /v1/chat/completions  1.2 ms  incident_id=inc_1  "
        "rules=injection.ignore-previous:2  error_code=content_policy_violation  direction=request  "
        "model=small-model  key_name=alice  request_id=req_1  tokens=prompt:12,completion:30"
    )


def test_other_events_show_every_field() -> None:
    event = {"time": HEAD["time"], "level": "info", "event": "policy_loaded", "policy": "default", "revision": "r1"}
    assert console_line(event, colour=False) == "12:00:00.250  policy_loaded          policy=default  revision=r1"


def test_colour_changes_nothing_but_the_colour() -> None:
    event = HEAD | {"status": 400, "model": "m"}
    coloured = console_line(event, colour=True)
    assert "\x1b[33mexchange_blocked" in coloured
    assert console_line(event, colour=False) == re.sub(r"\x1b\[\d+m", "", coloured)


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.dictionaries(st.text(), st.integers())))
def test_a_line_is_one_printable_line_whatever_the_fields_hold(fields: dict[str, object]) -> None:
    assert console_line(fields | HEAD, colour=False).isprintable()
