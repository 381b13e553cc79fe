"""A model endpoint that costs next to nothing: pre-rendered replies, with the request's tag put in.

    python -m bench.upstream --port 9000

It answers `POST` with a completion, whole or as a stream of events with a pause after each (a stream's events are
never written together, also not to catch up), and `GET` with a list of models. It reads just enough HTTP
for the proxies measured here: bodies with a content-length, one request at a time on a connection.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

import uvloop

from bench.scenarios import MODEL, SCENARIOS, TAG_LENGTH, TAG_MARK, Scenario, chunk_texts, reply_text

LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
STREAM: Final = re.compile(rb'"stream": *true')
TAG: Final = re.compile(TAG_MARK.encode() + rb"([a-z]{%d})" % TAG_LENGTH)
LONG_PROMPT: Final = 8000
MARK: Final = "\0"
# As long as those of a real server: an id looks like a credential, and a guard has to tell.
ID: Final = "chatcmpl-CQ7v1mZk0dHt3yWb9xRfLs5uPaJ2e"


class Request(NamedTuple):
    method: bytes
    body: bytes


def read_request(buffer: bytes) -> Request | None:
    """The request in `buffer`, or None while it is not complete."""
    head_end = buffer.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    length = LENGTH.search(buffer, 0, head_end + 2)
    body_start = head_end + 4
    body_end = body_start + (int(length[1]) if length else 0)
    if len(buffer) < body_end:
        return None
    return Request(buffer[: buffer.find(b" ")], buffer[body_start:body_end])


class Reply(NamedTuple):
    """What is written before and after the tag."""

    before: bytes
    after: bytes

    def tagged(self, tag: bytes) -> bytes:
        return self.before + tag + self.after


@dataclass(frozen=True, slots=True)
class Stream:
    """The writes of a stream: the head with the role, the first chunk with the tag, the rest; `usage` if asked for."""

    head: bytes
    first: Reply
    chunks: Sequence[bytes]
    usage: bytes
    end: bytes

    def frames(self, tag: bytes, *, usage: bool) -> Sequence[bytes]:
        return (self.head, self.first.tagged(tag), *self.chunks, *([self.usage] if usage else []), self.end)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _split(rendered: bytes) -> Reply:
    before, _, after = rendered.partition(_json(MARK)[1:-1])
    return Reply(before, after)


def _usage(prompt: int, completion: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _with_head(body: bytes, length: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (length, body)


def render_whole(scenario: Scenario) -> Reply:
    message = {"role": "assistant", "content": MARK + reply_text(scenario), "refusal": None}
    body = {
        "id": ID,
        "object": "chat.completion",
        "created": 1700000000,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": _usage(scenario.prompt // 4, scenario.reply // 4),
    }
    before, after = _split(_json(body))
    return Reply(_with_head(before, len(before) + TAG_LENGTH + len(after)), after)


def _event(delta: dict[str, str], finish: str | None = None, **more: Any) -> bytes:
    choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    body = {
        "id": ID,
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": MODEL,
        "choices": choices,
    }
    return b"data: " + _json(body | more) + b"\n\n"


def _frame(event: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(event), event)


def render_stream(scenario: Scenario) -> Stream:
    """Each event in a transfer chunk of its own."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    placeholder = "_" * TAG_LENGTH  # as long as a tag: the frame's length is right when the tag is put in
    before, _, after = _frame(_event({"content": placeholder})).partition(placeholder.encode())
    counts = _usage(scenario.prompt // 4, scenario.chunks)
    return Stream(
        head=head + _frame(_event({"role": "assistant", "content": ""})),
        first=Reply(before, after),
        chunks=[
            *(_frame(_event({"content": text})) for text in chunk_texts(scenario.chunks)),
            _frame(_event({}, "stop")),
        ],
        usage=_frame(_event({}, choices=[], usage=counts)),
        end=_frame(b"data: [DONE]\n\n") + b"0\r\n\r\n",
    )


class Replies:
    """Everything this endpoint can say; the events of a stream are `gap_s` apart."""

    def __init__(self, gap_s: float = SCENARIOS["stream"].gap_s) -> None:
        models = _json({"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "bench"}]})
        self.models = _with_head(models, len(models))
        self.short = render_whole(SCENARIOS["whole"])
        self.long = render_whole(SCENARIOS["whole32k"])
        self.stream = render_stream(SCENARIOS["stream"])
        self.gap_s = gap_s


class Endpoint(asyncio.Protocol):
    """One connection."""

    def __init__(self, replies: Replies) -> None:
        self._replies = replies
        self._buffer = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass
        self._loop = asyncio.get_running_loop()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if request := read_request(self._buffer):
            self._buffer = b""
            self._answer(request)

    def _answer(self, request: Request) -> None:
        replies = self._replies
        if request.method == b"GET":
            self._transport.write(replies.models)
            return
        tag = TAG.search(request.body)
        if not tag:
            self._transport.write(b"HTTP/1.1 400 no tag\r\ncontent-length: 0\r\n\r\n")
        elif STREAM.search(request.body):
            self._write_next(iter(replies.stream.frames(tag[1], usage=b'"include_usage"' in request.body)))
        else:
            reply = replies.long if len(request.body) > LONG_PROMPT else replies.short
            self._transport.write(reply.tagged(tag[1]))

    def _write_next(self, frames: Iterator[bytes]) -> None:
        frame = next(frames, None)
        if frame is not None:
            self._transport.write(frame)
            self._timer = self._loop.call_later(self._replies.gap_s, self._write_next, frames)


async def serve(port: int) -> None:
    """Answer on 127.0.0.1 until cancelled."""
    replies = Replies()
    server = await asyncio.get_running_loop().create_server(lambda: Endpoint(replies), "127.0.0.1", port, backlog=512)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description="A very cheap OpenAI-compatible endpoint on 127.0.0.1.")
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
