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
from guardproxy.audit.registry import MOST_SERIES, OTHER, Counter, Family, Histogram, Sample

if TYPE_CHECKING:
    from guardproxy.audit.record import AuditRecord

_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)
_OVERHEAD: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
_STATUSES: Final = {status.value: str(status.value) for status in HTTPStatus}
_STREAM: Final = ("false", "true")
_REQUEST: Final = ("request",)
_RESPONSE: Final = ("response",)
_REFUSED: Final = {Event.QUOTA_REFUSED: "refused", Event.QUOTA_STORE_UNAVAILABLE: "unavailable"}

_AT_ONCE: Final = 64

# Route, status, event, action, policy, what the quotas said.
_Alike = tuple[str, int, Event, str | None, str | None, str | None]

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
    """The counts of one process, since it began.

    Exchanges that agree in all that is counted are counted together, by one addition; what each family says of them is
    told apart when somebody asks. Records wait until there are some, or somebody asks: counted one after the other each
    costs less than between two requests.
    """

    def __init__(self) -> None:
        self.admin_actions = Counter(ADMIN_ACTIONS)
        self._waiting: list[AuditRecord] = []
        self._alike: dict[_Alike, list[int]] = {}
        self._duration = Histogram(DURATION, _SECONDS)
        self._overhead = Histogram(OVERHEAD, _OVERHEAD)
        self._first_byte = Histogram(FIRST_BYTE, _SECONDS)
        self._upstream_failures = Counter(UPSTREAM_FAILURES)
        self._findings = Counter(FINDINGS)
        self._tokens = Counter(TOKENS)
        self._quota_refusals = Counter(QUOTA_REFUSALS)

    def observe(self, record: AuditRecord) -> None:
        """Count an exchange that has ended."""
        self._waiting.append(record)
        if len(self._waiting) >= _AT_ONCE:
            self._count_waiting()

    def _count_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for record in waiting:
            self._count(record)

    def _count(self, record: AuditRecord) -> None:
        route, event, timings = record.route, record.event, record.timings_us
        alike = (route, record.status, event, record.action, record.policy, record.admitted)
        sums = self._alike.get(alike) or self._begin(alike)
        sums[0] += 1
        sums[1] += record.bytes_in
        sums[2] += record.bytes_out
        self._duration.observe((route, _STREAM[record.stream]), timings.get("total", 0))
        if "upstream_first_byte" in timings:
            self._first_byte.observe((route,), timings["upstream_first_byte"])
        if "guard_request" in timings:
            self._overhead.observe(_REQUEST, timings["guard_request"])
        if "guard_response" in timings:
            self._overhead.observe(_RESPONSE, timings["guard_response"])
        if record.tokens:
            source, team = next(iter(record.tokens)), record.team or ""
            self._tokens.add(("input", source, team), record.tokens_read)
            self._tokens.add(("output", source, team), record.tokens_written)
        if record.rules or record.shadow_rules:
            self._found(record)
        if event is Event.UPSTREAM_FAILED:
            self._upstream_failures.add((record.error_code or "",))
        elif event is Event.QUOTA_REFUSED:
            self._quota_refusals.add((record.refused_by or "", "enforce"))
        for quota in record.would_refuse:
            self._quota_refusals.add((quota, "shadow"))

    def told(self) -> Iterator[tuple[Family, Iterator[Sample]]]:
        """Every family with its samples."""
        self._count_waiting()
        for metric in (*self._told_apart(), *vars(self).values()):
            if isinstance(metric, Counter | Histogram):
                yield metric.family, metric.samples()

    def _told_apart(self) -> Iterator[Counter]:
        families = (REQUESTS, DECISIONS, QUOTA_DECISIONS, GUARD_FAILURES, BYTES)
        requests, decisions, quotas, failures, sizes = counters = [Counter(family) for family in families]
        for (route, status, event, action, policy, admitted), (count, bytes_in, bytes_out) in self._alike.items():
            requests.add((route, _STATUSES.get(status) or f"{status // 100}xx", event.value), count)
            sizes.add(("in",), bytes_in)
            sizes.add(("out",), bytes_out)
            if action is not None:
                decisions.add((policy or "", action), count)
            if event is Event.GUARD_FAILED:
                failures.add((), count)
            said = admitted or _REFUSED.get(event)
            if said is not None:
                quotas.add((said,), count)
        yield from counters

    def _begin(self, alike: _Alike) -> list[int]:
        if len(self._alike) >= MOST_SERIES:
            alike = (OTHER, 0, alike[2], None, None, alike[5])
        return self._alike.setdefault(alike, [0, 0, 0])

    def _found(self, record: AuditRecord) -> None:
        if record.action is not None:
            for rule, count in record.rules:
                self._findings.add((rule, record.action), count)
        for rule, count in record.shadow_rules:
            self._findings.add((rule, "shadow"), count)


FAMILIES: Final = tuple(family for family, _ in Metrics().told())
