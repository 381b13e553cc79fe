"""Whatever an upstream answers: an error of the right status, or one inside the stream once bytes were sent."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.e2e.scene import CHAT, MARK, Scene, chat, playing, said, scene
from tests.support.caller import Answer, calling, request
from tests.support.proxy import SESSION_KEY
from tests.support.upstream import (
    DONE,
    STREAM_END,
    STREAM_HEAD,
    Asked,
    Script,
    Send,
    StopServing,
    answers,
    chunk,
    completion,
    event,
    piece,
    running_upstream,
    whole,
)

HTML = f"<html><body>{MARK}</body></html>".encode()
FIRST = piece(event(chunk({"content": "first "})))
GARBAGE_EVENTS = {
    "invalid utf-8": b'data: {"choices":[{"index":0,"delta":{"content":"\xff"}}]}\n\n',
    "not json": b"data: marzipan\n\n",
    "a list": b'data: ["marzipan"]\n\n',
    "a wild index": event(chunk({"content": MARK}, index="zero")),  # type: ignore[arg-type]
    "a lone surrogate": b'data: {"choices":[{"index":0,"delta":{"content":"\\ud800"}}]}\n\n',
}
NO_ANSWERS = {
    "html 200": whole(HTML, content_type="text/html"),
    "html 500": whole(HTML, 500, content_type="text/html"),
    "html 404": whole(HTML, 404, content_type="text/html"),
    "empty 200": whole(b""),
    "a list": whole([MARK]),
    "a string": whole(MARK),
    "null": whole(None),
    "json of another kind 500": whole({"detail": [MARK]}, 500),
    "a redirect": whole({}, 302, headers=[("location", "http://127.0.0.1:1/")]),
    "a redirect without a body": whole(b"", 307, headers=[("location", "/v1/elsewhere")]),
    "compressed": whole(b"\x1f\x8b\x08\x00", headers=[("content-encoding", "gzip")]),
    "no http": b"marzipan\r\n\r\n",
    "a head without an end": b"HTTP/1.1 200 OK\r\nx-" + b"a" * 100_000,
    "a stream nobody asked for": STREAM_HEAD + FIRST + piece(DONE) + STREAM_END,
    "a duplicate length": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
}


def then_closes(*parts: bytes) -> Script:
    async def script(asked: Asked, send: Send) -> None:
        for part in parts:
            await send(part)
        raise StopServing

    return script


def then_waits(*parts: bytes) -> Script:
    async def script(asked: Asked, send: Send) -> None:
        for part in parts:
            await send(part)
        await asyncio.Event().wait()

    return script


def drips(head: bytes, part: bytes) -> Script:
    async def script(asked: Asked, send: Send) -> None:
        await send(head)
        while True:
            await send(part)
            await asyncio.sleep(0.01)

    return script


def assert_failed(on: Scene, answer: Answer, status: int, code: str) -> None:
    assert answer.refusal == (status, code)
    assert MARK not in answer.body.decode()
    assert on.ended == "upstream_failed"
    assert on.proxy.exchange()["status"] == status


@pytest.mark.parametrize("said_back", NO_ANSWERS.values(), ids=NO_ANSWERS)
async def test_what_is_no_answer_of_the_api_is_a_502(said_back: bytes, tmp_path: Path) -> None:
    async with scene(tmp_path, answers(said_back)) as on:
        assert_failed(on, await on.chat(), 502, "upstream_unavailable")
        assert len(on.upstream.asked) == 1


async def test_an_upstream_that_does_not_listen_is_a_502_worth_another_try(tmp_path: Path) -> None:
    async with running_upstream(answers(b"")) as gone:
        closed_url = gone.base_url
    async with playing(tmp_path, gone, closed_url) as on:
        answer = await on.chat()
        assert_failed(on, answer, 502, "upstream_unavailable")
        assert answer.headers["retry-after-ms"] == "1000"


@pytest.mark.parametrize(
    "script",
    [
        then_closes(),
        then_closes(b"HTTP/1.1 200 OK\r\ncontent-ty"),
        then_closes(whole(completion())[:-10]),
        then_closes(STREAM_HEAD.replace(b"text/event-stream", b"application/json"), piece(b'{"choices":')),
        then_closes(STREAM_HEAD),
    ],
    ids=["before the head", "in the head", "in the body", "in a chunked body", "before the first event"],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_an_upstream_that_closes_too_early_is_a_502(script: Script, streamed: bool, tmp_path: Path) -> None:
    async with scene(tmp_path, script) as on:
        assert_failed(on, await on.chat(stream=streamed), 502, "upstream_unavailable")


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_upstream_that_never_answers_is_a_504(streamed: bool, tmp_path: Path) -> None:
    async with scene(tmp_path, then_waits(), upstream={"read_timeout": 0.05}) as on:
        assert_failed(on, await on.chat(stream=streamed), 504, "upstream_timeout")


async def test_an_upstream_that_falls_silent_in_a_whole_answer_is_a_504(tmp_path: Path) -> None:
    async with scene(tmp_path, then_waits(whole(completion())[:-5]), upstream={"read_timeout": 0.05}) as on:
        assert_failed(on, await on.chat(), 504, "upstream_timeout")


async def test_a_whole_answer_that_takes_too_long_is_a_504(tmp_path: Path) -> None:
    script = drips(STREAM_HEAD.replace(b"text/event-stream", b"application/json"), piece(b" "))
    async with scene(tmp_path, script, exchange_timeout=0.2) as on:
        assert_failed(on, await on.chat(), 504, "upstream_timeout")


async def test_a_whole_answer_that_is_too_large_is_a_502(tmp_path: Path) -> None:
    script = answers(whole(completion("x" * 10_000)))
    async with scene(tmp_path, script, upstream={"max_response_bytes": 5_000}) as on:
        assert_failed(on, await on.chat(), 502, "upstream_unavailable")


@pytest.mark.parametrize("garbage", GARBAGE_EVENTS.values(), ids=GARBAGE_EVENTS)
async def test_an_event_that_is_none_is_a_502_before_the_first_byte(garbage: bytes, tmp_path: Path) -> None:
    async with scene(tmp_path, then_waits(STREAM_HEAD, piece(garbage))) as on:
        assert_failed(on, await on.chat(stream=True), 502, "upstream_unavailable")


BROKEN_STREAMS: dict[str, tuple[bytes, bool, str]] = {
    **{name: (piece(data), False, "upstream_unavailable") for name, data in GARBAGE_EVENTS.items()},
    "closes in an event": (piece(b'data: {"cho'), True, "upstream_unavailable"),
    "closes between events": (b"", True, "upstream_unavailable"),
    "ends in an event": (piece(b'data: {"cho') + STREAM_END, True, "upstream_unavailable"),
    "breaks its framing": (b"nonsense\r\n", False, "upstream_unavailable"),
    "falls silent": (b"", False, "upstream_timeout"),
}


@pytest.mark.parametrize(("then", "closes", "code"), BROKEN_STREAMS.values(), ids=BROKEN_STREAMS)
async def test_a_stream_that_breaks_raises_an_api_error_in_the_client(
    then: bytes, closes: bool, code: str, tmp_path: Path
) -> None:
    read = asyncio.Event()

    async def script(asked: Asked, send: Send) -> None:
        await send(STREAM_HEAD + FIRST)
        await read.wait()
        await send(then)
        if closes:
            raise StopServing
        await asyncio.Event().wait()

    patience = 1 if code == "upstream_timeout" else 60
    async with scene(tmp_path, script, upstream={"read_timeout": patience}) as on:
        got = await _read_until_it_breaks(on, read)
        assert got.text == "first "
        assert got.error.code == code
        assert set(got.body) >= {"message", "type", "param", "code"}
        assert got.body["guardproxy"]["request_id"] == on.proxy.exchange()["request_id"]
        assert on.ended == "upstream_failed"
        assert on.proxy.exchange()["status"] == 200


@pytest.mark.parametrize("garbage", GARBAGE_EVENTS.values(), ids=GARBAGE_EVENTS)
async def test_what_came_with_a_broken_event_but_before_it_is_not_lost(garbage: bytes, tmp_path: Path) -> None:
    said_before = event(chunk({"content": "first "}))
    async with scene(tmp_path, then_waits(STREAM_HEAD + piece(said_before + garbage))) as on:
        answer = await on.chat(stream=True)
        assert [list(each) for each in answer.events][-1] == ["error"]
        assert answer.events[0]["choices"][0]["delta"]["content"] == "first "
        assert on.ended == "upstream_failed"


async def test_text_held_back_when_a_stream_breaks_goes_out_before_the_error(tmp_path: Path) -> None:
    held = piece(event(chunk({"content": "the codeword-"})))
    async with scene(tmp_path, then_closes(STREAM_HEAD, held)) as on:
        answer = await on.chat(stream=True)
        *texts, error = answer.events
        assert "".join(part["choices"][0]["delta"]["content"] for part in texts) == "the codeword-"
        assert error["error"]["code"] == "upstream_unavailable"


async def test_a_stream_that_takes_too_long_is_ended_in_band(tmp_path: Path) -> None:
    async with scene(tmp_path, drips(STREAM_HEAD, FIRST), exchange_timeout=1) as on:
        got = await _read_until_it_breaks(on)
        assert set(got.text.split()) == {"first"}
        assert got.error.code == "upstream_timeout"
        assert on.ended == "upstream_failed"


async def test_an_error_in_band_is_the_last_event_of_a_well_ended_stream(tmp_path: Path) -> None:
    async with scene(tmp_path, then_closes(STREAM_HEAD, FIRST)) as on, calling(on.port) as caller:
        await caller.send(request("POST", CHAT, chat(stream=True), SESSION_KEY))
        answer = await caller.answer()
        assert answer.complete
        assert "[DONE]" not in answer.events
        assert list(answer.events[-1]) == ["error"]
        await caller.send(request("POST", CHAT, chat(stream=True), SESSION_KEY))
        assert (await caller.answer()).status == 200


async def test_the_upstreams_own_error_in_its_stream_reaches_the_client_inspected(tmp_path: Path) -> None:
    error = {"error": {"message": "overloaded codeword-tulip", "type": "server_error", "param": None, "code": "busy"}}
    script = then_closes(STREAM_HEAD, FIRST, piece(event(error)) + STREAM_END)
    async with scene(tmp_path, script) as on:
        got = await _read_until_it_breaks(on)
        assert got.text == "first "
        assert got.error.code == "busy"
        assert got.error.message == "overloaded [REDACTED:own.codeword]"
        assert on.proxy.exchange()["rules"] == {"own.codeword": 1}


async def test_a_stream_without_done_is_complete_when_the_upstream_ends_it(tmp_path: Path) -> None:
    script = then_closes(STREAM_HEAD, FIRST, piece(event(chunk({}, finish_reason="stop"))), STREAM_END)
    async with scene(tmp_path, script) as on:
        answer = await on.chat(stream=True)
        assert answer.complete
        assert answer.events[-1]["choices"][0]["finish_reason"] == "stop"
        assert on.ended == "exchange_completed"


async def test_a_whole_answer_to_a_request_for_a_stream_is_passed_on_whole(tmp_path: Path) -> None:
    async with scene(tmp_path, answers(whole(completion("codeword-tulip")))) as on:
        answer = await on.chat(stream=True)
        assert answer.json["choices"][0]["message"]["content"] == "[REDACTED:own.codeword]"


async def test_a_broken_connection_is_not_used_again(tmp_path: Path) -> None:
    async with scene(tmp_path, then_closes(whole(completion())[:-10])) as on:
        assert (await on.chat()).status == 502
        on.upstream.script = answers(whole(completion()))
        for _ in range(3):
            assert (await on.chat()).json == completion()


async def test_text_of_an_answer_does_not_reach_the_log(tmp_path: Path) -> None:
    spoken = said(f"codeword-tulip {MARK}", "assistant")[0]
    document = completion() | {"choices": [{"index": 0, "message": spoken, "finish_reason": "stop"}]}
    async with scene(tmp_path, answers(whole(document))) as on:
        assert MARK in (await on.chat()).body.decode()
        assert on.ended == "exchange_redacted"


class Broken:
    """What a client got of a stream: its text, and the error that ended it."""

    def __init__(self, text: str, error: openai.APIError) -> None:
        self.text = text
        self.error = error
        assert isinstance(error.body, dict)
        self.body: dict[str, Any] = json.loads(json.dumps(error.body))


async def _read_until_it_breaks(on: Scene, read: asyncio.Event | None = None) -> Broken:
    """`read` is set with the first text that arrived."""
    text = ""
    async with on.proxy.client() as client:
        stream: Any = await client.chat.completions.create(model="m", messages=said(MARK), stream=True)
        with pytest.raises(openai.APIError) as caught:
            async for part in stream:
                text += part.choices[0].delta.content or ""
                if read:
                    read.set()
        assert type(caught.value) is openai.APIError
        await stream.close()
    return Broken(text, caught.value)
