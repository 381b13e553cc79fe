"""Whatever way an exchange ends, its record says which."""

from __future__ import annotations

import pytest

from guardproxy.audit.events import Event
from guardproxy.audit.record import Direction
from guardproxy.core.exchange import Coverage, Provenance
from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.core.verdict import Action, Finding, Severity, Verdict
from guardproxy.errors import (
    NEVER,
    GuardUnavailable,
    IdentityUnavailable,
    InternalError,
    InvalidJson,
    InvalidKey,
    PolicyBlocked,
    ProviderKeyRefused,
    QuotaExceeded,
    RequestError,
    RouteNotFound,
    ShuttingDown,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from guardproxy.gateway.draft import Draft


def verdict(action: Action, *rules: str) -> Verdict:
    findings = tuple(Finding(r, Severity.HIGH, Provenance.USER, ("a",), 0, 1, "«ab•••yz»") for r in rules)
    return Verdict(action, findings, coverage=Coverage({"user": 2}, {"image": 1}))


def test_a_fresh_draft_says_nothing_a_caller_chose() -> None:
    record = Draft("req_1").record(7)
    assert (record.time_ms, record.request_id, record.method, record.route) == (7, "req_1", "-", "-")
    assert record.event is Event.EXCHANGE_COMPLETED
    assert record.action is None
    assert record.coverage == Coverage()
    assert set(record.timings_us) == {"total"}


def test_who_called_and_under_which_policy_is_told() -> None:
    draft = Draft("req_1")
    draft.principal, draft.policy, draft.model = Principal("k1", "alice"), Policy("mine", "r1"), "m"
    record = draft.record(0)
    assert (record.key_id, record.key_name, record.policy, record.revision, record.model) == (
        "k1", "alice", "mine", "r1", "m",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("action", "event"),
    [
        (Action.ALLOW, Event.EXCHANGE_COMPLETED),
        (Action.FLAG, Event.EXCHANGE_FLAGGED),
        (Action.REDACT, Event.EXCHANGE_REDACTED),
        (Action.BLOCK, Event.EXCHANGE_BLOCKED),
    ],
)
@pytest.mark.parametrize("half", ["request", "response"])
def test_the_stricter_half_names_the_event(action: Action, event: Event, half: str) -> None:
    draft = Draft("req_1")
    draft.request = draft.response = verdict(Action.ALLOW)
    setattr(draft, half, verdict(action, "a.one", "a.one", "a.two"))
    record = draft.record(0)
    assert (record.event, record.action) == (event, action.word)
    assert record.rules == (("a.one", 2), ("a.two", 1))
    assert len(record.findings) == 3
    if action is not Action.ALLOW:
        assert record.direction is Direction(half)


def test_coverage_is_the_sum_of_both_halves() -> None:
    draft = Draft("req_1")
    draft.request = verdict(Action.ALLOW)
    assert draft.record(0).coverage == Coverage({"user": 2}, {"image": 1})
    draft.response = Verdict(Action.ALLOW, coverage=Coverage({"model": 3}))
    coverage = draft.record(0).coverage
    assert (dict(coverage.inspected), dict(coverage.skipped)) == ({"user": 2, "model": 3}, {"image": 1})


@pytest.mark.parametrize(
    ("error", "event"),
    [
        (PolicyBlocked("x"), Event.EXCHANGE_BLOCKED),
        (QuotaExceeded("x", metric="tokens", retry=NEVER), Event.QUOTA_REFUSED),
        (UpstreamUnavailable("x"), Event.UPSTREAM_FAILED),
        (UpstreamTimeout("x"), Event.UPSTREAM_FAILED),
        (GuardUnavailable("x"), Event.GUARD_FAILED),
        (InternalError("x"), Event.GUARD_FAILED),
        (ShuttingDown("x"), Event.EXCHANGE_REFUSED),
        (InvalidJson("x"), Event.EXCHANGE_REFUSED),
        (InvalidKey("x"), Event.EXCHANGE_REFUSED),
        (IdentityUnavailable("x"), Event.ISSUER_UNAVAILABLE),
        (ProviderKeyRefused("x"), Event.EXCHANGE_REFUSED),
        (RouteNotFound("x"), Event.EXCHANGE_REFUSED),
    ],
)
def test_a_refusal_an_outage_and_a_mistake_are_different_events(error: RequestError, event: Event) -> None:
    draft = Draft("req_1")
    draft.request = verdict(Action.REDACT, "a.one")
    draft.refused(error)
    record = draft.record(0)
    assert (record.event, record.error_code) == (event, error.code)


@pytest.mark.parametrize(
    ("status", "event"),
    [
        (400, Event.EXCHANGE_REFUSED),
        (404, Event.EXCHANGE_REFUSED),
        (429, Event.UPSTREAM_FAILED),
        (500, Event.UPSTREAM_FAILED),
    ],
)
def test_an_error_of_the_upstream_is_its_failure_or_the_callers_mistake(status: int, event: Event) -> None:
    draft = Draft("req_1")
    draft.failed_upstream(status)
    assert (draft.record(0).event, draft.record(0).error_code) == (event, f"upstream_{status}")


def test_a_caller_who_left_is_no_refusal() -> None:
    draft = Draft("req_1")
    draft.abandoned()
    assert draft.record(0).event is Event.CLIENT_DISCONNECTED


def test_the_cause_of_a_failure_is_its_type_and_place_and_never_its_text() -> None:
    draft = Draft("req_1")
    try:
        try:
            raise LookupError("marzipan")
        except LookupError as cause:
            raise GuardUnavailable("a guard could not run") from cause
    except GuardUnavailable as error:
        draft.refused(error)
    told = draft.record(0).cause
    assert told is not None
    assert told.startswith("LookupError at test_draft.py:")
    assert "marzipan" not in told


def test_a_phase_in_several_pieces_adds_up() -> None:
    draft = Draft("req_1")
    draft.spent("guard_response", 2_000_000)
    draft.spent("guard_response", 3_000_000)
    draft.lap("guard_request", 0)
    timings = draft.record(0).timings_us
    assert timings["guard_response"] == 5000
    assert set(timings) == {"guard_response", "guard_request", "total"}


def test_the_extent_is_that_of_both_halves() -> None:
    draft = Draft("req_1")
    assert draft.extent == "full"
    draft.request = Verdict(Action.ALLOW, coverage=Coverage({"user": 1}))
    assert draft.extent == "full"
    draft.response = verdict(Action.ALLOW)
    assert draft.extent == "partial"
    assert not draft.record(7).uninspected
