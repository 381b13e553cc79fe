"""Statuses and codes are what OpenAI's clients branch on: each error keeps its own."""

from __future__ import annotations

import inspect

import pytest

from guardproxy import errors
from guardproxy.errors import (
    NEVER,
    GuardproxyError,
    InvalidRequest,
    PolicyBlocked,
    QuotaExceeded,
    RequestError,
    Retry,
    RuleError,
    UpstreamTimeout,
    UpstreamUnavailable,
)

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, RequestError)]


def made(kind: type[RequestError]) -> RequestError:
    return QuotaExceeded("said", metric="tokens", retry=NEVER) if kind is QuotaExceeded else kind("said")


@pytest.mark.parametrize("kind", KINDS)
def test_every_request_error_has_message_status_type_and_code(kind: type[RequestError]) -> None:
    error = made(kind)
    assert (error.message, str(error)) == ("said", "said")
    assert 400 <= error.status < 600
    assert error.code
    assert error.param is None
    assert error.detail == {}
    assert error.type == ("tokens" if kind is QuotaExceeded else "server_error" if error.status >= 500 else error.type)


@pytest.mark.parametrize("kind", KINDS)
def test_only_an_upstream_out_of_reach_is_worth_another_try(kind: type[RequestError]) -> None:
    assert made(kind).retry.allowed == issubclass(kind, UpstreamUnavailable)


def test_a_callers_mistake_is_never_a_server_error() -> None:
    assert {kind.__name__ for kind in KINDS if kind.status < 500} == {
        "RequestError", "InvalidJson", "InvalidRequest", "RequestTooLarge", "InvalidKey", "NotAllowed",
        "RouteNotFound", "MethodNotAllowed", "TooManyInvalidKeys", "PolicyBlocked", "QuotaExceeded",
        "ProviderKeyRefused",
    }  # fmt: skip


def test_a_code_can_be_made_more_exact_without_changing_its_kind() -> None:
    assert InvalidRequest("x", param="n", code="limit_exceeded").code == "limit_exceeded"
    assert (InvalidRequest.code, InvalidRequest("x").code) == ("invalid_request", "invalid_request")


def test_details_of_one_error_are_not_those_of_another() -> None:
    first, second = PolicyBlocked("x"), PolicyBlocked("x")
    first.detail["category"] = "secrets"
    assert second.detail == {}


def test_a_retry_is_never_or_after_a_time() -> None:
    assert (NEVER.allowed, Retry(after_ms=0).allowed, Retry(after_ms=5).allowed) == (False, True, True)


def test_an_upstream_failure_has_a_reason() -> None:
    assert UpstreamUnavailable("x").reason == "unavailable"
    assert UpstreamTimeout("x").reason == "timeout"
    assert UpstreamTimeout("x", reason="connect").status == 504


def test_a_rule_error_knows_its_option_and_perhaps_its_place() -> None:
    error = RuleError("no such class", option="pattern", offset=3)
    assert (error.option, error.offset, RuleError("x", option="y").offset) == ("pattern", 3, None)
    assert isinstance(error, GuardproxyError)
