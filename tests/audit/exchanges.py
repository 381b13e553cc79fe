"""Records to test with."""

from __future__ import annotations

from typing import Any

from guardproxy.audit.events import Event
from guardproxy.audit.record import AuditFinding, AuditRecord, Direction
from guardproxy.core.exchange import Coverage

NOON_MS = 1_772_366_400_250  # 2026-03-01T12:00:00.250Z
RULE = "injection.ignore-previous"


def completed(**changes: Any) -> AuditRecord:
    values: dict[str, Any] = {
        "time_ms": NOON_MS,
        "request_id": "req_1",
        "event": Event.EXCHANGE_COMPLETED,
        "status": 200,
        "method": "POST",
        "route": "/v1/chat/completions",
        "key_id": "k1",
        "key_name": "alice",
        "model": "small-model",
        "stream": True,
        "policy": "default",
        "revision": "r1",
        "action": "allow",
        "coverage": Coverage({"user": 2, "model": 1}),
        "timings_us": {"total": 1250, "guard_request": 40},
        "tokens": {"prompt": 12, "completion": 30},
        "bytes_in": 100,
        "bytes_out": 200,
    }
    return AuditRecord(**(values | changes))


def blocked(**changes: Any) -> AuditRecord:
    values: dict[str, Any] = {
        "event": Event.EXCHANGE_BLOCKED,
        "status": 400,
        "action": "block",
        "direction": Direction.REQUEST,
        "rules": ((RULE, 2),),
        "findings": (AuditFinding(RULE, "high", "user", "messages[0].content", "please «ig•••ns» now"),),
        "error_code": "content_policy_violation",
        "incident_id": "inc_1",
    }
    return completed(**(values | changes))
