"""The exchanges that each client is put through: what it asks for, and what the upstream then does.

Each is about one thing that a caller can meet: an answer as it is, a redaction, a block before anything was sent or
after, and an upstream that fails. `kind` is the same on both APIs, whole and streamed; `expectations` says what must
be seen of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from tests.support.answers import error, message, named_event, response, response_events, streams_events
from tests.support.upstream import (
    DONE,
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
    whole,
)

Surface = Literal["chat", "responses"]
OnBlock = Literal["finish", "error"]

SECRET = "codeword-tulip"
BAD = "a forbidden phrase"
BEGUN = "Well, "
CLEAN = "Hello there."


class Kind(StrEnum):
    CLEAN = "clean"
    REDACTED = "redacted"
    CALLED = "redacted tool call"
    INPUT_BLOCKED = "input blocked"
    BLOCKED_AT_ONCE = "answer blocked before it began"
    BLOCKED_LATER = "blocked mid-stream, on_block finish"
    BLOCKED_AS_ERROR = "blocked mid-stream, on_block error"
    CALL_BLOCKED = "tool call blocked mid-stream"
    UPSTREAM_REFUSES = "upstream answers 500"
    UPSTREAM_BREAKS = "upstream breaks off mid-stream"
    UPSTREAM_FAILS = "upstream fails mid-stream"


class Exchange(NamedTuple):
    """`script` is made anew for each run of it, with the event that a client's first text sets."""

    kind: Kind
    surface: Surface
    stream: bool
    says: str
    script: Callable[[asyncio.Event], Script]
    on_block: OnBlock = "finish"

    @property
    def name(self) -> str:
        return f"{self.surface} {'streamed' if self.stream else 'whole'}: {self.kind}"

    @property
    def leaves(self) -> bool:
        """Whether anything of it may reach the upstream."""
        return self.kind is not Kind.INPUT_BLOCKED

    @property
    def retries(self) -> int:
        """How often the client may try again. A block must not be worth that to it, however often it may."""
        return 2 if self.kind in (Kind.INPUT_BLOCKED, Kind.BLOCKED_AT_ONCE) else 0


def exchanges() -> list[Exchange]:
    return [*_of("chat", chat_whole, chat_events), *_of("responses", response_whole, response_frames)]


def _of(surface: Surface, says: Callable[[str], bytes], frames: Callable[..., list[bytes]]) -> list[Exchange]:
    """`frames` are events in which the first text stands before position `at`."""
    at = {"chat": 2, "responses": 4}[surface]
    redacted = f"The word is {SECRET} today."

    def streams(*texts: str, call: str = "") -> Callable[[asyncio.Event], Script]:
        return lambda began: streams_events(frames(*texts, call=call), began, at)

    def plays(*texts: str, call: str = "") -> Callable[[asyncio.Event], Script]:
        return lambda _: streams_events(frames(*texts, call=call))

    def says_whole(text: str) -> Callable[[asyncio.Event], Script]:
        return lambda _: answers(says(text))

    def refuses(_: asyncio.Event) -> Script:
        return answers(whole(error(f"overloaded, {SECRET}", "busy"), 500))

    def breaks(began: asyncio.Event) -> Script:
        return _breaks_off(frames(BEGUN, "and then")[:at], began)

    def fails(began: asyncio.Event) -> Script:
        return streams_events([*frames(BEGUN, "and then")[:at], FAILURES[surface]], began, at)

    later = streams(BEGUN, "this is a forbidden", " phrase", " and more")
    call = streams(BEGUN, call=f'{{"cmd":"{BAD}"}}')
    return [
        Exchange(Kind.CLEAN, surface, False, "Say hello.", says_whole(CLEAN)),
        Exchange(Kind.CLEAN, surface, True, "Say hello.", plays("Hello ", "there.")),
        Exchange(Kind.REDACTED, surface, False, SECRET, says_whole(redacted)),
        Exchange(Kind.REDACTED, surface, True, SECRET, plays(*redacted)),
        Exchange(Kind.CALLED, surface, True, "Run it.", plays(BEGUN, call=f'{{"cmd":"{SECRET}"}}')),
        Exchange(Kind.INPUT_BLOCKED, surface, False, BAD, says_whole(CLEAN)),
        Exchange(Kind.INPUT_BLOCKED, surface, True, BAD, plays(CLEAN)),
        Exchange(Kind.BLOCKED_AT_ONCE, surface, False, "Say it.", says_whole(BAD)),
        Exchange(Kind.BLOCKED_AT_ONCE, surface, True, "Say it.", plays("forbidden", " phrase")),
        Exchange(Kind.BLOCKED_LATER, surface, True, "Say it.", later),
        Exchange(Kind.BLOCKED_AS_ERROR, surface, True, "Say it.", later, "error"),
        Exchange(Kind.CALL_BLOCKED, surface, True, "Run it.", call),
        Exchange(Kind.UPSTREAM_REFUSES, surface, False, "Say it.", refuses),
        Exchange(Kind.UPSTREAM_REFUSES, surface, True, "Say it.", refuses),
        Exchange(Kind.UPSTREAM_BREAKS, surface, True, "Say it.", breaks),
        Exchange(Kind.UPSTREAM_FAILS, surface, True, "Say it.", fails),
    ]


def chat_whole(text: str) -> bytes:
    return whole(completion(text))


def response_whole(text: str) -> bytes:
    return whole(response(message(text)))


def chat_events(*texts: str, call: str = "") -> list[bytes]:
    """The events of a chat; a call comes after its text, with the arguments in pieces."""
    named = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "run", "arguments": ""}}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, *({"content": text} for text in texts)]
    if call:
        pieces = [{"index": 0, "function": {"arguments": part}} for part in _cut(call)]
        deltas += [{"tool_calls": [each]} for each in (named, *pieces)]
    end = chunk({}, finish_reason="tool_calls" if call else "stop")
    return [*(event(chunk(delta)) for delta in deltas), event(end), DONE]


def response_frames(*texts: str, call: str = "") -> list[bytes]:
    """The events of a response; a call is a second item, with the arguments in pieces."""
    events = response_events(*texts)
    if call:
        item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "run", "arguments": call}
        at = {"item_id": "fc_1", "output_index": 1}
        begun = {**item, "arguments": "", "status": "in_progress"}
        events[-1:] = [
            {"type": "response.output_item.added", "output_index": 1, "item": begun},
            *({"type": "response.function_call_arguments.delta", **at, "delta": part} for part in _cut(call)),
            {"type": "response.function_call_arguments.done", **at, "name": "run", "arguments": call},
            {"type": "response.output_item.done", "output_index": 1, "item": {**item, "status": "completed"}},
            {"type": "response.completed", "response": response(message("".join(texts)), item)},
        ]
    return [named_event({**one, "sequence_number": number}) for number, one in enumerate(events)]


def _cut(text: str) -> list[str]:
    return [text[start : start + 5] for start in range(0, len(text), 5)]


_WHY = {"code": "server_error", "message": f"overloaded, {SECRET}"}
# How each API tells in its stream that the model failed.
FAILURES: dict[Surface, bytes] = {
    "chat": event(error(f"overloaded, {SECRET}", "busy")),
    "responses": named_event(
        {"type": "response.failed", "sequence_number": 9, "response": response(status="failed", error=_WHY)}
    ),
}


def _breaks_off(frames: Sequence[bytes], began: asyncio.Event) -> Script:
    async def script(asked: Asked, send: Send) -> None:
        await send(STREAM_HEAD)
        for frame in frames:
            await send(piece(frame))
        await began.wait()
        raise StopServing

    return script
