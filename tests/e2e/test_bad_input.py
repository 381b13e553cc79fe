"""Whatever a caller sends: a clear error in OpenAI's shape, a log line without its text, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
import secrets
from pathlib import Path

import pytest

from tests.e2e.scene import CHAT, MARK, chat, said, scene
from tests.support.caller import ask, calling, request
from tests.support.proxy import SESSION_KEY
from tests.support.rest import until
from tests.support.upstream import STREAM_HEAD, Asked, Send, answers, chunk, event, piece, whole

MALFORMED = {
    "empty": b"",
    "not json": MARK.encode(),
    "cut off": chat()[:-1],
    "trailing garbage": chat() + b"x",
    "a second value": chat() + b"{}",
    "duplicate member": b'{"model":"m","model":"n","messages":[{"role":"user","content":"marzipan"}]}',
    "NaN": chat()[:-1] + b',"temperature":NaN}',
    "infinity by size": chat()[:-1] + b',"temperature":1e999}',
    "byte order mark": b"\xef\xbb\xbf" + chat(),
    "utf-16": chat().decode().encode("utf-16"),
    "invalid utf-8": chat().replace(b"marzipan", b"marzipan\xff"),
    "lone surrogate": chat().replace(b"marzipan", b"marzipan\\ud800"),
    "depth 65": chat()[:-1] + b',"x":' + b"[" * 64 + b"]" * 64 + b"}",
    "depth 100,000": b"[" * 100_000,
    "null byte": chat() + b"\0",
}

WRONG: dict[str, tuple[bytes, str | None]] = {
    "a list": (json.dumps([MARK]).encode(), None),
    "a string": (json.dumps(MARK).encode(), None),
    "null": (b"null", None),
    "no model": (json.dumps({"messages": said(MARK)}).encode(), "model"),
    "model a number": (chat(model=3), "model"),
    "model empty": (chat(model=""), "model"),
    "no messages": (json.dumps({"model": "m"}).encode(), "messages"),
    "messages an object": (chat(messages={"role": "user"}), "messages"),
    "messages a string": (chat(messages=MARK), "messages"),
    "messages empty": (chat(messages=[]), "messages"),
    "message a string": (chat(messages=[MARK]), "messages[0]"),
    "role missing": (chat(messages=[{"content": MARK}]), "messages[0]"),
    "role a number": (chat(messages=said(MARK, role=1)), "messages[0]"),  # type: ignore[arg-type]
    "content a number": (chat(messages=said(7)), "messages[0].content"),
    "content an object": (chat(messages=said({"text": MARK})), "messages[0].content"),
    "part without type": (chat(messages=said([{"text": MARK}])), "messages[0].content[0]"),
    "text of a part a number": (chat(messages=said([{"type": "text", "text": 1}])), "messages[0].content[0].text"),
    "tool call a string": (
        chat(messages=[{"role": "assistant", "tool_calls": [MARK]}]), "messages[0].tool_calls[0]",
    ),
    "stream a string": (chat(stream="true"), "stream"),
    "stream a number": (chat(stream=1), "stream"),
    "n 0": (chat(n=0), "n"),
    "n negative": (chat(n=-1), "n"),
    "n true": (chat(n=True), "n"),
    "n a fraction": (chat(n=1.5), "n"),
    "tools an object": (chat(tools={}), "tools"),
    "max_tokens a string": (chat(max_tokens="many"), "max_tokens"),
}  # fmt: skip


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
async def test_malformed_json_is_a_400_that_says_where(body: bytes, tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        answer = await on.post(body)
        assert answer.refusal == (400, "invalid_json")
        assert "byte" in answer.error["message"]
        assert MARK not in answer.error["message"]
        assert on.ended == "exchange_refused"
        assert on.upstream.asked == []


@pytest.mark.parametrize(("body", "param"), WRONG.values(), ids=WRONG)
async def test_a_wrong_type_is_a_400_that_names_the_member(body: bytes, param: str | None, tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        answer = await on.post(body)
        assert answer.refusal == (400, "invalid_request")
        assert answer.error["param"] == param
        assert MARK not in answer.error["message"]
        assert on.ended == "exchange_refused"
        assert on.upstream.asked == []


async def test_an_unknown_model_is_the_upstreams_to_refuse(tmp_path: Path) -> None:
    error = {"message": "no such model", "type": "invalid_request_error", "param": None, "code": "model_not_found"}
    async with scene(tmp_path, answers(whole({"error": error}, 404))) as on:
        answer = await on.chat(model="nope")
        assert (answer.status, answer.json) == (404, {"error": error})
        assert on.ended == "exchange_refused"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": f"Bearer {secrets.token_hex(16)}"},
        {"authorization": f"Bearer {SESSION_KEY}x"},
        {"authorization": f"Basic {SESSION_KEY}"},
        {"authorization": "Bearer \xe9\xff " + "?" * 2000},
        {"api-key": secrets.token_hex(16)},
    ],
    ids=["missing", "empty", "wrong", "longer", "other scheme", "garbage", "azure"],
)
async def test_a_caller_nobody_knows_is_a_401_before_anything_is_read(headers: dict[str, str], tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        answer = await on.post(chat(), key=None, headers=headers)
        assert answer.refusal == (401, "invalid_api_key")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert SESSION_KEY not in answer.body.decode()
        assert on.ended == "exchange_refused"
        assert on.upstream.asked == []


async def test_a_body_that_is_announced_too_large_is_refused_unread(tmp_path: Path) -> None:
    async with scene(tmp_path) as on, calling(on.port) as caller:
        await caller.send(request("POST", CHAT, b"{", SESSION_KEY, {"content-length": "1000001"}))
        answer = await caller.answer()
        assert answer.refusal == (413, "request_too_large")
        assert answer.headers["connection"] == "close"
        assert on.ended == "exchange_refused"


async def test_a_body_that_grows_too_large_is_refused_where_it_does(tmp_path: Path) -> None:
    async with scene(tmp_path) as on, calling(on.port) as caller:
        await caller.send(request("POST", CHAT, None, SESSION_KEY, {"transfer-encoding": "chunked"}))
        for _ in range(11):
            await caller.send(piece(b" " * 100_000))
        answer = await caller.answer()
        assert answer.refusal == (413, "request_too_large")
        assert on.ended == "exchange_refused"
        assert on.upstream.asked == []


async def test_a_chunked_body_within_the_limit_is_read(tmp_path: Path) -> None:
    async with scene(tmp_path) as on, calling(on.port) as caller:
        await caller.send(request("POST", CHAT, None, SESSION_KEY, {"transfer-encoding": "chunked"}))
        for at in range(0, len(chat()), 7):
            await caller.send(piece(chat()[at : at + 7]))
        await caller.send(b"0\r\n\r\n")
        assert (await caller.answer()).status == 200
        assert on.upstream.last.json["messages"] == said(MARK)


async def test_a_chunked_body_with_broken_framing_never_becomes_a_request(tmp_path: Path) -> None:
    async with scene(tmp_path, body_timeout=0.05) as on, calling(on.port) as caller:
        await caller.send(request("POST", CHAT, None, SESSION_KEY, {"transfer-encoding": "chunked"}) + b"5\r\n{")
        await until(lambda: on.proxy.running.gateway.lifecycle.in_flight == 1)
        await caller.send(b'"a":nonsense\r\nzz\r\n')
        answer = await caller.answer()
        assert answer.error["type"] == "invalid_request_error"
        assert on.proxy.exchange()["error_code"] in ("invalid_request", "request_timeout")
        assert on.upstream.asked == []


async def test_ten_thousand_messages_are_over_the_limit(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        answer = await on.chat(messages=said(MARK) * 10_000)
        assert answer.refusal == (400, "limit_exceeded")
        assert answer.error["param"] == "messages"
        assert "10,000 messages" in answer.error["message"]
        assert on.ended == "exchange_refused"


@pytest.mark.parametrize("coding", ["gzip", "br", "GZIP, identity"])
async def test_a_compressed_body_is_refused(coding: str, tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        answer = await on.post(chat(), headers={"content-encoding": coding})
        assert answer.refusal == (400, "invalid_request")
        assert "compressed" in answer.error["message"]
        assert on.ended == "exchange_refused"


@pytest.mark.parametrize(
    "path",
    [
        "/", "/v1", "/v1/", "/v1/embedding", "/v1/responses/",
        "/v1/chat", "/v1/chat/completions/", "/v1/chat/completions/x",
        "/v1/chat%2fcompletions", "/v1/%63hat/completions", "/v1/chat/./completions", "/v1/x/../chat/completions",
        "//v1/chat/completions", "/v1//chat/completions", "/V1/chat/completions", "/v1/chat/completions;x",
        "http://elsewhere.test/v1/chat/completions", "/v1/models/../files", "/v1/models/a%2fb", "/v1/models/",
        "/v1/files", "/health/live",
    ],
)  # fmt: skip
async def test_a_path_that_is_not_served_exactly_as_written_is_a_404(path: str, tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        answer = await on.post(chat(), path)
        assert answer.refusal == (404, "unknown_url")
        assert on.ended == "exchange_refused"
        assert on.upstream.asked == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", CHAT), ("PUT", CHAT), ("DELETE", "/v1/models/m"), ("POST", "/v1/models"), ("OPTIONS", CHAT)],
)
async def test_the_wrong_method_is_a_405(method: str, path: str, tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        answer = await ask(on.port, method, path, None, SESSION_KEY)
        assert answer.refusal == (405, "method_not_allowed")
        assert on.ended == "exchange_refused"


async def test_a_query_is_not_forwarded(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        assert (await on.post(chat(), CHAT + f"?api-version={MARK}")).status == 200
        assert on.upstream.last.path == "/v1/chat/completions"
        assert on.proxy.exchange()["route"] == CHAT


@pytest.mark.parametrize("path", [CHAT, "/v1/realtime", "/v1/responses", "/v1/files"])
async def test_a_websocket_upgrade_is_refused(path: str, tmp_path: Path) -> None:
    headers = {
        "connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }  # fmt: skip
    async with scene(tmp_path) as on:
        answer = await ask(on.port, "GET", path, None, SESSION_KEY, headers)
        assert answer.refusal == (403, "upgrade_refused")
        assert on.ended == "exchange_refused"


@pytest.mark.parametrize(
    "said_instead",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100) + b"\r\n\r\n",
        b"marzipan\r\n\r\n",
        b"GET / HTTP/9.9.9\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: marzipan\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nmarzi pan: x\r\n\r\n",
    ],
    ids=["tls", "text", "version", "length", "length and chunks", "header name"],
)
async def test_what_is_no_http_is_a_400_in_the_same_shape(said_instead: bytes, tmp_path: Path) -> None:
    async with scene(tmp_path) as on, calling(on.port) as caller:
        await caller.send(said_instead)
        answer = await caller.answer()
        assert answer.refusal == (400, "invalid_request")
        assert MARK not in answer.body.decode()
        assert await caller.ended()
        assert on.ended == "exchange_refused"
        assert answer.error["guardproxy"]["request_id"] == on.proxy.exchange()["request_id"]


@pytest.mark.parametrize(
    "head",
    [b"POST /v1/chat/completions?" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
     b"POST /v1/chat/completions HTTP/1.1\r\nx-long: " + b"a" * 20_000 + b"\r\n\r\n"],
    ids=["request line", "header"],
)  # fmt: skip
async def test_a_head_that_is_too_long_is_refused(head: bytes, tmp_path: Path) -> None:
    async with scene(tmp_path) as on, calling(on.port) as caller:
        await caller.send(head)
        answer = await caller.answer()
        assert answer.refusal == (413, "request_too_large")
        assert "too long" in answer.error["message"]
        assert await caller.ended()
        assert on.ended == "exchange_refused"


async def test_a_body_that_does_not_come_is_a_408(tmp_path: Path) -> None:
    async with scene(tmp_path, body_timeout=0.05) as on, calling(on.port) as caller:
        await caller.send(request("POST", CHAT, chat(), SESSION_KEY)[:-5])
        answer = await caller.answer()
        assert answer.refusal == (408, "request_timeout")
        assert answer.headers["connection"] == "close"
        assert on.ended == "exchange_refused"
        assert on.upstream.asked == []


async def test_a_caller_who_leaves_in_the_middle_of_the_body_is_noted(tmp_path: Path) -> None:
    async with scene(tmp_path) as on, calling(on.port) as caller:
        await caller.send(request("POST", CHAT, chat(), SESSION_KEY)[:-5])
        await until(lambda: on.proxy.running.gateway.lifecycle.in_flight == 1)
        caller.vanish()
        await until(lambda: bool(on.proxy.events("client_disconnected")))
        assert on.ended == "client_disconnected"
        assert on.upstream.asked == []


async def test_a_caller_who_leaves_while_the_upstream_thinks_stops_the_upstream(tmp_path: Path) -> None:
    async def script(asked: Asked, send: Send) -> None:
        await asyncio.Event().wait()

    async with scene(tmp_path, script) as on, calling(on.port) as caller:
        await caller.send(request("POST", CHAT, chat(), SESSION_KEY))
        await until(lambda: on.upstream.busy == 1)
        caller.vanish()
        await asyncio.wait_for(on.upstream.gone.wait(), 5)
        await until(lambda: bool(on.proxy.events("client_disconnected")))
        assert on.ended == "client_disconnected"


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_caller_who_leaves_in_the_middle_of_the_answer_stops_the_upstream(
    streamed: bool, tmp_path: Path
) -> None:
    async def script(asked: Asked, send: Send) -> None:
        await send(STREAM_HEAD if streamed else STREAM_HEAD.replace(b"text/event-stream", b"application/json"))
        await send(piece(event(chunk({"content": "first "}))))
        await asyncio.Event().wait()

    async with scene(tmp_path, script) as on, calling(on.port) as caller:
        await caller.send(request("POST", CHAT, chat(stream=streamed), SESSION_KEY))
        if streamed:
            await caller.head()
            assert b"first" in await caller.chunk()
        else:
            await until(lambda: on.upstream.sent > 100)
        caller.vanish()
        await asyncio.wait_for(on.upstream.gone.wait(), 5)
        await until(lambda: bool(on.proxy.events("client_disconnected")))
        assert on.ended == "client_disconnected"


async def test_one_connection_survives_every_refusal_that_read_its_body(tmp_path: Path) -> None:
    bad = [
        (MALFORMED["NaN"], 400),
        (chat(n=0), 400),
        (chat(messages=said("x", "wizard")), 400),
    ]
    async with scene(tmp_path) as on, calling(on.port) as caller:
        for body, status in [*bad, (chat(), 200), *bad]:
            await caller.send(request("POST", CHAT, body, SESSION_KEY))
            assert (await caller.answer()).status == status
