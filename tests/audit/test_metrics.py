"""What is counted of an exchange."""

from __future__ import annotations

import re
from typing import Any

import pytest

from guardproxy.audit.events import Event
from guardproxy.audit.metrics import FAMILIES, Metrics
from guardproxy.audit.record import AuditRecord
from guardproxy.audit.registry import exposition
from tests.audit.exchanges import RULE, blocked, completed
from tests.support.prometheus import Page, read_page

CHAT = "/v1/chat/completions"


def counted(*records: AuditRecord) -> Page:
    metrics = Metrics()
    for record in records:
        metrics.observe(record)
    return read_page(exposition(metrics.told()))


def test_an_exchange_is_counted_by_route_status_and_outcome() -> None:
    page = counted(
        completed(), completed(), completed(status=502, event=Event.UPSTREAM_FAILED, error_code="upstream_timeout")
    )
    labels = {"route": CHAT, "status": "200", "outcome": "exchange_completed"}
    assert page.value("guardproxy_requests_total", labels) == 2
    assert page.value("guardproxy_requests_total", {**labels, "status": "502", "outcome": "upstream_failed"}) == 1
    assert page.value("guardproxy_upstream_failures_total", {"code": "upstream_timeout"}) == 1
    assert page.value("guardproxy_request_duration_seconds_count", {"route": CHAT, "stream": "true"}) == 3


def test_its_time_is_in_seconds_and_divided() -> None:
    timings = {"total": 2_000_000, "guard_request": 300, "guard_response": 700, "upstream_first_byte": 40_000}
    page = counted(completed(stream=False, timings_us=timings))
    assert page.value("guardproxy_request_duration_seconds_sum", {"route": CHAT, "stream": "false"}) == 2
    assert page.value("guardproxy_overhead_seconds_sum", {"direction": "request"}) == 0.0003
    assert page.value("guardproxy_overhead_seconds_sum", {"direction": "response"}) == 0.0007
    assert page.value("guardproxy_upstream_first_byte_seconds_sum", {"route": CHAT}) == 0.04


def test_a_block_is_counted_by_its_policy_and_its_rules() -> None:
    page = counted(blocked(), blocked(shadow_rules=(("own.trial", 3),)))
    assert page.value("guardproxy_decisions_total", {"policy": "default", "action": "block"}) == 2
    assert page.value("guardproxy_findings_total", {"rule": RULE, "action": "block"}) == 4
    assert page.value("guardproxy_findings_total", {"rule": "own.trial", "action": "shadow"}) == 3


def test_a_guard_that_could_not_run_is_no_decision() -> None:
    page = counted(completed(event=Event.GUARD_FAILED, status=503, action=None))
    assert page.value("guardproxy_guard_failures_total") == 1
    assert page.of("guardproxy_decisions_total") == {}


def test_tokens_are_counted_by_team_and_by_who_counted_them() -> None:
    page = counted(
        completed(tokens={"reported": 42}, tokens_read=30, tokens_written=12, team="research"),
        completed(tokens={"estimated": 7}, tokens_read=5, tokens_written=2),
    )
    team = {"source": "reported", "team": "research"}
    assert page.value("guardproxy_tokens_total", {"type": "input", **team}) == 30
    assert page.value("guardproxy_tokens_total", {"type": "output", **team}) == 12
    assert page.value("guardproxy_tokens_total", {"type": "input", "source": "estimated", "team": ""}) == 5


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"admitted": "admitted"}, "admitted"),
        ({"admitted": "degraded"}, "degraded"),
        ({"event": Event.QUOTA_REFUSED, "refused_by": "tokens/60s"}, "refused"),
        ({"event": Event.QUOTA_STORE_UNAVAILABLE}, "unavailable"),
    ],
)
def test_what_the_quotas_said_is_counted_once(changes: dict[str, Any], result: str) -> None:
    page = counted(completed(**changes))
    assert page.of("guardproxy_quota_decisions_total") == {frozenset({("result", result)}): 1}


def test_refusals_are_counted_by_quota_and_those_in_shadow_apart() -> None:
    page = counted(
        completed(event=Event.QUOTA_REFUSED, refused_by="tokens/60s"), completed(would_refuse=("tokens/60s",))
    )
    assert page.value("guardproxy_quota_refusals_total", {"quota": "tokens/60s", "mode": "enforce"}) == 1
    assert page.value("guardproxy_quota_refusals_total", {"quota": "tokens/60s", "mode": "shadow"}) == 1


def test_without_quotas_none_is_counted() -> None:
    assert counted(completed()).of("guardproxy_quota_decisions_total") == {}


def test_a_status_nobody_knows_makes_no_series_of_its_own() -> None:
    page = counted(*(completed(status=number) for number in range(550, 599)))
    assert len(page.of("guardproxy_requests_total")) == 1


def test_neither_a_key_nor_a_model_is_a_label() -> None:
    told = str(counted(completed(key_id="k1k1k1", key_name="alice-key", model="small-model")).values)
    assert not any(name in told for name in ("k1k1k1", "alice-key", "small-model"))


def test_names_are_as_prometheus_wants_them() -> None:
    for family in FAMILIES:
        assert re.fullmatch(r"guardproxy_[a-z_]+", family.name)
        assert family.name.endswith("_total") == (family.kind == "counter")
        assert family.name.endswith("_seconds") == (family.kind == "histogram")
