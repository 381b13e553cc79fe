"""The audit record of a running exchange, filled in as the exchange goes on.

Whatever way an exchange ends - answered, refused, broken, cancelled - one record comes out of it, and it says no more
than what is known at that moment.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec.structs import replace

from guardproxy.audit.events import Event
from guardproxy.audit.record import AuditFinding, AuditRecord, Direction, count_rules
from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.core.verdict import Action, Finding, Verdict
from guardproxy.errors import (
    GuardUnavailable,
    IdentityUnavailable,
    InternalError,
    KeyStoreLost,
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
_NONE: Mapping[str, int] = MappingProxyType({})


class Draft:
    """One exchange's record in the making. Times are `perf_counter` nanoseconds, told in microseconds."""

    # Until it is known to be one of ours, the request line is text of the caller's choosing.
    method = "-"
    route = "-"
    principal: Principal | None = None
    provider_key: str | None = None  # of a caller that brings its own: never shown, hidden in what is
    policy: Policy | None = None
    model: str | None = None
    stream = False
    uninspected = False
    conventions: Conventions = OPENAI  # until it is known which API was called
    request: Verdict | None = None
    response: Verdict | None = None
    status = 0
    error_code: str | None = None
    incident_id: str | None = None
    tokens: Mapping[str, int] = MappingProxyType({})
    tokens_read = tokens_written = 0
    admitted: str | None = None
    refused_by: str | None = None
    charged: Mapping[str, int] = MappingProxyType({})
    would_refuse: tuple[str, ...] = ()
    bytes_in = 0
    bytes_out = 0
    watched: Watched | None = None
    _ended_by: Event | None = None
    _cause: str | None = None
    _passed_over: tuple[Finding, ...] = ()

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
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
        if isinstance(error, QuotaExceeded):
            self.refused_by = error.quota
        if self._cause is None and error.__cause__ is not None:
            self._cause = place(error.__cause__)

    def failed_upstream(self, status: int) -> None:
        """The upstream answered with an error of its own, which was passed on."""
        self.error_code = f"upstream_{status}"
        self._ended_by = Event.UPSTREAM_FAILED if status >= 500 or status == 429 else Event.EXCHANGE_REFUSED

    def failed_within(self) -> None:
        """The upstream said with status 200 that it failed, in a stream or a whole answer; that was passed on."""
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
        record = AuditRecord(
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
            features={**request.features, **response.features} if request.features or response.features else _NONE,
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
            tokens_read=self.tokens_read,
            tokens_written=self.tokens_written,
            admitted=self.admitted,
            refused_by=self.refused_by,
        )
        findings = request.findings + response.findings
        shadow = request.shadow + response.shadow + self._passed_over
        if not (findings or shadow):  # as in most
            return record
        would = max(action or Action.ALLOW, request.would, response.would, Action.BLOCK if self._passed_over else 0)
        return replace(
            record,
            direction=self._direction(action) if findings else None,
            rules=count_rules(findings),
            findings=tuple(AuditFinding.of(finding, self.provider_key) for finding in findings),
            would_action=Action(would).word if shadow else None,
            shadow_rules=count_rules(shadow),
        )

    def _direction(self, action: Action | None) -> Direction:
        decided_by_request = self.request is not None and self.request.action == action
        return Direction.REQUEST if decided_by_request else Direction.RESPONSE


def _event_of(error: RequestError) -> Event:
    match error:
        case PolicyBlocked():
            return Event.EXCHANGE_BLOCKED
        case QuotaExceeded():
            return Event.QUOTA_REFUSED
        case IdentityUnavailable():
            return Event.ISSUER_UNAVAILABLE
        case KeyStoreLost():
            return Event.KEY_STORE_UNAVAILABLE
        case QuotaStoreUnavailable():
            return Event.QUOTA_STORE_UNAVAILABLE
        case UpstreamUnavailable():
            return Event.UPSTREAM_FAILED
        case GuardUnavailable() | InternalError():
            return Event.GUARD_FAILED
        case _:
            return Event.EXCHANGE_REFUSED


def place(cause: BaseException) -> str:
    """`TypeError at stream.py:88`: where it came from. Its message is left out, since it may quote an exchange."""
    frames = traceback.extract_tb(cause.__traceback__)
    where = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"{type(cause).__name__}{where}"
