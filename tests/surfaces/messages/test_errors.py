from __future__ import annotations

import json
from typing import Any

import pytest

from guardproxy.errors import (
    GuardUnavailable,
    InternalError,
    InvalidJson,
    InvalidKey,
    InvalidRequest,
    MethodNotAllowed,
    NotAllowed,
    PolicyBlocked,
    QuotaExceeded,
    RequestError,
    RequestTooLarge,
    Retry,
    RouteNotFound,
    ShuttingDown,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from guardproxy.surfaces.messages.errors import as_error, error_body, error_event, error_type
from guardproxy.surfaces.openai_errors import error_headers
from guardproxy.wire.sse import SseDecoder, SseEvent

ERRORS: list[tuple[str, str, RequestError]] = [
    ("invalid_request_error", "BadRequestError", InvalidJson("x")),
    ("invalid_request_error", "BadRequestError", InvalidRequest("x", param="messages[0]")),
    ("invalid_request_error", "BadRequestError", PolicyBlocked("x", detail={"policy": "p@1"})),
    ("invalid_request_error", "APIStatusError", MethodNotAllowed("x")),
    ("authentication_error", "AuthenticationError", InvalidKey("x")),
    ("permission_error", "PermissionDeniedError", NotAllowed("x")),
    ("not_found_error", "NotFoundError", RouteNotFound("x")),
    ("request_too_large", "RequestTooLargeError", RequestTooLarge("x")),
    ("rate_limit_error", "RateLimitError", QuotaExceeded("x", metric="tokens", retry=Retry(1500))),
    ("api_error", "InternalServerError", InternalError("x")),
    ("api_error", "InternalServerError", UpstreamUnavailable("x")),
    ("api_error", "InternalServerError", GuardUnavailable("x")),
    ("api_error", "InternalServerError", ShuttingDown("x")),
    ("timeout_error", "InternalServerError", UpstreamTimeout("x")),
]


@pytest.mark.parametrize(
    ("kind", "error"), [(one[0], one[2]) for one in ERRORS], ids=lambda value: type(value).__name__
)
def test_an_error_is_told_in_the_shape_of_the_api(kind: str, error: RequestError) -> None:
    body = error_body(error, "req_1")
    assert (body["type"], body["request_id"]) == ("error", "req_1")
    assert (body["error"]["type"], body["error"]["message"]) == (kind, "x")
    assert body["error"]["details"]["error_code"] == error.code
    assert body["error"]["details"].get("param") == error.param
    assert body["error"]["guardproxy"] == {**error.detail, "request_id": "req_1"}


def test_a_refusal_with_a_status_of_its_own_has_the_type_of_that_status() -> None:
    error = PolicyBlocked("x", code="role_not_allowed")
    error.status = 403
    assert error_body(error, "r")["error"]["type"] == "permission_error"
    assert [error_type(status) for status in (418, 500, 529, 599)] == [
        "invalid_request_error", "api_error", "overloaded_error", "api_error",
    ]  # fmt: skip


def test_an_error_in_a_stream_is_an_event_by_its_name() -> None:
    (event,) = SseDecoder().feed(error_event(PolicyBlocked("x"), "req_1"))
    assert isinstance(event, SseEvent)
    assert (event.event, json.loads(event.data)) == ("error", error_body(PolicyBlocked("x"), "req_1"))


@pytest.mark.parametrize(("name", "error"), [one[1:] for one in ERRORS], ids=lambda value: type(value).__name__)
def test_the_official_client_raises_it_with_what_it_says(name: str, error: RequestError) -> None:
    client, httpx2 = pytest.importorskip("anthropic"), pytest.importorskip("httpx2")

    def answer(_: Any) -> Any:
        headers = {**error_headers(error), "request-id": "req_1"}
        return httpx2.Response(error.status, headers=headers, json=error_body(error, "req_1"))

    with pytest.raises(client.APIStatusError) as raised:
        asking(client, httpx2, answer).messages.create(**REQUEST)
    assert type(raised.value) is getattr(client, name, None) or isinstance(raised.value, client.APIStatusError)
    told = raised.value
    assert (told.status_code, told.api_message, told.request_id) == (error.status, "x", "req_1")
    assert (told.type, told.error_code) == (error_body(error, "r")["error"]["type"], error.code)


def test_the_official_client_raises_an_error_in_a_stream() -> None:
    client, httpx2 = pytest.importorskip("anthropic"), pytest.importorskip("httpx2")
    stream = b'event: message_stop\ndata: {"type":"message_stop"}\n\n' + error_event(PolicyBlocked("stopped"), "req_1")

    def answer(_: Any) -> Any:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)

    told: list[str] = []
    with pytest.raises(client.APIStatusError) as raised:
        told.extend(one.type for one in asking(client, httpx2, answer).messages.create(**REQUEST, stream=True))
    assert (told, raised.value.api_message, raised.value.error_code) == (
        ["message_stop"], "stopped", "content_policy_violation",
    )  # fmt: skip


def test_the_official_client_obeys_what_the_headers_say_about_trying_again() -> None:
    client, httpx2 = pytest.importorskip("anthropic"), pytest.importorskip("httpx2")
    for error, expected in ((PolicyBlocked("x"), 1), (UpstreamUnavailable("x"), 1), (ShuttingDown("x"), 1)):
        asked: list[Any] = []
        headers = {**error_headers(error), **({"retry-after-ms": "1"} if error.retry.allowed else {})}

        def answer(request: Any, error: RequestError = error, headers: Any = headers, asked: Any = asked) -> Any:
            asked.append(request)
            return httpx2.Response(error.status, headers=headers, json=error_body(error, "r"))

        with pytest.raises(client.APIStatusError):
            asking(client, httpx2, answer, retries=1).messages.create(**REQUEST)
        assert len(asked) == expected + error.retry.allowed


REQUEST: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi."}]}


def asking(client: Any, httpx2: Any, answer: Any, retries: int = 0) -> Any:
    """The real client, whose requests are answered in this process."""
    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    return client.Anthropic(api_key="none", base_url="http://guardproxy.test", max_retries=retries, http_client=http)


# ---------------------------------------------------------------- errors of an upstream

REFUSED = "the upstream refused the request with status 404"
OWN = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_9"}


@pytest.mark.parametrize(
    ("expected", "document", "status"),
    [
        (OWN, OWN, 529),
        ({"type": "error", "error": {"message": "x", "type": "billing_error"}}, {"error": {"message": "x"}}, 402),
        (
            {"type": "error", "error": {"message": "x", "type": "api_error", "code": 5}},
            {"error": {"message": "x", "type": None, "code": 5}},
            500,
        ),
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "x"}}, {"error": "x"}, 400),
        ({"type": "error", "error": {"type": "rate_limit_error", "message": "x"}}, {"detail": "x"}, 429),
        ({"type": "error", "error": {"type": "api_error", "message": "x"}}, {"message": "x"}, 500),
        ({"type": "error", "error": {"type": "not_found_error", "message": REFUSED}}, {"ok": False}, 404),
        (None, {"ok": False}, 500),
        (None, ["x"], 400),
        (None, OWN, 302),
    ],
)  # fmt: skip
def test_an_upstreams_error_is_told_in_the_shape_of_the_api(expected: Any, document: Any, status: int) -> None:
    assert as_error(document, status) == expected
