"""Streams of the packs' texts as an upstream sends them, and the official client that reads what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from random import Random
from typing import Any, NamedTuple

import httpx2
from hypothesis import strategies as st
from openai import OpenAI

from guardproxy.core.inspection import OutputGuard, inspect
from guardproxy.core.policy import Policy
from guardproxy.surfaces.chat_completions import ChatStream, edit, read_response
from guardproxy.wire.sse import SseDecoder, SseEvent
from tests.promises import packs
from tests.promises.fragments import texts
from tests.surfaces.chat_completions.received import Transcript, as_bytes, chunk, part, transcripts

answers = transcripts(texts(pieces=2, longest=150))
"""Interleaved choices, each with one or two growing fields that are interleaved, too."""


@st.composite
def unsure(draw: st.DrawFn) -> str:
    """A text that often ends in what may begin a match."""
    text = draw(texts(pieces=2, longest=100))
    rule, seed = draw(st.sampled_from(sorted(packs.rules()))), draw(st.integers(0, (1 << 32) - 1))
    if not packs.examples(rule, "match"):
        return text
    match = packs.example(rule, "match", Random(seed))
    return text + draw(st.sampled_from(["", " "])) + match[: draw(st.integers(0, min(len(match), 60)))]


in_turn = transcripts(unsure(), in_turn=True)
"""Interleaved choices, the fields of each of which come one after the other."""


def leaves() -> st.SearchStrategy[Any]:
    """Values of arguments: texts of the packs, with what JSON must escape; numbers; quiet words."""
    escaped = st.tuples(st.sampled_from(["", "\n", '"', "\\", "é", "😀 "]), texts(pieces=1, longest=100)).map("".join)
    return st.one_of(escaped, escaped, st.integers(), st.booleans(), st.none(), st.text("xyz é\n", max_size=6))


def arguments() -> st.SearchStrategy[dict[str, Any]]:
    values = st.recursive(
        leaves(),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=2),
    )
    return st.dictionaries(st.text("abc", min_size=1, max_size=3), values, min_size=1, max_size=3)


def calls_of(values: Sequence[Any], random: Random) -> list[dict[str, Any]]:
    """The events of one choice that calls a tool with each of these arguments, the fragments interleaved."""
    waiting = {index: json.dumps(value, ensure_ascii=random.random() < 0.5) for index, value in enumerate(values)}
    documents = [
        chunk(part(0, {"tool_calls": [{
            "index": index, "id": f"call_{index}", "type": "function", "function": {"name": "f", "arguments": ""}
        }]}))
        for index in waiting
    ]  # fmt: skip
    while waiting:
        index, size = random.choice(sorted(waiting)), random.randint(1, 12)
        fragment, waiting[index] = waiting[index][:size], waiting[index][size:]
        documents.append(chunk(part(0, {"tool_calls": [{"index": index, "function": {"arguments": fragment}}]})))
        if not waiting[index]:
            del waiting[index]
    return [*documents, chunk(part(0, {}, "tool_calls"))]


class Message(NamedTuple):
    """A whole answer, its text and its calls."""

    content: str
    refusal: str
    arguments: tuple[str, ...] = ()


def answered(message: Message) -> dict[str, Any]:
    """The document of the answer when it does not stream."""
    calls = [
        {"id": f"call_{at}", "type": "function", "function": {"name": "f", "arguments": one}}
        for at, one in enumerate(message.arguments)
    ]
    shown = {"role": "assistant", "content": message.content, "refusal": message.refusal, "tool_calls": calls}
    return {"id": "0-1", "object": "chat.completion", "created": 1, "model": "0", "choices": [
        {"index": 0, "message": shown, "finish_reason": "stop"}
    ]}  # fmt: skip


def redacted(message: Message) -> Message:
    """What becomes of it as a whole."""
    document = deepcopy(answered(message))
    edit(document, inspect(packs.policy(), read_response(document).segments).edits)
    shown = document["choices"][0]["message"]
    return Message(
        shown["content"], shown["refusal"], tuple(one["function"]["arguments"] for one in shown["tool_calls"])
    )


def guarded(policy: Policy, pieces: Sequence[bytes]) -> bytes:
    """The bytes a client gets of the pieces in which the upstream's bytes arrived."""
    decoder, stream = SseDecoder(), ChatStream(OutputGuard(policy))
    items = [item for piece in pieces for item in decoder.feed(piece)]
    frames = [frame for item in items if isinstance(item, SseEvent) for frame in stream.feed(item)]
    return b"".join([*frames, *stream.finish()])


def client_of(stream: bytes, size: int = 17) -> OpenAI:
    """The official client before a server that answers everything with this stream."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        pieces: Iterator[bytes] = (stream[at : at + size] for at in range(0, len(stream), size))
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=pieces)

    transport = httpx2.MockTransport(answer)
    return OpenAI(
        api_key="none", base_url="http://upstream/v1", max_retries=0, http_client=httpx2.Client(transport=transport)
    )


def bytes_of(transcript: Transcript) -> bytes:
    return as_bytes(transcript.documents)
