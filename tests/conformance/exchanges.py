"""The exchanges that each client is put through: what it asks for, and what the upstream then does.

Each is about one thing that a caller can meet: an answer as it is, a redaction, a block before anything was sent or
after, and an upstream that fails. `kind` is the same on all APIs, whole and streamed; `expectations` says what must be
seen of it. An API that does not stream, or has no calls, has fewer of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Literal, NamedTuple

from tests.conformance import upstreams
from tests.support.answers import streams_events
from tests.support.upstream import STREAM_HEAD, Asked, Script, Send, StopServing, answers, piece

Surface = Literal["chat", "responses", "completions", "messages", "embeddings", "moderations", "models"]
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


CALLS = frozenset({Kind.CALLED, Kind.CALL_BLOCKED})


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


class Api(NamedTuple):
    """How an API that streams writes: its first text stands before position `at` of `frames`."""

    surface: Surface
    says: Callable[[str], bytes]
    frames: Callable[..., list[bytes]]
    at: int
    refusal: Callable[[str], bytes] = upstreams.openai_refusal
    failure: Callable[[str], bytes] = upstreams.openai_failure
    calls: bool = True


APIS = (
    Api("chat", upstreams.chat_whole, upstreams.chat_events, 2),
    Api(
        "responses", upstreams.response_whole, upstreams.response_frames, 4, failure=upstreams.response_failure,
    ),
    Api("completions", upstreams.completion_whole, upstreams.completion_frames, 1, calls=False),
    Api(
        "messages", upstreams.message_whole, upstreams.message_frames, 3, upstreams.anthropic_refusal,
        upstreams.anthropic_failure,
    ),
)  # fmt: skip


def exchanges() -> list[Exchange]:
    streamed = [exchange for api in APIS for exchange in _of(api) if api.calls or exchange.kind not in CALLS]
    return [*streamed, *_embeddings(), *_moderations(), *_models()]


def _of(api: Api) -> list[Exchange]:
    surface, at = api.surface, api.at
    redacted = f"The word is {SECRET} today."

    def streams(*texts: str, call: str = "") -> Callable[[asyncio.Event], Script]:
        return lambda began: streams_events(api.frames(*texts, call=call), began, at)

    def plays(*texts: str, call: str = "") -> Callable[[asyncio.Event], Script]:
        return lambda _: streams_events(api.frames(*texts, call=call))

    def breaks(began: asyncio.Event) -> Script:
        return _breaks_off(api.frames(BEGUN, "and then")[:at], began)

    def fails(began: asyncio.Event) -> Script:
        return streams_events([*api.frames(BEGUN, "and then")[:at], api.failure(SECRET)], began, at)

    later = streams(BEGUN, "this is a forbidden", " phrase", " and more")
    call = streams(BEGUN, call=f'{{"cmd":"{BAD}"}}')
    refuses = _answers(api.refusal(SECRET))
    return [
        Exchange(Kind.CLEAN, surface, False, "Say hello.", _answers(api.says(CLEAN))),
        Exchange(Kind.CLEAN, surface, True, "Say hello.", plays("Hello ", "there.")),
        Exchange(Kind.REDACTED, surface, False, SECRET, _answers(api.says(redacted))),
        Exchange(Kind.REDACTED, surface, True, SECRET, plays(*redacted)),
        Exchange(Kind.CALLED, surface, True, "Run it.", plays(BEGUN, call=f'{{"cmd":"{SECRET}"}}')),
        Exchange(Kind.INPUT_BLOCKED, surface, False, BAD, _answers(api.says(CLEAN))),
        Exchange(Kind.INPUT_BLOCKED, surface, True, BAD, plays(CLEAN)),
        Exchange(Kind.BLOCKED_AT_ONCE, surface, False, "Say it.", _answers(api.says(BAD))),
        Exchange(Kind.BLOCKED_AT_ONCE, surface, True, "Say it.", plays("forbidden", " phrase")),
        Exchange(Kind.BLOCKED_LATER, surface, True, "Say it.", later),
        Exchange(Kind.BLOCKED_AS_ERROR, surface, True, "Say it.", later, "error"),
        Exchange(Kind.CALL_BLOCKED, surface, True, "Run it.", call),
        Exchange(Kind.UPSTREAM_REFUSES, surface, False, "Say it.", refuses),
        Exchange(Kind.UPSTREAM_REFUSES, surface, True, "Say it.", refuses),
        Exchange(Kind.UPSTREAM_BREAKS, surface, True, "Say it.", breaks),
        Exchange(Kind.UPSTREAM_FAILS, surface, True, "Say it.", fails),
    ]


def _embeddings() -> Iterable[Exchange]:
    """The answer's only text is the name of a model."""
    yield from _whole("embeddings", "Say hello.", upstreams.vectors_script)
    yield Exchange(Kind.INPUT_BLOCKED, "embeddings", False, BAD, lambda _: upstreams.vectors_script("m"))


def _moderations() -> Iterable[Exchange]:
    """Text that a rule would block goes through: that API is there to look at such text."""
    return _whole("moderations", BAD, lambda model: answers(upstreams.moderated_whole(model)))


def _models() -> Iterable[Exchange]:
    """Without a word all models are asked for, else the one of that name."""
    yield from _whole("models", "", lambda name: answers(upstreams.models_whole(name)))
    yield Exchange(Kind.INPUT_BLOCKED, "models", False, SECRET, _answers(upstreams.models_whole("m")))


def _whole(surface: Surface, says: str, answer: Callable[[str], Script]) -> Iterable[Exchange]:
    def answering(text: str) -> Callable[[asyncio.Event], Script]:
        return lambda _: answer(text)

    for kind, text in ((Kind.CLEAN, "stand-in"), (Kind.REDACTED, SECRET), (Kind.BLOCKED_AT_ONCE, BAD)):
        said = SECRET if kind is Kind.REDACTED and says else says
        yield Exchange(kind, surface, False, said, answering(text))
    yield Exchange(Kind.UPSTREAM_REFUSES, surface, False, says, _answers(upstreams.openai_refusal(SECRET)))


def _answers(data: bytes) -> Callable[[asyncio.Event], Script]:
    return lambda _: answers(data)


def _breaks_off(frames: Sequence[bytes], began: asyncio.Event) -> Script:
    async def script(asked: Asked, send: Send) -> None:
        await send(STREAM_HEAD)
        for frame in frames:
            await send(piece(frame))
        await began.wait()
        raise StopServing

    return script
