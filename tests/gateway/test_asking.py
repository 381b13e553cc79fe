"""The usage of a stream is asked for where a quota counts it, hidden from who did not ask, and never at the price of
an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guardproxy.core.exchange import RequestReading
from guardproxy.core.quota import Metric, Quota
from guardproxy.gateway.asking import SILENCE_S, Asking
from guardproxy.surfaces import CHAT_COMPLETIONS, RESPONSES
from tests.support.gateway import Reply, data_plane, replies, streamed
from tests.support.policies import SMALL, small
from tests.support.upstream import DONE, chunk, completion, event

COUNTED = small(quotas=(Quota(Metric.TOKENS, 60, 10**6),))
USAGE = {"prompt_tokens": 100, "completion_tokens": 23, "total_tokens": 123}
REFUSAL = {"error": {"message": "unknown field stream_options", "type": "invalid_request_error", "code": None}}


def told() -> Reply:
    """A stream of a server that was asked."""
    text = [event(chunk({"content": word}, usage=None)) for word in ("one ", "two ", "three")]
    return streamed(*text, event({**chunk({}), "choices": [], "usage": USAGE}), DONE)


def sent(on: Any, number: int = -1) -> dict[str, Any]:
    document = json.loads(on.upstream.sent[number].body)
    assert isinstance(document, dict)
    return document


async def test_where_tokens_count_the_usage_is_asked_for_charged_and_not_shown() -> None:
    async with data_plane(told, COUNTED) as on:
        answer = await on.chat(stream=True)
        assert sent(on)["stream_options"] == {"include_usage": True}
        assert on.record["tokens"] == {"reported": 123}
        assert b"usage" not in answer.body
        assert len(answer.events) == 4  # three pieces of text and the end
        assert answer.events[-1] == "[DONE]"


async def test_a_client_that_asks_gets_it() -> None:
    async with data_plane(told, COUNTED) as on:
        answer = await on.chat(stream=True, stream_options={"include_usage": True})
        assert answer.events[-2]["usage"] == USAGE
        assert answer.events[0]["usage"] is None


@pytest.mark.parametrize("quotas", [(), (Quota(Metric.REQUESTS, 60, 9),)])
async def test_where_nothing_counts_tokens_nothing_is_asked_and_nothing_hidden(quotas: tuple[Quota, ...]) -> None:
    async with data_plane(told, small(quotas=quotas)) as on:
        answer = await on.chat(stream=True)
        assert "stream_options" not in sent(on)
        assert answer.events[-2]["usage"] == USAGE


async def test_a_whole_answer_needs_no_asking() -> None:
    async with data_plane(lambda: replies(completion()), COUNTED) as on:
        await on.chat()
        assert "stream_options" not in sent(on)


@pytest.mark.parametrize("status", [400, 422])
async def test_an_upstream_that_refuses_it_gets_the_request_as_it_was_and_is_not_asked_again(status: int) -> None:
    answers = iter([replies(REFUSAL, status), streamed(event(chunk({"content": "hi"})), DONE), told()])
    async with data_plane(lambda: next(answers), COUNTED) as on:
        answer = await on.chat(stream=True)
        assert (answer.status, answer.events[0]["choices"][0]["delta"]["content"]) == (200, "hi")
        assert ["stream_options" in sent(on, number) for number in (0, 1)] == [True, False]
        assert set(on.record["tokens"]) == {"estimated"}
        await on.chat(stream=True)
        assert "stream_options" not in sent(on)
        assert len(on.upstream.sent) == 3


async def test_any_other_error_is_the_callers() -> None:
    other = {"error": {"message": "no such model", "type": "invalid_request_error", "code": None}}
    async with data_plane(lambda: replies(other, 400), COUNTED) as on:
        assert (await on.chat(stream=True)).status == 400
        assert len(on.upstream.sent) == 1
        await on.chat(stream=True)
        assert "stream_options" in sent(on)


def test_after_an_hour_the_upstream_is_asked_again() -> None:
    clock = [0.0]
    asking = Asking(lambda: clock[0])
    reading = RequestReading("m", True, ())
    assert asking.ask(CHAT_COMPLETIONS, {}, reading)
    asking.refused(CHAT_COMPLETIONS)
    assert not asking.ask(CHAT_COMPLETIONS, {}, reading)
    clock[0] = SILENCE_S
    assert asking.ask(CHAT_COMPLETIONS, {}, reading)


def test_a_surface_whose_streams_always_tell_is_not_asked() -> None:
    document: dict[str, Any] = {}
    assert not Asking().ask(RESPONSES, document, RequestReading("m", True, ()))
    assert document == {}


async def test_a_policy_without_quotas_leaves_a_stream_alone() -> None:
    async with data_plane(told, SMALL) as on:
        assert (await on.chat(stream=True)).events[0]["usage"] is None
