"""A small OpenAI-compatible server on loopback, standing in for a model: `script` says what it answers.

It wants the upstream's key, and remembers what it was sent, so that one can see what travelled and what did not.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, NamedTuple

from aiohttp import web

from guardproxy.cli.demo.script import MODELS, Reply, new_credential, reply_of

_REMEMBERED: Final = 100
_OWNER: Final = "guardproxy-demo"


class Seen(NamedTuple):
    """One request as it arrived: lower-case header names, and the decoded body (None for GET)."""

    path: str
    headers: Mapping[str, str]
    body: Any


class StandIn:
    """The running server. `credential` is what its leaky models give away; `key` is what it wants to be shown.

    `seen` are the last requests, `answered` counts all of them, `writing` the streams that have not ended yet, and
    `said` is the last answer.
    """

    def __init__(self, delay_s: float = 0.02) -> None:
        """`delay_s` passes between two pieces of a stream."""
        self.key = f"upstream-{secrets.token_hex(24)}"
        self.credential = new_credential()
        self.seen: deque[Seen] = deque(maxlen=_REMEMBERED)
        self.answered = 0
        self.writing = 0
        self.said: Reply | None = None
        self.base_url = ""
        self._delay_s = delay_s

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Any request: the key first, then the route."""
        shown = request.headers.get("authorization", "")
        if not hmac.compare_digest(shown.encode(), f"Bearer {self.key}".encode()):
            return _error(401, "the key is not the stand-in's", "invalid_api_key")
        body = await _json_body(request) if request.method == "POST" else None
        self.answered += 1
        self.seen.append(Seen(request.path, {name.lower(): value for name, value in request.headers.items()}, body))
        match request.method, request.path:
            case "GET", "/v1/models":
                return web.json_response({"object": "list", "data": [_model(name) for name in MODELS]})
            case "GET", path if path.startswith("/v1/models/"):
                name = path.removeprefix("/v1/models/")
                return web.json_response(_model(name)) if name in MODELS else _unknown(name)
            case "POST", "/v1/chat/completions":
                return await self._complete(request, body)
        return _error(404, "no such path", "unknown_url")

    async def _complete(self, request: web.Request, body: Any) -> web.StreamResponse:
        messages = body.get("messages") if isinstance(body, dict) else None
        if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
            return _error(400, "messages must be a list of objects", "invalid_request")
        model = str(body.get("model"))
        reply = reply_of(model, messages, self.credential)
        if reply is None:
            return _unknown(model)
        self.said = reply
        usage = _usage(messages, reply)
        if not body.get("stream"):
            return web.json_response(whole(model, reply, usage))
        options = body.get("stream_options") or {}
        self.writing += 1
        try:
            return await self._stream(request, chunks(model, reply, usage if options.get("include_usage") else None))
        finally:
            self.writing -= 1

    async def _stream(self, request: web.Request, stream: Iterable[dict[str, Any]]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream", "cache-control": "no-cache"})
        # Whoever asked may leave at any time; then there is nobody left to tell.
        with suppress(ConnectionResetError):
            await response.prepare(request)
            for chunk in stream:
                await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
                await asyncio.sleep(self._delay_s)
            await response.write(b"data: [DONE]\n\n")
            await response.write_eof()
        return response


@asynccontextmanager
async def stand_in(delay_s: float = 0.02) -> AsyncIterator[StandIn]:
    """A stand-in that listens on a free port of 127.0.0.1 as long as the block runs."""
    server = StandIn(delay_s)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        yield server
    finally:
        await runner.cleanup()


def whole(model: str, reply: Reply, usage: Mapping[str, int]) -> dict[str, Any]:
    """The answer as one `chat.completion`."""
    message: dict[str, Any] = {"role": "assistant", "content": None if reply.call else reply.text}
    if reply.call:
        function = {"name": reply.call.name, "arguments": reply.call.arguments}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
    choice = {"index": 0, "message": message, "finish_reason": _finish_reason(reply)}
    return {**_head(model, "chat.completion"), "choices": [choice], "usage": dict(usage)}


def chunks(model: str, reply: Reply, usage: Mapping[str, int] | None) -> Iterator[dict[str, Any]]:
    """The answer as `chat.completion.chunk`s: the role, a chunk for each piece, the finish, the usage if asked for."""
    head = _head(model, "chat.completion.chunk")
    for delta in ({"role": "assistant", "content": None if reply.call else ""}, *_deltas(reply)):
        yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": _finish_reason(reply)}]}
    if usage is not None:
        yield {**head, "choices": [], "usage": dict(usage)}


def _deltas(reply: Reply) -> Iterator[dict[str, Any]]:
    for piece in reply.pieces:
        yield {"content": piece}
    if reply.call:
        function = {"name": reply.call.name, "arguments": ""}
        yield {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}
        for fragment in reply.call.fragments:
            yield {"tool_calls": [{"index": 0, "function": {"arguments": fragment}}]}


def _head(model: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{secrets.token_hex(8)}", "object": kind, "created": int(time.time()), "model": model}


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": _OWNER}


def _finish_reason(reply: Reply) -> str:
    return "tool_calls" if reply.call else "stop"


def _usage(messages: list[dict[str, Any]], reply: Reply) -> dict[str, int]:
    """A word counts as a token: a stand-in has no tokenizer."""
    prompt = sum(len(str(message.get("content") or "").split()) for message in messages)
    completion = len(reply.pieces) or len(reply.call.fragments if reply.call else ())
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


async def _json_body(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except ValueError:
        return None


def _unknown(model: str) -> web.Response:
    return _error(404, f"there is no model {model!r} here; there are {', '.join(MODELS)}", "model_not_found")


def _error(status: int, message: str, code: str) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return web.json_response({"error": error}, status=status)
