"""The audit record of a running exchange, filled in as the exchange goes on.

Whatever way an exchange ends - answered, refused, broken, cancelled - one record comes out of it, and it says no more
than what is known at that moment.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from guardproxy.audit.events import Event
from guardproxy.audit.record import AuditFinding, AuditRecord, Direction, count_rules
from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.core.verdict import Action, Finding, Verdict
from guardproxy.errors import (
    GuardUnavailable,
    InternalError,
    PolicyBlocked,
    QuotaExceeded,
    QuotaStoreUnavailable,
    RequestError,
    UpstreamUnavailable,
)
from guardproxy.surfaces.conventions import OPENAI, Conventions

if TYPE_CHECKING:
    from guardproxy.gateway.candidate import Watched

_EVENTS = {
    Action.ALLOW: Event.EXCHANGE_COMPLETED,
    Action.FLAG: Event.EXCHANGE_FLAGGED,
    Action.REDACT: Event.EXCHANGE_REDACTED,
    Action.BLOCK: Event.EXCHANGE_BLOCKED,
}


_UNDECIDED = Verdict(Action.ALLOW)
_NO_FINDINGS: Mapping[str, Any] = MappingProxyType({})


class Draft:
    """One exchange's record in the making. Times are `perf_counter` nanoseconds, told in microseconds."""

    __slots__ = (
        "_cause",
        "_ended_by",
        "_passed_over",
        "_started",
        "_timings",
        "bytes_in",
        "bytes_out",
        "charged",
        "conventions",
        "error_code",
        "incident_id",
        "method",
        "model",
        "policy",
        "principal",
        "request",
        "request_id",
        "response",
        "route",
        "status",
        "stream",
        "tokens",
        "uninspected",
        "watched",
        "would_refuse",
    )

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        # Until it is known to be one of ours, the request line is text of the caller's choosing.
        self.method = "-"
        self.route = "-"
        self.principal: Principal | None = None
        self.policy: Policy | None = None
        self.model: str | None = None
        self.stream = False
        self.uninspected = False
        self.conventions: Conventions = OPENAI  # until it is known which API was called
        self.request: Verdict | None = None
        self.response: Verdict | None = None
        self.status = 0
        self.error_code: str | None = None
        self.incident_id: str | None = None
        self.tokens: dict[str, int] = {}
        self.charged: dict[str, int] = {}
        self.would_refuse: tuple[str, ...] = ()
        self.bytes_in = 0
        self.bytes_out = 0
        self.watched: Watched | None = None
        self._ended_by: Event | None = None
        self._cause: str | None = None
        self._passed_over: tuple[Finding, ...] = ()
        self._timings: dict[str, int] = {}
        self._started = time.perf_counter_ns()

    def lap(self, phase: str, since_ns: int) -> None:
        """Note how long a phase took that began at `since_ns`; a phase in several pieces adds up."""
        timings = self._timings
        timings[phase] = timings.get(phase, 0) + (time.perf_counter_ns() - since_ns) // 1000

    def spent(self, phase: str, duration_ns: int) -> None:
        self._timings[phase] = self._timings.get(phase, 0) + duration_ns // 1000

    def pass_over(self, findings: Iterable[Finding]) -> None:
        """A policy in shadow would have refused the exchange for these."""
        self._passed_over += tuple(findings)

    def refused(self, error: RequestError) -> None:
        """The exchange ends with this error, as its whole answer or inside its stream."""
        self.error_code = error.code
        self._ended_by = _event_of(error)
        if self._cause is None and error.__cause__ is not None:
            self._cause = place_of(error.__cause__)

    def failed_upstream(self, status: int) -> None:
        """The upstream answered with an error of its own, which was passed on."""
        self.error_code = f"upstream_{status}"
        self._ended_by = Event.UPSTREAM_FAILED if status >= 500 or status == 429 else Event.EXCHANGE_REFUSED

    def failed_in_stream(self) -> None:
        """The upstream ended its stream with an error object, which was passed on."""
        self.error_code = "upstream_error"
        self._ended_by = Event.UPSTREAM_FAILED

    def over_limit(self) -> None:
        """A hard limit ended the answer while it streamed."""
        self.error_code = "insufficient_quota"
        self._ended_by = Event.QUOTA_REFUSED

    def abandoned(self) -> None:
        """The caller left."""
        self._ended_by = Event.CLIENT_DISCONNECTED

    @property
    def extent(self) -> str:
        """`full` or `partial`: how much of what has been decided so far could be looked at."""
        request, response = self.request or _UNDECIDED, self.response or _UNDECIDED
        return "full" if request.coverage.full and response.coverage.full else "partial"

    def record(self, time_ms: int) -> AuditRecord:
        """The record as of now."""
        request, response = self.request or _UNDECIDED, self.response or _UNDECIDED
        decided = self.request is not None or self.response is not None
        action = max(request.action, response.action) if decided else None
        self._timings["total"] = (time.perf_counter_ns() - self._started) // 1000
        event = self._ended_by or _EVENTS[action or Action.ALLOW]
        principal, policy = self.principal, self.policy
        return AuditRecord(
            time_ms=time_ms,
            request_id=self.request_id,
            event=event,
            status=self.status,
            method=self.method,
            route=self.route,
            key_id=principal.key_id if principal else None,
            key_name=principal.name if principal else None,
            model=self.model,
            stream=self.stream,
            policy=policy.name if policy else None,
            revision=policy.revision if policy else None,
            action=action.word if action is not None else None,
            coverage=request.coverage.plus(response.coverage),
            features=request.features,
            uninspected=self.uninspected,
            error_code=self.error_code,
            cause=self._cause,
            incident_id=self.incident_id,
            timings_us=self._timings,
            tokens=self.tokens,
            bytes_in=self.bytes_in,
            bytes_out=self.bytes_out,
            team=principal.team if principal else None,
            charged=self.charged,
            would_refuse=self.would_refuse,
            **self._found(request, response, action),
        )

    def _found(self, request: Verdict, response: Verdict, action: Action | None) -> Mapping[str, Any]:
        """What the record says of findings; nothing where there are none, as in most."""
        findings = request.findings + response.findings
        shadow = request.shadow + response.shadow + self._passed_over
        if not (findings or shadow):
            return _NO_FINDINGS
        would = max(action or Action.ALLOW, request.would, response.would, Action.BLOCK if self._passed_over else 0)
        return {
            "direction": self._direction(action) if findings else None,
            "rules": count_rules(findings),
            "findings": tuple(map(AuditFinding.of, findings)),
            "would_action": Action(would).word if shadow else None,
            "shadow_rules": count_rules(shadow),
        }

    def _direction(self, action: Action | None) -> Direction:
        decided_by_request = self.request is not None and self.request.action == action
        return Direction.REQUEST if decided_by_request else Direction.RESPONSE


def _event_of(error: RequestError) -> Event:
    match error:
        case PolicyBlocked():
            return Event.EXCHANGE_BLOCKED
        case QuotaExceeded():
            return Event.QUOTA_REFUSED
        case QuotaStoreUnavailable():
            return Event.QUOTA_STORE_UNAVAILABLE
        case UpstreamUnavailable():
            return Event.UPSTREAM_FAILED
        case GuardUnavailable() | InternalError():
            return Event.GUARD_FAILED
        case _:
            return Event.EXCHANGE_REFUSED


def place_of(cause: BaseException) -> str:
    """`TypeError at stream.py:88`: where it came from. Its message is left out, since it may quote an exchange."""
    frames = traceback.extract_tb(cause.__traceback__)
    where = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"{type(cause).__name__}{where}"
