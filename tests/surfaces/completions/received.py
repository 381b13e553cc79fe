"""What a client makes of a streamed completion's frames, and streams as an upstream sends them."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import Policy
from guardproxy.surfaces.completions import CompletionStream
from guardproxy.wire.sse import DONE, SseDecoder, SseEvent, encode_event
from tests.support.strategies import pieces_of

Channel = tuple[int, str]
"""A choice and the member of it that grows."""

# Not in OpenAI's API: what a dialect may add beside the text.
FIELDS = ("text", "reasoning")


def chunk(*choices: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """An event of a streamed completion."""
    # Labels are looked at too; no rule of these tests can match these.
    head = {"id": "0-1", "object": "text_completion", "created": 1700000000, "model": "0"}
    return {**head, "choices": [dict(choice) for choice in choices], **more}


def part(index: int, text: str | None = "", finish_reason: str | None = None, **more: Any) -> dict[str, Any]:
    """One choice of an event."""
    return {"index": index, "text": text, "logprobs": None, **more, "finish_reason": finish_reason}


def event(document: Any, name: str = "") -> SseEvent:
    return SseEvent(document if isinstance(document, str) else json.dumps(document, ensure_ascii=False), name)


class Received:
    """Adds frames up as clients do, and checks what they rely on."""

    def __init__(self, frames: Iterable[bytes] = ()) -> None:
        self.documents: list[Any] = []
        self.texts: dict[Channel, str] = defaultdict(str)
        self.finished: dict[int, str] = {}
        self.done = False
        self._decoder = SseDecoder()
        for frame in frames:
            self.take(frame)

    def take(self, frame: bytes) -> None:
        assert not self.done, "frames after the end"
        (item,) = self._decoder.feed(frame)
        assert isinstance(item, SseEvent)
        if item.data == DONE:
            self.done = True
            return
        document = json.loads(item.data)
        self.documents.append(document)
        choices = document.get("choices")
        for position, choice in enumerate(choices if isinstance(choices, list) else ()):
            if isinstance(choice, dict):
                self._choice({"index": position, **choice})

    def text(self, index: int, name: str = "text") -> str:
        return self.texts[index, name]

    def _choice(self, choice: dict[str, Any]) -> None:
        index = choice["index"]
        for name, value in choice.items():
            if isinstance(value, str) and name != "finish_reason":
                assert not (value and index in self.finished), "text after the finish"
                self.texts[index, name] += value
        if choice.get("finish_reason"):
            assert index not in self.finished, "a choice that finishes twice"
            self.finished[index] = choice["finish_reason"]


def run(policy: Policy, documents: Sequence[Any], *, done: bool = True) -> Received:
    """All events of a stream, one by one."""
    stream = CompletionStream(OutputGuard(policy))
    frames = [frame for document in documents for frame in stream.feed(event(document))]
    frames += stream.feed(SseEvent(DONE)) if done else []
    return Received([*frames, *stream.finish()])


def run_bytes(policy: Policy, pieces: Sequence[bytes]) -> Received:
    """The same from the pieces in which the bytes of the stream arrived."""
    decoder, stream = SseDecoder(), CompletionStream(OutputGuard(policy))
    items = [item for piece in pieces for item in decoder.feed(piece)]
    frames = [frame for item in items if isinstance(item, SseEvent) for frame in stream.feed(item)]
    return Received([*frames, *stream.finish()])


def as_bytes(documents: Sequence[Any]) -> bytes:
    return b"".join(encode_event(event(document).data) for document in documents) + b"data: [DONE]\r\n\r\n"


@dataclass
class Transcript:
    """The events of a stream, and the whole text of each of its channels."""

    documents: list[dict[str, Any]] = field(default_factory=list)
    texts: dict[Channel, str] = field(default_factory=dict)


@st.composite
def transcripts(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> Transcript:
    """One to three choices with one or two growing members each, interleaved at random, several to an event."""
    transcript = Transcript()
    waiting: dict[int, dict[str, list[str]]] = {}
    for index in range(draw(st.sampled_from([1, 2, 2, 3]))):
        waiting[index] = {}
        for name in FIELDS[: draw(st.sampled_from([1, 1, 2]))]:
            text = transcript.texts[index, name] = draw(texts)
            waiting[index][name] = pieces_of(text, draw(st.lists(st.integers(0, 999), max_size=6)))
    chance = random.Random(draw(st.integers(0, 1 << 32)))
    while waiting:
        chosen = chance.sample(sorted(waiting), chance.randint(1, min(2, len(waiting))))
        transcript.documents.append(chunk(*(_next_part(index, waiting, chance) for index in chosen)))
    if chance.random() < 0.5:
        transcript.documents.append(chunk(usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}))
    return transcript


def _next_part(index: int, waiting: dict[int, dict[str, list[str]]], chance: random.Random) -> dict[str, Any]:
    """The next piece of one of the choice's members, or its end, or both at once."""
    fields = waiting[index]
    name = chance.choice(sorted(fields))
    piece = fields[name].pop(0)
    if not fields[name]:
        del fields[name]
    if not fields:
        del waiting[index]
    reason = None if fields else chance.choice(["stop", "length"])
    return part(index, piece, reason) if name == "text" else part(index, "", reason, **{name: piece})
