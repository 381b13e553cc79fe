"""Whole or streamed, an answer or an error: which way the upstream's half takes."""

from __future__ import annotations

import asyncio

import pytest

from guardproxy.errors import UpstreamTimeout, UpstreamUnavailable
from guardproxy.gateway.gateway import Bounds
from tests.support.gateway import KEY, Reply, data_plane, replies, streamed
from tests.support.upstream import DONE, chunk, completion, event

STREAM = event(chunk({"content": "hi"})) + DONE
MODELS = {"object": "list", "data": []}


async def test_an_event_stream_is_streamed_only_to_who_asked_for_one() -> None:
    async with data_plane(lambda: streamed(STREAM)) as on:
        asked = await on.chat(stream=True)
        assert asked.headers["content-type"].startswith("text/event-stream")
        assert asked.events[-1] == "[DONE]"
        assert (await on.chat()).refusal == (502, "upstream_unavailable")


async def test_a_whole_answer_to_a_request_for_a_stream_stays_whole() -> None:
    async with data_plane(lambda: replies(completion())) as on:
        assert (await on.chat(stream=True)).json == completion()


async def test_a_get_goes_out_without_a_body() -> None:
    async with data_plane(lambda: replies(MODELS)) as on:
        assert (await on.get("/v1/models?limit=3")).json == MODELS
        assert on.upstream.sent[0][:3] == ("GET", "/models", None)


async def test_a_get_that_is_answered_with_a_stream_is_no_answer() -> None:
    async with data_plane(lambda: streamed(STREAM)) as on:
        assert (await on.get("/v1/models")).refusal == (502, "upstream_unavailable")


@pytest.mark.parametrize("status", [201, 204, 299])
async def test_every_good_status_is_an_answer(status: int) -> None:
    async with data_plane(lambda: replies(completion(), status)) as on:
        assert (await on.chat()).status == status


@pytest.mark.parametrize(
    ("fault", "refusal"),
    [
        (UpstreamUnavailable("gone", reason="broken"), (502, "upstream_unavailable")),
        (UpstreamTimeout("silent"), (504, "upstream_timeout")),
    ],
)
async def test_an_answer_that_breaks_off_is_the_upstreams_failure(fault: Exception, refusal: tuple[int, str]) -> None:
    async with data_plane(lambda: Reply(b'{"choi', fault)) as on:
        assert (await on.chat()).refusal == refusal
        assert on.record["event"] == "upstream_failed"


async def test_a_failure_of_ours_is_a_500_that_names_its_place_in_the_log_only() -> None:
    async with data_plane(lambda: Reply(b"{", LookupError("marzipan"))) as on:
        answer = await on.chat()
        assert answer.refusal == (500, "internal_error")
        assert on.record["event"] == "guard_failed"
        assert on.record["cause"].startswith("LookupError at gateway.py:")
        assert "marzipan" not in answer.body.decode() + on.captured.getvalue()


async def test_the_upstream_is_told_how_long_the_exchange_may_take() -> None:
    async with data_plane(bounds=Bounds(exchange_s=50.0)) as on:
        before = asyncio.get_running_loop().time()
        await on.chat()
        assert before + 50.0 <= on.upstream.sent[0].until <= asyncio.get_running_loop().time() + 50.0


async def test_the_callers_key_is_no_part_of_what_is_sent() -> None:
    async with data_plane() as on:
        await on.chat()
        assert KEY not in repr(on.upstream.sent[0].body)
