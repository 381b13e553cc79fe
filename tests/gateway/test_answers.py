"""What every answer carries, whether it went well or not."""

from __future__ import annotations

import json

import pytest

from guardproxy.core.policy import Policy
from guardproxy.errors import (
    GuardUnavailable,
    InvalidKey,
    InvalidRequest,
    MethodNotAllowed,
    QuotaExceeded,
    RequestError,
    RequestTooLarge,
    Retry,
    ShuttingDown,
    UpstreamTimeout,
)
from guardproxy.gateway.answers import base_headers, error_answer, json_answer, policy_tag
from guardproxy.gateway.body import BodyTimeout
from guardproxy.gateway.draft import Draft

POLICY = Policy("mine", "abc123")


def draft(policy: Policy | None = None) -> Draft:
    made = Draft("req_1")
    made.policy = policy
    return made


def test_the_policy_is_named_with_its_revision() -> None:
    assert policy_tag(POLICY) == "mine@abc123"


def test_the_policy_stands_in_the_headers_once_it_is_known() -> None:
    assert base_headers(draft(), {}) == {"server": "guardproxy", "x-request-id": "req_1"}
    assert base_headers(draft(POLICY), {"x-more": "1"}) == {
        "server": "guardproxy",
        "x-request-id": "req_1",
        "x-guardproxy-policy": "mine@abc123",
        "x-more": "1",
    }


def test_who_is_refused_by_a_proxy_that_stops_is_not_to_ask_it_again() -> None:
    assert error_answer(ShuttingDown("later"), draft(), {}).closes
    assert not error_answer(GuardUnavailable("no"), draft(), {}).closes


def test_a_document_is_encoded_as_json() -> None:
    made = draft()
    answer = json_answer(made, 201, {"a": ["é", 10**30]}, {"x-more": "1"})
    assert (answer.status, answer.headers) == (201, {"content-type": "application/json", "x-more": "1"})
    assert json.loads(answer.body) == {"a": ["é", 10**30]}
    assert (made.status, made.bytes_out) == (201, len(answer.body))


def test_an_error_has_openais_shape_its_headers_and_its_status_in_the_record() -> None:
    made = draft(POLICY)
    error = QuotaExceeded("slow down", metric="tokens", retry=Retry(after_ms=1500))
    answer = error_answer(error, made, {"x-ratelimit-limit-tokens": "10"})
    assert (answer.status, made.status) == (429, 429)
    assert answer.headers["retry-after-ms"] == "1500"
    assert answer.headers["x-ratelimit-limit-tokens"] == "10"
    assert answer.headers["x-guardproxy-policy"] == "mine@abc123"
    assert json.loads(answer.body)["error"] == {
        "message": "slow down",
        "type": "tokens",
        "param": None,
        "code": "rate_limit_exceeded",
        "guardproxy": {"request_id": "req_1"},
    }


@pytest.mark.parametrize(
    ("error", "closes"),
    [
        (InvalidKey("x"), True),
        (MethodNotAllowed("x"), True),
        (BodyTimeout("x"), True),
        (RequestTooLarge("x"), True),
        (InvalidRequest("x"), False),
        (UpstreamTimeout("x"), False),
    ],
)
def test_the_connection_is_closed_where_a_body_may_still_be_arriving(error: RequestError, closes: bool) -> None:
    answer = error_answer(error, draft(), {})
    assert answer.closes == closes
