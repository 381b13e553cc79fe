from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai._streaming import SSEDecoder

from guardproxy.errors import (
    NEVER,
    GuardUnavailable,
    InternalError,
    InvalidJson,
    InvalidKey,
    NotAllowed,
    PolicyBlocked,
    QuotaExceeded,
    RequestError,
    RequestTooLarge,
    Retry,
    RouteNotFound,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from guardproxy.surfaces.openai_errors import LONGEST_WAIT_MS, adopt_error, error_body, error_event, error_headers

MESSAGES: Any = [{"role": "user", "content": "hello"}]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)

Answer = Callable[[httpx2.Request], httpx2.Response]


def client_of(answer: Answer, max_retries: int = 0) -> openai.OpenAI:
    """The real client, whose requests are answered in this process."""
    return openai.OpenAI(
        api_key="none",
        base_url="http://guardproxy.test/v1",
        max_retries=max_retries,
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
    )


def refusing(error: RequestError) -> Answer:
    return lambda _: httpx2.Response(error.status, headers=error_headers(error), json=error_body(error, "req-1"))


def streaming(stream: bytes) -> Answer:
    return lambda _: httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)


def attempts_after(error: RequestError) -> int:
    attempts = 0

    def answer(request: httpx2.Request) -> httpx2.Response:
        nonlocal attempts
        attempts += 1
        return refusing(error)(request)

    with pytest.raises(openai.APIStatusError):
        client_of(answer, max_retries=1).chat.completions.create(model="m", messages=MESSAGES)
    return attempts


def test_all_four_members_are_always_there_and_ours_stand_apart() -> None:
    error = PolicyBlocked("blocked", param="messages[0].content", detail={"policy": "default", "request_id": "forged"})
    assert error_body(error, "req-1") == {
        "error": {
            "message": "blocked",
            "type": "invalid_request_error",
            "param": "messages[0].content",
            "code": "content_policy_violation",
            "guardproxy": {"policy": "default", "request_id": "req-1"},
        }
    }
    assert error_body(RouteNotFound("no"), "req-2")["error"]["param"] is None


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (openai.BadRequestError, PolicyBlocked("blocked", param="messages[0]", detail={"incident_id": "i-1"})),
        (openai.BadRequestError, InvalidJson("not JSON")),
        (openai.AuthenticationError, InvalidKey("unknown key")),
        (openai.PermissionDeniedError, NotAllowed("not this model", code="model_not_allowed", param="model")),
        (openai.NotFoundError, RouteNotFound("no such surface")),
        (openai.APIStatusError, RequestTooLarge("too large")),
        (openai.RateLimitError, QuotaExceeded("60 requests a minute", metric="requests", retry=Retry(after_ms=250))),
        (openai.InternalServerError, GuardUnavailable("the guard could not run", retry=Retry(after_ms=1000))),
        (openai.InternalServerError, InternalError("failed")),
        (openai.InternalServerError, UpstreamUnavailable("no connection")),
        (openai.InternalServerError, UpstreamTimeout("no answer")),
    ],
)
def test_the_openai_client_raises_the_error_with_everything_in_it(
    raised: type[openai.APIStatusError], error: RequestError
) -> None:
    with pytest.raises(raised) as caught:
        client_of(refusing(error)).chat.completions.create(model="m", messages=MESSAGES)
    seen = caught.value
    assert (error.status, error.code, error.param, error.type) == (seen.status_code, seen.code, seen.param, seen.type)
    assert isinstance(seen.body, dict)
    assert {**error.detail, "request_id": "req-1"} == seen.body["guardproxy"]
    assert error.message in str(seen)


@pytest.mark.parametrize(
    "error",
    [
        PolicyBlocked("blocked"),
        GuardUnavailable("outage, but do not ask again"),
        QuotaExceeded("for today", metric="insufficient_quota", retry=NEVER),
        QuotaExceeded("for a while", metric="tokens", retry=Retry(after_ms=LONGEST_WAIT_MS + 1)),
    ],
)
def test_the_client_does_not_come_back_where_that_would_be_useless(error: RequestError) -> None:
    assert error_headers(error) == {"x-should-retry": "false"}
    assert attempts_after(error) == 1


@pytest.mark.parametrize("after_ms", [0, 1, 3])
def test_the_client_comes_back_after_the_exact_wait(after_ms: int) -> None:
    error = QuotaExceeded("wait", metric="requests", retry=Retry(after_ms=after_ms))
    assert error_headers(error) == {"retry-after": "1", "retry-after-ms": str(max(after_ms, 1))}
    assert attempts_after(error) == 2


@given(st.integers(0, 2 * LONGEST_WAIT_MS))
def test_whole_seconds_are_rounded_up_and_milliseconds_exact(after_ms: int) -> None:
    headers = error_headers(GuardUnavailable("wait", retry=Retry(after_ms=after_ms)))
    if after_ms > LONGEST_WAIT_MS:
        assert headers == {"x-should-retry": "false"}
    else:
        assert "x-should-retry" not in headers
        assert int(headers["retry-after-ms"]) == max(after_ms, 1)
        assert 0 <= int(headers["retry-after"]) * 1000 - int(headers["retry-after-ms"]) < 1000


def test_only_a_401_asks_for_a_bearer_token() -> None:
    assert error_headers(InvalidKey("unknown key")) == {"www-authenticate": "Bearer", "x-should-retry": "false"}
    assert "www-authenticate" not in error_headers(NotAllowed("no"))


@given(texts, st.none() | texts, st.dictionaries(texts, texts, max_size=3))
def test_the_event_is_one_plain_frame_that_says_what_the_body_says(
    message: str, param: str | None, detail: dict[str, str]
) -> None:
    error = UpstreamUnavailable(message)
    error.param, error.detail = param, detail
    frames = list(SSEDecoder().iter_bytes(iter([error_event(error, "req-1")])))
    assert [(None, error_body(error, "req-1"))] == [(frame.event, frame.json()) for frame in frames]


def test_the_openai_client_raises_the_event_after_what_it_has_read() -> None:
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choices = [{"index": 0, "delta": {"content": "par"}, "finish_reason": None}]
    error = UpstreamUnavailable("The upstream broke off.\nAsk again.")
    first = f"data: {json.dumps({**chunk, 'choices': choices})}\n\n".encode()
    stream = client_of(streaming(first + error_event(error, "req-1"))).chat.completions.create(
        model="m", messages=MESSAGES, stream=True
    )
    assert next(stream).choices[0].delta.content == "par"
    with pytest.raises(openai.APIError) as caught:
        next(stream)
    assert (error.message, error.code, error.type) == (caught.value.message, caught.value.code, caught.value.type)
    assert caught.value.body == error_body(error, "req-1")["error"]


@pytest.mark.parametrize(
    ("message", "status", "document"),
    [
        ("no", 400, {"error": {"message": "no", "code": "x"}}),
        ("no", 422, {"error": "no"}),
        ("no", 404, {"detail": "no"}),
        ("body.x: no", 422, {"detail": [{"loc": ["body", "x"], "msg": "no"}]}),
        ("no", 500, {"message": "no"}),
        ("the upstream refused the request with status 404", 404, {"unheard": "of"}),
    ],
)
def test_an_error_of_another_server_is_told_in_the_same_shape(message: str, status: int, document: Any) -> None:
    assert adopt_error(document, status)["error"]["message"] == message


@pytest.mark.parametrize(("status", "document"), [(200, {"error": "no"}), (500, {"unheard": "of"}), (400, ["no"])])
def test_what_is_no_error_is_not_taken_for_one(status: int, document: Any) -> None:
    assert adopt_error(document, status) is None
