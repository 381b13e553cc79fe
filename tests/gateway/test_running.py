"""What an exchange is charged, and which of the upstream's headers go back."""

from __future__ import annotations

from typing import cast

from aiohttp import web

from guardproxy.gateway.draft import Draft
from guardproxy.gateway.reservation import Reservation
from guardproxy.gateway.running import Running
from guardproxy.quota.ledger import MemoryLedger
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
    one.charge({"total_tokens": 77}, 3000)
    assert (one.reservation.used.total, one.draft.tokens) == (77, {"reported": 77})


def test_without_a_believable_report_they_are_estimated_from_the_text_that_went_out() -> None:
    for usage in (None, {}, {"total_tokens": "77"}, {"total_tokens": -1}, [77]):
        one = running()
        one.charge(usage, 300)
        assert (one.reservation.used.total, one.draft.tokens) == (110, {"estimated": 110})


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
