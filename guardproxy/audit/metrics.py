"""What is counted of every exchange, from its record.

An exchange is counted where it is recorded, so that the log and the metrics cannot disagree. Labels are words of ours,
names the operator gave (policies, rules, teams), or routes of the closed list: never a model's name, never a key or its
id, never text. A refusal by policy, a used-up limit and an outage are different outcomes, as in the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from guardproxy.audit.events import Event
from guardproxy.audit.registry import Counter, Family, Histogram, Sample

if TYPE_CHECKING:
    from guardproxy.audit.record import AuditRecord

_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)
_OVERHEAD: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
_STATUSES: Final = {status.value: str(status.value) for status in HTTPStatus}
_STREAM: Final = ("false", "true")

REQUESTS: Final = Family(
    "guardproxy_requests_total",
    "counter",
    "Exchanges by route, status and the log event they ended with.",
    ("route", "status", "outcome"),
)
DURATION: Final = Family(
    "guardproxy_request_duration_seconds",
    "histogram",
    "From the first byte of a request to the last of its answer; stream: a streamed answer was asked for.",
    ("route", "stream"),
)
OVERHEAD: Final = Family(
    "guardproxy_overhead_seconds",
    "histogram",
    "What reading and guarding took of an exchange.",
    ("direction",),
)
FIRST_BYTE: Final = Family(
    "guardproxy_upstream_first_byte_seconds",
    "histogram",
    "From sending a request to the head of the upstream's answer.",
    ("route",),
)
UPSTREAM_FAILURES: Final = Family(
    "guardproxy_upstream_failures_total", "counter", "Exchanges that the upstream failed, by error code.", ("code",)
)
DECISIONS: Final = Family(
    "guardproxy_decisions_total",
    "counter",
    "Exchanges that were looked at, by policy and what was decided.",
    ("policy", "action"),
)
FINDINGS: Final = Family(
    "guardproxy_findings_total",
    "counter",
    "Findings of a rule, by what was decided about their exchange; shadow: found by a rule or policy in shadow.",
    ("rule", "action"),
)
GUARD_FAILURES: Final = Family(
    "guardproxy_guard_failures_total", "counter", "Exchanges whose guard could not run: never a violation.", ()
)
TOKENS: Final = Family(
    "guardproxy_tokens_total",
    "counter",
    "Tokens read and written by models; source: reported by the upstream or estimated from the text.",
    ("type", "source", "team"),
)
QUOTA_DECISIONS: Final = Family(
    "guardproxy_quota_decisions_total",
    "counter",
    "What the quotas said: admitted, degraded (admitted without the store), refused, unavailable.",
    ("result",),
)
QUOTA_REFUSALS: Final = Family(
    "guardproxy_quota_refusals_total", "counter", "Requests refused by a quota; shadow: it only would have.",
    ("quota", "mode"),
)  # fmt: skip
BYTES: Final = Family("guardproxy_bytes_total", "counter", "Bytes of bodies from and to callers.", ("direction",))


ADMIN_ACTIONS: Final = Family(
    "guardproxy_admin_actions_total",
    "counter",
    "Requests to the admin API, by action and outcome.",
    ("action", "outcome"),
)


class Metrics:
    """The counts of one process, since it began."""

    def __init__(self) -> None:
        self.admin_actions = Counter(ADMIN_ACTIONS)
        self._requests = Counter(REQUESTS)
        self._duration = Histogram(DURATION, _SECONDS)
        self._overhead = Histogram(OVERHEAD, _OVERHEAD)
        self._first_byte = Histogram(FIRST_BYTE, _SECONDS)
        self._upstream_failures = Counter(UPSTREAM_FAILURES)
        self._decisions = Counter(DECISIONS)
        self._findings = Counter(FINDINGS)
        self._guard_failures = Counter(GUARD_FAILURES)
        self._tokens = Counter(TOKENS)
        self._quota_decisions = Counter(QUOTA_DECISIONS)
        self._quota_refusals = Counter(QUOTA_REFUSALS)
        self._bytes = Counter(BYTES)

    def observe(self, record: AuditRecord) -> None:
        """Count an exchange that has ended. On the way of every exchange: additions, nothing else."""
        route, event, timings = record.route, record.event, record.timings_us
        status = _STATUSES.get(record.status) or f"{record.status // 100}xx"
        self._requests.add((route, status, event.value))
        self._duration.observe((route, _STREAM[record.stream]), timings.get("total", 0) / 1e6)
        if record.bytes_in:
            self._bytes.add(("in",), record.bytes_in)
        if record.bytes_out:
            self._bytes.add(("out",), record.bytes_out)
        if record.action is not None:
            self._decided(record, record.action)
        if (waited := timings.get("upstream_first_byte")) is not None:
            self._first_byte.observe((route,), waited / 1e6)
        if record.tokens:
            self._used(record)
        if event is Event.UPSTREAM_FAILED:
            self._upstream_failures.add((record.error_code or "",))
        elif event is Event.GUARD_FAILED:
            self._guard_failures.add(())
        if record.shadow_rules:
            for rule, count in record.shadow_rules:
                self._findings.add((rule, "shadow"), count)
        self._quota(record, event)

    def told(self) -> Iterator[tuple[Family, Iterator[Sample]]]:
        """Every family with its samples."""
        for metric in vars(self).values():
            yield metric.family, metric.samples()

    def _decided(self, record: AuditRecord, action: str) -> None:
        timings = record.timings_us
        self._decisions.add((record.policy or "", action))
        for rule, count in record.rules:
            self._findings.add((rule, action), count)
        if (spent := timings.get("guard_request")) is not None:
            self._overhead.observe(("request",), spent / 1e6)
        if (spent := timings.get("guard_response")) is not None:
            self._overhead.observe(("response",), spent / 1e6)

    def _used(self, record: AuditRecord) -> None:
        source, team = next(iter(record.tokens)), record.team or ""
        self._tokens.add(("input", source, team), record.tokens_read)
        self._tokens.add(("output", source, team), record.tokens_written)

    def _quota(self, record: AuditRecord, event: Event) -> None:
        if record.admitted is not None:
            self._quota_decisions.add((record.admitted,))
        elif event is Event.QUOTA_REFUSED:
            self._quota_decisions.add(("refused",))
        elif event is Event.QUOTA_STORE_UNAVAILABLE:
            self._quota_decisions.add(("unavailable",))
        if event is Event.QUOTA_REFUSED:
            self._quota_refusals.add((record.refused_by or "", "enforce"))
        for quota in record.would_refuse:
            self._quota_refusals.add((quota, "shadow"))


FAMILIES: Final = tuple(family for family, _ in Metrics().told())
