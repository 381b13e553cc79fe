"""What is kept of one exchange, and which part of it goes where.

The gateway fills one `AuditRecord` per exchange. From it follow two things: the fields of a log line, which travel to
places nobody controls and so hold no text at all, not even masked; and an `Incident`, which stays in a file only
the operator reads and shows masked excerpts, so that a person can judge the decision.

Names a caller can choose (the model's, above all) pass through `printable` with a limit, and a name that a rule found
something in is not shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Final

import msgspec

from guardproxy.audit.events import Event
from guardproxy.audit.json_line import Plain
from guardproxy.core.excerpt import printable, without_parts
from guardproxy.core.exchange import Coverage, Provenance
from guardproxy.core.verdict import Finding, Severity
from guardproxy.wire.path import format_path

NAME_LIMIT: Final = 120
EXCERPT_LIMIT: Final = 2000
FINDINGS_PER_INCIDENT: Final = 20
WITHHELD: Final = "(withheld)"

_MODEL_PATH: Final = "model"
_YEAR_9999_MS: Final = 253_402_300_799_999


class Direction(StrEnum):
    """Which half of an exchange the decision was about."""

    REQUEST = "request"
    RESPONSE = "response"


# Structs instead of dataclasses: building a frozen dataclass of this size takes longer than logging it.
class AuditFinding(msgspec.Struct, frozen=True):
    """A finding as it may be shown: `path` in words (`messages[0].content`), `excerpt` masked (`mask_excerpt`)."""

    rule: str
    severity: str
    provenance: str
    path: str
    excerpt: str = ""

    @staticmethod
    def of(finding: Finding, hidden: str | None = None) -> AuditFinding:
        """`hidden` is a secret no part of which may show."""
        excerpt = without_parts(finding.excerpt, hidden) if hidden else finding.excerpt
        severity, provenance = Severity(finding.severity).value, Provenance(finding.provenance).value
        return AuditFinding(finding.rule, severity, provenance, format_path(finding.path), excerpt)


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange, after its last byte. Times are epoch milliseconds, durations microseconds, sizes bytes.

    `rules` counts every finding, (rule id, count); `findings` may be fewer. `shadow_rules` counts those of rules in
    shadow, and `would_action` is what would have happened had they been enforced. `coverage` and `direction` are those
    of the decision. `features` counts what was noticed beside the rules. `cause` is the type and place
    of the exception behind a failure, never its text. `timings_us` knows `total`, `guard_request`,
    `upstream_first_byte` and `guard_response`. Fields stay None or empty where the exchange did not get that far.
    `uninspected`: the policy lets this surface pass without a look.

    `charged` is what the exchange is charged where a budget counts it: from these lines a lost account is made again.
    `would_refuse` are the ids of quotas in shadow mode that would have refused it.

    Only counted, in no log: `tokens_read` and `tokens_written`, the parts of `tokens`; `admitted`, how its quotas
    admitted it (`admitted` or `degraded`; None without quotas); `refused_by`, the id of the quota that refused it.
    """

    time_ms: int
    request_id: str
    event: Event
    status: int
    method: str
    route: str
    key_id: str | None = None
    key_name: str | None = None
    model: str | None = None
    stream: bool = False
    policy: str | None = None
    revision: str | None = None
    action: str | None = None
    direction: Direction | None = None
    rules: tuple[tuple[str, int], ...] = ()
    findings: tuple[AuditFinding, ...] = ()
    would_action: str | None = None
    shadow_rules: tuple[tuple[str, int], ...] = ()
    coverage: Coverage = Coverage()
    features: Mapping[str, int] = {}
    uninspected: bool = False
    error_code: str | None = None
    cause: str | None = None
    incident_id: str | None = None
    timings_us: Mapping[str, int] = {}
    tokens: Mapping[str, int] = {}
    bytes_in: int = 0
    bytes_out: int = 0
    team: str | None = None
    charged: Mapping[str, int] = {}
    would_refuse: tuple[str, ...] = ()
    tokens_read: int = 0
    tokens_written: int = 0
    admitted: str | None = None
    refused_by: str | None = None


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the incident file: an exchange awaiting review. Plain types, so that older lines stay readable."""

    id: str
    time_ms: Annotated[int, msgspec.Meta(ge=0, le=_YEAR_9999_MS)]
    request_id: str
    event: str
    status: int
    action: str | None = None
    direction: str | None = None
    method: str = ""
    route: str = ""
    key_id: str | None = None
    key_name: str | None = None
    model: str | None = None
    stream: bool = False
    policy: str | None = None
    revision: str | None = None
    rules: dict[str, int] = {}
    findings: tuple[AuditFinding, ...] = ()
    extent: str = ""
    coverage: dict[str, dict[str, int]] = {}
    error_code: str | None = None
    timings_us: dict[str, int] = {}
    tokens: dict[str, int] = {}
    bytes_in: int = 0
    bytes_out: int = 0


def count_rules(findings: Collection[Finding]) -> tuple[tuple[str, int], ...]:
    """(rule id, how often it found something), the most frequent first."""
    return tuple(Counter(finding.rule for finding in findings).most_common()) if findings else ()


def to_log_fields(record: AuditRecord) -> dict[str, Plain]:
    """What a log line says about the exchange, `event` aside. Never text. What the exchange never had is left out."""
    request_id, method, route = _names(record.request_id, record.method, record.route)
    fields: dict[str, Plain] = {
        "time_ms": record.time_ms,
        "request_id": request_id,
        "status": record.status,
        "method": method,
        "route": route,
        "stream": record.stream,
        "bytes_in": record.bytes_in,
        "bytes_out": record.bytes_out,
    }
    if record.key_id is not None:
        fields["key_id"] = record.key_id
        fields["key_name"] = _name(record.key_name)
    if record.model is not None:
        fields["model"] = _model(record)
    if record.policy is not None:
        fields["policy"] = record.policy
        fields["revision"] = record.revision
    if record.action is not None:
        fields["action"] = record.action
        fields["extent"] = record.coverage.extent
        fields["coverage"] = _coverage(record.coverage)
    if record.uninspected:
        fields["uninspected"] = True
    if record.direction is not None:
        fields["direction"] = record.direction.value
    if record.rules:
        fields["rules"] = dict(record.rules)
    if record.features:
        fields["features"] = _plain(record.features)
    if record.would_action is not None:
        fields |= {"would_action": record.would_action, "shadow_rules": dict(record.shadow_rules)}
    if record.error_code is not None:
        fields["error_code"] = _name(record.error_code)
    if record.cause is not None:
        fields["cause"] = _name(record.cause)
    if record.incident_id is not None:
        fields["incident_id"] = record.incident_id
    if record.timings_us:
        fields["timings_us"] = _plain(record.timings_us)
    if record.tokens:
        fields["tokens"] = _plain(record.tokens)
    if record.charged:
        fields |= {"team": _name(record.team), "charged": _plain(record.charged)}
    if record.would_refuse:
        fields["would_refuse"] = dict.fromkeys(record.would_refuse, 1)
    return fields


def to_incident(record: AuditRecord) -> Incident:
    """What the incident file keeps: the masked excerpts of the first 20 findings, the counts of all of them.

    Raises `ValueError` for a record without an `incident_id`.
    """
    if record.incident_id is None:
        raise ValueError("a record becomes an incident only with an incident_id")
    return Incident(
        id=record.incident_id,
        time_ms=record.time_ms,
        request_id=printable(record.request_id, NAME_LIMIT),
        event=record.event.value,
        status=record.status,
        action=record.action,
        direction=record.direction,
        method=printable(record.method, NAME_LIMIT),
        route=printable(record.route, NAME_LIMIT),
        key_id=record.key_id,
        key_name=_name(record.key_name),
        model=_model(record),
        stream=record.stream,
        policy=record.policy,
        revision=record.revision,
        rules=dict(record.rules),
        findings=tuple(map(_shown, record.findings[:FINDINGS_PER_INCIDENT])),
        extent=record.coverage.extent,
        coverage=_coverage(record.coverage),
        error_code=_name(record.error_code),
        timings_us=dict(record.timings_us),
        tokens=dict(record.tokens),
        bytes_in=record.bytes_in,
        bytes_out=record.bytes_out,
    )


def iso_time(time_ms: int) -> str:
    """`2026-03-01T12:00:00.250Z`: UTC, milliseconds."""
    return f"{_iso_second(time_ms // 1000)}.{time_ms % 1000:03d}Z"


@lru_cache(maxsize=8)
def _iso_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _coverage(coverage: Coverage) -> dict[str, dict[str, int]]:
    return {"inspected": _plain(coverage.inspected), "skipped": _plain(coverage.skipped)}


def _plain(counts: Mapping[str, int]) -> dict[str, int]:
    return counts if isinstance(counts, dict) else dict(counts)


def _names(*texts: str) -> Sequence[str]:
    together = "".join(texts)
    if len(together) <= NAME_LIMIT and together.isascii() and together.isprintable():  # most are
        return texts
    return [printable(text, NAME_LIMIT) for text in texts]


def _name(text: str | None) -> str | None:
    if text is None or (len(text) <= NAME_LIMIT and text.isascii() and text.isprintable()):  # most are
        return text
    return printable(text, NAME_LIMIT)


def _model(record: AuditRecord) -> str | None:
    if record.findings and any(finding.path == _MODEL_PATH for finding in record.findings):
        return WITHHELD
    return _name(record.model)


def _shown(finding: AuditFinding) -> AuditFinding:
    path, excerpt = printable(finding.path, 2 * NAME_LIMIT), printable(finding.excerpt, EXCERPT_LIMIT)
    return AuditFinding(finding.rule, finding.severity, finding.provenance, path, excerpt)
