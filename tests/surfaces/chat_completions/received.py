"""What a client makes of a stream's frames, and streams as an upstream sends them."""

from __future__ import annotations

import itertools
import json
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import AnswerFields, Policy
from guardproxy.surfaces.chat_completions import ChatStream
from guardproxy.wire.sse import DONE, SseDecoder, SseEvent, encode_event
from tests.support.strategies import Kit, pieces_of

Channel = tuple[int, str]
"""A choice and the field of its delta that grows; `audio.transcript` is one level deeper."""

Piece = tuple[str, str]
"""A field, and text of it."""


def chunk(*choices: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A chunk of a streamed completion."""
    # Labels are looked at too; no rule of these tests can match these.
    head = {"id": "0-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "0"}
    return {**head, "choices": [dict(choice) for choice in choices], **more}


def part(index: int, delta: Mapping[str, Any], finish_reason: str | None = None, **more: Any) -> dict[str, Any]:
    """One choice of a chunk."""
    return {"index": index, "delta": dict(delta), **more, "finish_reason": finish_reason}


def interleaved(kit: Kit) -> Policy:
    """For an upstream that may return to any field of a choice at any time."""
    return kit.policy(answer_fields=AnswerFields.INTERLEAVED)


def delta_of(name: str, text: str) -> dict[str, Any]:
    outer, _, inner = name.partition(".")
    return {outer: {inner: text} if inner else text}


def event(document: Any, name: str = "") -> SseEvent:
    return SseEvent(document if isinstance(document, str) else json.dumps(document, ensure_ascii=False), name)


class Received:
    """Adds frames up as clients do, and checks what their helpers rely on."""

    def __init__(self, frames: Iterable[bytes] = ()) -> None:
        self.documents: list[Any] = []
        self.texts: dict[Channel, str] = defaultdict(str)
        self.calls: dict[int, list[dict[str, Any]]] = defaultdict(list)
        self.functions: dict[int, dict[str, Any]] = {}
        self.finished: dict[int, str] = {}
        self.order: list[int] = []
        self._grew: dict[int, list[Piece]] = defaultdict(list)
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

    def text(self, index: int, name: str = "content") -> str:
        return self.texts[index, name]

    def in_order(self, index: int) -> list[Piece]:
        """The texts of a choice as they arrived; what comes of one field in a row is one."""
        rows = itertools.groupby(self._grew[index], key=lambda piece: piece[0])
        return [(name, "".join(text for _, text in row)) for name, row in rows]

    def _choice(self, choice: dict[str, Any]) -> None:
        index = choice["index"]
        if index not in self.order:
            self.order.append(index)
        delta = choice.get("delta")
        delta = delta if isinstance(delta, dict) else {}
        for name, value in delta.items():
            if isinstance(value, str) and name != "role":
                self._grow(index, name, value)
            elif name == "audio" and isinstance(value, dict):
                self._grow(index, "audio.transcript", value.get("transcript", ""))
        for call in delta.get("tool_calls") or ():
            assert index not in self.finished, "a call after the finish"
            self.calls[index].append(call)
        if delta.get("function_call"):
            assert index not in self.finished and index not in self.functions
            self.functions[index] = delta["function_call"]
        if choice.get("finish_reason"):
            assert index not in self.finished, "a choice that finishes twice"
            self.finished[index] = choice["finish_reason"]

    def _grow(self, index: int, name: str, text: str) -> None:
        assert not (text and index in self.finished), "text after the finish"
        assert not (text and self.calls[index]), "text after a call, which ends it"
        self.texts[index, name] += text
        if text:
            self._grew[index].append((name, text))


def run(policy: Policy, documents: Sequence[Any], *, done: bool = True) -> Received:
    """All events of a stream, one by one."""
    stream = ChatStream(OutputGuard(policy))
    frames = [frame for document in documents for frame in stream.feed(event(document))]
    frames += stream.feed(SseEvent(DONE)) if done else []
    return Received([*frames, *stream.finish()])


def run_bytes(policy: Policy, pieces: Sequence[bytes]) -> Received:
    """The same from the pieces in which the bytes of the stream arrived."""
    decoder, stream = SseDecoder(), ChatStream(OutputGuard(policy))
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


FIELDS = ("content", "refusal", "reasoning_content", "audio.transcript")


@st.composite
def transcripts(
    draw: st.DrawFn, texts: st.SearchStrategy[str], max_choices: int = 3, *, in_turn: bool = False
) -> Transcript:
    """One to three choices with one or two growing fields each, interleaved at random, several to an event.

    `in_turn`: up to three fields, of which one comes after the other. The last of a field may come in one event with
    the first of the next, and with any piece members that say nothing.
    """
    transcript = Transcript()
    waiting: dict[int, list[dict[str, Any]]] = {}
    grown: dict[int, dict[str, list[str]]] = {}
    for index in range(draw(st.sampled_from([1, 2, 2, 3][: max_choices + 1]))):
        grown[index] = {}
        for name in draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=2 + in_turn, unique=True)):
            text = transcript.texts[index, name] = draw(texts)
            grown[index][name] = pieces_of(text, draw(st.lists(st.integers(0, 999), max_size=6)))
        transcript.documents.append(chunk(part(index, {"role": "assistant", "content": ""})))
    chance = random.Random(draw(st.integers(0, 1 << 32)))
    for index, fields in grown.items():
        waiting[index] = _in_turn(fields, chance) if in_turn else _by_chance(fields, chance)
    while waiting:
        chosen = chance.sample(sorted(waiting), chance.randint(1, min(2, len(waiting))))
        transcript.documents.append(chunk(*(_next_part(index, waiting, chance) for index in chosen)))
    if chance.random() < 0.5:
        transcript.documents.append(chunk(usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}))
    return transcript


def _by_chance(fields: dict[str, list[str]], chance: random.Random) -> list[dict[str, Any]]:
    """The deltas of one choice that goes from field to field and back."""
    names = [name for name, pieces in fields.items() for _ in pieces]
    chance.shuffle(names)
    left = {name: iter(pieces) for name, pieces in fields.items()}
    return [delta_of(name, next(left[name])) for name in names]


def _in_turn(fields: dict[str, list[str]], chance: random.Random) -> list[dict[str, Any]]:
    """The deltas of one choice whose fields follow each other."""
    deltas: list[dict[str, Any]] = []
    known = False  # that the field before does not begin in the last of the deltas
    for name, pieces in fields.items():
        for at, piece in enumerate(pieces):
            if at == 0 and known and chance.random() < 0.3:
                deltas[-1].update(delta_of(name, piece))
            else:
                deltas.append(delta_of(name, piece))
        known = bool("".join(pieces[:-1]))
    for delta in deltas:
        if chance.random() < 0.3:
            delta.setdefault(chance.choice(FIELDS[:3]), chance.choice(["", None]))
    return deltas


def _next_part(index: int, waiting: dict[int, list[dict[str, Any]]], chance: random.Random) -> dict[str, Any]:
    """The next delta of the choice, or its end, or both at once."""
    deltas = waiting[index]
    delta = deltas.pop(0) if deltas else {}
    if deltas or (delta and chance.random() < 0.5):
        return part(index, delta)
    del waiting[index]
    return part(index, delta, "stop")
