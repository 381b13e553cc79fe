"""What a client makes of a stream's frames, and streams as an upstream sends them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import Policy
from guardproxy.core.rewrite import redact_json_text
from guardproxy.surfaces.messages import MessagesStream
from guardproxy.wire.sse import DONE, SseDecoder, SseEvent, encode_event
from tests.support.strategies import Kit, pieces_of

# By type of block: the member that grows, the type of its deltas, and the member of a delta that brings it.
GROWS = {
    "text": ("text", "text_delta", "text"),
    "thinking": ("thinking", "thinking_delta", "thinking"),
    "tool_use": ("input", "input_json_delta", "partial_json"),
    "server_tool_use": ("input", "input_json_delta", "partial_json"),
    "mcp_tool_use": ("input", "input_json_delta", "partial_json"),
    "compaction": ("content", "compaction_delta", "content"),
}
CALLS = ("tool_use", "server_tool_use", "mcp_tool_use")
HELD = (*CALLS, "compaction")
KINDS = ("text", "text", "thinking", *CALLS, "compaction")
SIGNATURE = "c2lnbmF0dXJl"
USAGE = {"input_tokens": 7, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 1, "output_tokens": 1}


def event(document: Any, *, named: bool = True) -> SseEvent:
    """The event as Anthropic sends it: with its type as its name."""
    return SseEvent(json.dumps(document, ensure_ascii=False), document.get("type", "") if named else "")


def starting(**more: Any) -> dict[str, Any]:
    """The event that begins a message."""
    # Labels are looked at too; no rule of these tests can match these.
    message: dict[str, Any] = {"id": "0-1", "type": "message", "role": "assistant", "model": "0", "content": []}
    message["stop_reason"] = None
    return {"type": "message_start", "message": {**message, "stop_sequence": None, "usage": dict(USAGE), **more}}


def ending(reason: str | None = "end_turn", **more: Any) -> list[dict[str, Any]]:
    delta = {"stop_reason": reason, "stop_sequence": None, **more}
    return [{"type": "message_delta", "delta": delta, "usage": {"output_tokens": 12}}, {"type": "message_stop"}]


def delta(index: int, kind: str, text: str) -> dict[str, Any]:
    _, name, member = GROWS[kind]
    return {"type": "content_block_delta", "index": index, "delta": {"type": name, member: text}}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def start(index: int, content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": content}


def bare(kind: str) -> dict[str, Any]:
    """A block as it is announced."""
    match kind:
        case "text":
            return {"type": "text", "text": ""}
        case "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}
        case "compaction":
            return {"type": "compaction", "content": None}
        case "mcp_tool_use":
            return {"type": kind, "id": "0-2", "name": "0", "server_name": "0", "input": {}}
    return {"type": kind, "id": "0-2", "name": "0", "input": {}}


def block(index: int, kind: str, text: str, cuts: Sequence[int] = (), *, signed: bool = True) -> list[dict[str, Any]]:
    """All events of a block. What grows comes in pieces, a compaction in one."""
    pieces = [text] if kind == "compaction" else pieces_of(text, cuts)
    events = [start(index, bare(kind)), *(delta(index, kind, piece) for piece in pieces)]
    if kind == "thinking" and signed:
        inner = {"type": "signature_delta", "signature": SIGNATURE}
        events.append({"type": "content_block_delta", "index": index, "delta": inner})
    return [*events, stop(index)]


def whole(*blocks: list[dict[str, Any]], reason: str = "end_turn") -> list[dict[str, Any]]:
    """A stream of blocks, one after the other."""
    return [starting(), {"type": "ping"}, *(one for events in blocks for one in events), *ending(reason)]


class Received:
    """Adds frames up as clients do, and checks what they rely on."""

    def __init__(self, frames: Iterable[bytes] = ()) -> None:
        self.documents: list[Any] = []
        self.names: list[str] = []
        self.blocks: list[dict[str, Any]] = []
        self.stopped: set[int] = set()
        self.reason: str | None = None
        self.details: Any = None
        self.usage: dict[str, int] = {}
        self.done = False
        self._decoder = SseDecoder()
        for frame in frames:
            self.take(frame)

    @property
    def types(self) -> list[str]:
        return [document["type"] for document in self.documents]

    def text(self, index: int = 0) -> str:
        """What a block's text adds up to; of a call its input, as it was written."""
        one = self.blocks[index]
        return str(one["written"] if one["type"] in CALLS else one[GROWS[one["type"]][0]])

    def take(self, frame: bytes) -> None:
        for item in self._decoder.feed(frame):
            assert isinstance(item, SseEvent)
            assert not self.done, "frames after the end"
            if item.data == DONE:
                self.done = True
                continue
            document = json.loads(item.data)
            self.documents.append(document)
            self.names.append(item.event)
            self._take(document)

    def _take(self, document: dict[str, Any]) -> None:
        match document.get("type"):
            case "content_block_start":
                assert document["index"] == len(self.blocks), "a block out of its order"
                self.blocks.append({**document["content_block"], "written": ""})
            case "content_block_delta":
                assert document["index"] not in self.stopped, "text after its end"
                self._grow(self.blocks[document["index"]], document["delta"])
            case "content_block_stop":
                assert document["index"] < len(self.blocks), "the end of a block that never began"
                assert document["index"] not in self.stopped, "two ends"
                self.stopped.add(document["index"])
            case "message_delta":
                assert self.reason is None, "two reasons"
                self.reason = document["delta"]["stop_reason"]
                self.details = document["delta"].get("stop_details")
                self.usage = document["usage"]
            case "message_stop":
                self.done = True

    def _grow(self, one: dict[str, Any], inner: dict[str, Any]) -> None:
        match inner["type"]:
            case "text_delta":
                one["text"] += inner["text"]
            case "thinking_delta":
                one["thinking"] += inner["thinking"]
            case "signature_delta":
                one["signature"] = inner["signature"]
            case "input_json_delta":
                one["written"] += inner["partial_json"]
            case "compaction_delta":
                one["content"] = inner["content"]
                one["encrypted_content"] = inner.get("encrypted_content")
            case "citations_delta":
                one.setdefault("citations", []).append(inner["citation"])


