"""What an exchange is charged, and which of the upstream's headers go back."""

from __future__ import annotations

from typing import cast

from aiohttp import web

from guardproxy.core.exchange import Provenance, RequestReading, Segment
from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.core.quota import Metric, Quota
from guardproxy.gateway.draft import Draft
from guardproxy.gateway.reservation import Reservation
from guardproxy.gateway.running import Running
from guardproxy.quota.characters import estimate_tokens
from guardproxy.quota.ledger import MemoryLedger
from guardproxy.quota.plan import NO_PLAN
from tests.support.gateway import Reply, make_gateway


def running() -> Running:
    gateway = make_gateway()[0]
    reservation = Reservation(MemoryLedger(lambda: 0), "req_1", lambda: 0)
    reservation.input_tokens = 10
    reservation.headers = {"x-ratelimit-limit-tokens": "1000"}
    nobody = cast(web.BaseRequest, None)  # the request itself is not looked at
    return Running(gateway, nobody, Draft("req_1"), reservation, 0.0)


def test_tokens_are_those_the_upstream_reports() -> None:
    one = running()
    one.charge({"total_tokens": 77}, lambda: 3000)
    assert (one.reservation.used.total, one.draft.tokens) == (77, {"reported": 77})


def test_without_a_believable_report_they_are_estimated_from_the_text_that_went_out() -> None:
    for usage in (None, {}, {"total_tokens": "77"}, {"total_tokens": -1}, [77]):
        one = running()
        one.charge(usage, lambda: 300)
        assert (one.reservation.used.total, one.draft.tokens) == (85, {"estimated": 85})


async def test_what_a_caller_is_told_counts_the_request_also_where_no_quota_does() -> None:
    one = running()
    one.reservation.input_tokens = 0
    text = Segment("a word or two", Provenance.USER, ("text",))
    await one.reservation.admit(NO_PLAN, RequestReading("m", False, (text,)))
    told = one.told_usage(40)
    assert told["prompt_tokens"] == estimate_tokens(text.text) > 0
    assert (told["completion_tokens"], told["total_tokens"]) == (10, told["prompt_tokens"] + 10)


def test_only_listed_headers_of_the_upstream_go_back() -> None:
    reply = Reply(headers={"openai-version": "2020", "retry-after-ms": "5", "set-cookie": "x", "server": "theirs"})
    headers = running().headers(reply, {"x-guardproxy-decision": "allow"})
    assert headers == {
        "server": "guardproxy",
        "x-request-id": "req_1",
        "x-ratelimit-limit-tokens": "1000",
        "x-guardproxy-decision": "allow",
        "openai-version": "2020",
        "retry-after-ms": "5",
    }


async def test_what_the_upstream_reports_is_learned_of_the_key_and_model_where_tokens_count() -> None:
    policy = Policy("p", "r", quotas=(Quota(Metric.TOKENS, 60, 10**6),))
    counted = make_gateway(policy)[0]
    principal = Principal("k1", "ada")
    plan = counted.planner.plan(policy, principal, "m", True)
    for _ in range(10):
        one = running()._replace(gateway=counted)
        await one.reservation.admit(plan, RequestReading("m", False, (), choices=2))
        one.draft.principal, one.draft.model = principal, "m"
        one.charge({"prompt_tokens": 5, "completion_tokens": 400, "total_tokens": 405}, lambda: 9)
    assert counted.expectations.usual("k1", "m") == 200
