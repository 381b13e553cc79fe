from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.audit.events import Event
from guardproxy.audit.json_line import json_line
from guardproxy.audit.record import (
    FINDINGS_PER_INCIDENT,
    NAME_LIMIT,
    AuditFinding,
    AuditRecord,
    Direction,
    count_rules,
    iso_time,
    to_incident,
    to_log_fields,
)
from guardproxy.core.excerpt import mask_excerpt
from guardproxy.core.exchange import Coverage, Provenance
from guardproxy.core.verdict import Finding, Severity
from guardproxy.wire.path import INSIDE_JSON, Key, Path
from tests.audit.exchanges import RULE, blocked, completed


def test_a_log_line_holds_the_decision_and_its_circumstances() -> None:
    assert to_log_fields(blocked()) == {
        "time_ms": 1_772_366_400_250,
        "request_id": "req_1",
        "incident_id": "inc_1",
        "status": 400,
        "action": "block",
        "direction": "request",
        "rules": {RULE: 2},
        "key_id": "k1",
        "key_name": "alice",
        "method": "POST",
        "route": "/v1/chat/completions",
        "model": "small-model",
        "stream": True,
        "policy": "default",
        "revision": "r1",
        "extent": "full",
        "coverage": {"inspected": {"user": 2, "model": 1}, "skipped": {}},
        "error_code": "content_policy_violation",
        "timings_us": {"total": 1250, "guard_request": 40},
        "tokens": {"prompt": 12, "completion": 30},
        "bytes_in": 100,
        "bytes_out": 200,
    }


def test_a_log_line_leaves_out_what_the_exchange_never_had() -> None:
    refused = AuditRecord(
        time_ms=1, request_id="r", event=Event.EXCHANGE_REFUSED, status=401, method="GET", route="/v1/models"
    )
    fields = {"time_ms", "request_id", "status", "method", "route", "stream", "bytes_in", "bytes_out"}
    assert fields == set(to_log_fields(refused))


def test_every_decision_records_its_coverage_even_when_nothing_was_there() -> None:
    assert to_log_fields(completed(coverage=Coverage()))["coverage"] == {"inspected": {}, "skipped": {}}


def test_a_failure_tells_what_kind_of_exception_was_behind_it() -> None:
    failed = completed(event=Event.UPSTREAM_FAILED, error_code="upstream_unavailable", cause="TimeoutError in relay.py")
    assert to_log_fields(failed)["cause"] == "TimeoutError in relay.py"


def test_an_incident_holds_every_field_of_the_log_line() -> None:
    record = blocked()
    incident = to_incident(record)
    fields: dict[str, Any] = to_log_fields(record)
    fields["id"] = fields.pop("incident_id")
    assert fields == {name: getattr(incident, name) for name in fields}
    assert incident.event == "exchange_blocked"
    assert incident.findings == record.findings


def test_an_incident_keeps_the_first_findings_and_the_counts_of_all() -> None:
    findings = blocked().findings * (FINDINGS_PER_INCIDENT + 5)
    incident = to_incident(blocked(findings=findings, rules=((RULE, len(findings)),)))
    assert len(incident.findings) == FINDINGS_PER_INCIDENT
    assert incident.rules == {RULE: FINDINGS_PER_INCIDENT + 5}


def test_a_record_without_an_incident_id_is_no_incident() -> None:
    with pytest.raises(ValueError, match="incident_id"):
        to_incident(blocked(incident_id=None))


def test_any_mapping_can_be_written() -> None:
    counts = MappingProxyType({"user": 1})
    record = blocked(coverage=Coverage(counts, counts), tokens=counts, timings_us=counts)
    assert b'"inspected":{"user":1}' in json_line(to_log_fields(record))
    assert b'"inspected":{"user":1}' in json_line(to_incident(record))


def test_rules_are_counted_the_most_frequent_first() -> None:
    findings = [Finding(rule, Severity.LOW, Provenance.USER, (), 0, 1) for rule in ("a.x", "a.y", "a.y")]
    assert count_rules(findings) == (("a.y", 2), ("a.x", 1))


def test_a_finding_is_told_with_its_path_in_words_and_no_caller_chosen_name() -> None:
    path: Path = ("messages", 0, "metadata", Key("anything"))
    finding = Finding(RULE, Severity.HIGH, Provenance.USER, path, 3, 9, "«•••»")
    assert AuditFinding.of(finding) == AuditFinding(RULE, "high", "user", "messages[0].metadata.(name)", "«•••»")


def test_a_model_name_that_a_rule_found_something_in_is_withheld() -> None:
    finding = AuditFinding("secrets.any", "high", "user", "model", "«•••»")
    record = blocked(model="whatever", findings=(finding,))
    assert to_log_fields(record)["model"] == to_incident(record).model == "(withheld)"


def test_time_is_shown_in_utc_with_milliseconds() -> None:
    assert iso_time(1_772_366_400_250) == "2026-03-01T12:00:00.250Z"
    assert iso_time(7) == "1970-01-01T00:00:00.007Z"


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=300))
def test_names_a_caller_may_choose_are_short_and_printable(model: str, request_id: str, route: str) -> None:
    record = blocked(model=model, request_id=request_id, route=route, key_name=model, error_code=route)
    fields, incident = to_log_fields(record), to_incident(record)
    for name in ("model", "request_id", "route", "key_name", "error_code"):
        shown = fields[name]
        assert isinstance(shown, str)
        assert shown == getattr(incident, name)
        assert shown.isprintable()
        assert len(shown) <= NAME_LIMIT


# Latin capitals in a row stand nowhere else in a line, so five of them can only come from the secret.
secrets = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=5, max_size=60)
surroundings = st.text("around the secret:\n\x1b\u202e", max_size=60)
paths: st.SearchStrategy[Path] = st.sampled_from([("messages", 0, "content"), ("model",), ("metadata", INSIDE_JSON)])


@given(secrets, secrets, surroundings, surroundings, paths, st.sampled_from(Direction))
def test_a_planted_secret_reaches_neither_a_log_line_nor_an_incident(
    secret: str, other: str, before: str, after: str, path: Path, direction: Direction
) -> None:
    text = before + secret + after + other + before
    match = (len(before), len(before) + len(secret))
    neighbour = (match[1] + len(after), match[1] + len(after) + len(other))
    excerpt = mask_excerpt(text, *match, [neighbour])
    named = AuditFinding.of(Finding(RULE, Severity.HIGH, Provenance.USER, (*path, Key(secret)), 0, 9, excerpt))
    found = AuditFinding.of(Finding(RULE, Severity.HIGH, Provenance.USER, path, *match, excerpt))
    model = text if path == ("model",) else "m"
    record = blocked(findings=(named, found), direction=direction, model=model)
    log_line, incident = json_line(to_log_fields(record)).decode(), json_line(to_incident(record)).decode()
    for planted in (secret, other):
        for piece in (planted[at : at + 5] for at in range(len(planted) - 4)):
            assert piece not in log_line
            assert piece not in incident
    assert "«" not in log_line


def test_features_are_told_where_there_are_any() -> None:
    assert to_log_fields(completed(features={"fenced": 2}))["features"] == {"fenced": 2}
    assert "features" not in to_log_fields(completed())