def strict(policy: Policy) -> Policy:
    """The policy, which lets no content through that cannot be read."""
    return replace(policy, opaque={})


def opened(policy: Policy, **more: Any) -> MessagesStream:
    return MessagesStream(OutputGuard(policy), **more)


def run(policy: Policy, documents: Sequence[Any], *, named: bool = True, **more: Any) -> Received:
    """All events of a stream, one by one."""
    stream = opened(policy, **more)
    frames = [frame for document in documents for frame in stream.feed(event(document, named=named))]
    return Received([*frames, *stream.finish()])


def frames_of(stream: MessagesStream, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """What comes of the pieces in which the bytes of a stream arrive, read as the proxy reads them."""
    decoder = SseDecoder()
    for piece in pieces:
        passed = stream.pass_on(piece) if decoder.between else None
        if passed is not None:
            decoder.skip(len(piece))
            yield from passed
            continue
        for item in decoder.feed(piece):
            if isinstance(item, SseEvent):
                yield from stream.feed(item)
    yield from stream.finish()


def as_frames(documents: Sequence[Any]) -> list[bytes]:
    """The events as Anthropic writes them: compact, with their names."""
    return [encode_event(json.dumps(one, ensure_ascii=False, separators=(",", ":")), one["type"]) for one in documents]


def decoded(frames: Iterable[bytes]) -> list[Any]:
    """The data of frames, nothing asked of them."""
    items = [item for frame in frames for item in SseDecoder().feed(frame)]
    return [item.data if item.data == DONE else json.loads(item.data) for item in items if isinstance(item, SseEvent)]


# ---------------------------------------------------------------- streams


@dataclass
class Transcript:
    """The events of a stream, and of each block its type and its whole text."""

    documents: list[dict[str, Any]] = field(default_factory=list)
    texts: dict[int, tuple[str, str]] = field(default_factory=dict)


def shown(kit: Kit, kind: str, text: str) -> str:
    """What may leave of a block's text."""
    if kind in CALLS:
        return redact_json_text(text, lambda leaf: kit.released(leaf)[0]) or ""
    return kit.released(text)[0]


def hides(kit: Kit, kind: str, text: str) -> bool:
    return shown(kit, kind, text) != text


@st.composite
def transcripts(
    draw: st.DrawFn,
    texts: st.SearchStrategy[str],
    kinds: Sequence[str] = KINDS,
    max_blocks: int = 3,
    mixed: bool = False,
) -> Transcript:
    """One to three blocks of any kind, none of which a client joins; `mixed`: their events interleaved at random, which
    Anthropic never does.
    """
    transcript = Transcript()
    waiting: dict[int, list[dict[str, Any]]] = {}
    for index in range(draw(st.integers(1, max_blocks))):
        taken = {kind for kind, _ in transcript.texts.values()} & {"text", "thinking"}
        left = [kind for kind in kinds if kind not in taken]
        if not left:
            break
        kind = draw(st.sampled_from(left))
        text = draw(texts)
        if kind in CALLS:
            text = json.dumps({"x": text, "y": [draw(texts)]}, ensure_ascii=draw(st.booleans()))
        waiting[index] = block(index, kind, text, draw(st.lists(st.integers(0, 999), max_size=5)))
        transcript.texts[index] = (kind, text)
    transcript.documents = [starting(), *_in_order(waiting, draw(st.integers(0, 1 << 32)) if mixed else None)]
    transcript.documents += ending(
        "tool_use" if any(kind in CALLS for kind, _ in transcript.texts.values()) else "end_turn"
    )
    return transcript


def _in_order(waiting: dict[int, list[dict[str, Any]]], seed: int | None) -> Iterator[dict[str, Any]]:
    if seed is None:
        yield from (one for events in waiting.values() for one in events)
        return
    chance = random.Random(seed)
    begun = 0
    while waiting:
        # Blocks begin in their order, as their indexes say.
        index = chance.choice([index for index in waiting if index <= begun])
        yield waiting[index].pop(0)
        begun = max(begun, index + 1)
        if not waiting[index]:
            del waiting[index]
