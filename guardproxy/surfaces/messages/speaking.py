"""Who speaks where in this API: operator text is `system`, system messages, and blocks that set a conversation up anew.

What the proxy says itself goes into `system`: into the caller's own text where both are the operator's, otherwise as
blocks of their own around it. The pieces of an answer are its blocks; a client sends them back in assistant messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from guardproxy.core.context import is_operator_role
from guardproxy.core.separation.history import Claim, Piece
from guardproxy.core.separation.signature import canonical
from guardproxy.core.separation.speech import Speaking, Speech, joined
from guardproxy.surfaces.messages.blocks import BLOCKS
from guardproxy.surfaces.messages.leaves import is_call
from guardproxy.surfaces.messages.request import OPERATOR_MEMBERS
from guardproxy.wire.document import UndecodableJson, decode
from guardproxy.wire.sse import SseDecoder, SseError, SseEvent

# Members of a block that say nothing: what it is, and what its caller asks of the cache.
_SILENT: Final = frozenset({"type", "cache_control"})
# By the type of a delta: the member of the block that grows, and the member that brings more of it.
_GROWS: Final = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("signature", "signature"),
    "input_json_delta": ("input", "partial_json"),
    "compaction_delta": ("content", "content"),
}


def place(document: Any, speech: Speech) -> None:
    """Put what the proxy says into a request that was read before."""
    if speech.instead:
        document.pop("system", None)
        document["messages"] = [*_without_operator(document["messages"])]
    system = document.get("system") or ""
    if not (speech.before or speech.behind):
        pass
    elif isinstance(system, str) and (speech.trusted or not system):
        document["system"] = joined(speech.before, system, speech.behind)
    else:
        said = [_text_block(system)] if isinstance(system, str) else system
        document["system"] = [*map(_text_block, filter(None, [speech.before])), *said]
        document["system"] += map(_text_block, filter(None, [speech.behind]))
    if speech.restated:
        document["messages"].append({"role": "user", "content": speech.restated})


def operator_part(document: Any) -> Any:
    """Everything a request says in the operator's place; None if nothing."""
    said = [message for message in document["messages"] if is_operator_role(message["role"])]
    said += [
        block
        for message in document["messages"]
        if not is_operator_role(message["role"])
        for block in _blocks(message.get("content"))
        if _is_operators(block)
    ]
    names = ("system", *sorted(OPERATOR_MEMBERS))
    members = {name: document[name] for name in names if document.get(name) is not None}
    return {"messages": said, **members} if said or members else None


def answered(document: Any) -> Iterator[Piece]:
    """The pieces of a whole answer; its texts also as one, since some clients keep no more of it."""
    content = document.get("content") if isinstance(document, dict) else None
    blocks = _blocks(content)
    for block in blocks:
        yield from _pieces(block)
    texts = [block["text"] for block in blocks if isinstance(block, dict) and isinstance(block.get("text"), str)]
    if len(texts) > 1:
        yield Piece("text", "".join(texts))


def claimed(document: Any) -> Iterator[Claim]:
    """What the messages of a request say the model said, or a tool in answer to it."""
    for index, message in enumerate(document["messages"]):
        role, content = message["role"], message.get("content")
        if role == "assistant":
            said = [{"type": "text", "text": content}] if isinstance(content, str) else content
            for piece in (piece for block in _blocks(said) for piece in _pieces(block)):
                yield Claim(("messages", index), piece)
        elif role in ("tool", "function"):  # no role of this API, so nothing of it was ever answered
            yield Claim(("messages", index), Piece("role", role))
        elif not is_operator_role(role):
            for block in _blocks(content):
                if block.get("type") == "tool_result":
                    yield Claim(("messages", index), Piece("call_id", str(block.get("tool_use_id"))))
                elif _is_models(block):
                    for piece in _pieces(block):
                        yield Claim(("messages", index), piece)


class StreamedBlocks:
    """Collects the blocks of a stream from the frames that went out."""

    def __init__(self) -> None:
        self._decoder = SseDecoder()
        self._blocks: dict[Any, tuple[dict[str, Any], dict[str, list[str]]]] = {}
        self.ended = False

    def feed(self, frames: Sequence[bytes]) -> None:
        """The next frames. What is no event of an answer is passed over: it says nothing."""
        try:
            items = self._decoder.feed(b"".join(frames))
        except SseError as error:
            items = list(error.items)
        for item in items:
            if isinstance(item, SseEvent):
                self._read(item.data)

    def pieces(self) -> Iterable[Piece]:
        """What the blocks said so far."""
        return answered({"content": [_whole(block, grown) for block, grown in self._blocks.values()]})

    def _read(self, data: str) -> None:
        try:
            event = decode(data)
        except UndecodableJson:
            return
        if not isinstance(event, dict):
            return
        self.ended = self.ended or event.get("type") == "message_stop"
        message, block, delta = event.get("message"), event.get("content_block"), event.get("delta")
        if isinstance(message, dict):
            for index, known in enumerate(_blocks(message.get("content"))):
                self._begin(index, known)
        if event.get("type") == "content_block_start":
            self._begin(event.get("index"), block)
        elif event.get("type") == "content_block_delta" and isinstance(delta, dict):
            self._grow(event.get("index"), delta)

    def _begin(self, index: Any, block: Any) -> None:
        if isinstance(block, dict) and isinstance(index, int):
            self._blocks[index] = (block, {})

    def _grow(self, index: Any, delta: dict[str, Any]) -> None:
        block, grown = self._blocks.get(index, ({}, {})) if isinstance(index, int) else ({}, {})
        member, brings = _GROWS.get(str(delta.get("type")), ("", ""))
        if isinstance(delta.get(brings), str):
            grown.setdefault(member, []).append(delta[brings])
        if "citation" in delta:
            block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
        if delta.get("encrypted_content"):
            block["encrypted_content"] = delta["encrypted_content"]


def _whole(block: dict[str, Any], grown: dict[str, list[str]]) -> dict[str, Any]:
    whole = dict(block)
    for member, parts in grown.items():
        if member == "input":
            try:
                whole[member] = decode("".join(parts) or "{}")
            except UndecodableJson:
                whole[member] = "".join(parts)
        else:
            before = whole.get(member)
            whole[member] = (before if isinstance(before, str) else "") + "".join(parts)
    return whole


def _pieces(block: Any) -> Iterator[Piece]:
    if not isinstance(block, dict):
        yield Piece("block", _written(block))
        return
    kind = str(block.get("type"))
    said = {name: value for name, value in block.items() if name not in _SILENT and value}
    if is_call(block) and (call_id := said.pop("id", None)):
        yield Piece("call_id", str(call_id))
    text = said.pop("text", "") if kind == "text" else ""
    if text and str(text).strip():
        yield Piece("text", text if isinstance(text, str) else _written(text))
    if said:
        yield Piece(f"{kind} block", _written(said))


def _written(value: Any) -> str:
    return canonical(value).decode("utf-8", "surrogatepass")


def _blocks(content: Any) -> list[Any]:
    return content if isinstance(content, list) else []


def _text_block(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _is_operators(block: Any) -> bool:
    known = BLOCKS.get(block.get("type"))
    return known is not None and known.operator


def _is_models(block: Any) -> bool:
    """Whether a block says what only a model or its server's tools say, whoever sends it."""
    kind = block["type"]
    return is_call(block) or kind in ("thinking", "redacted_thinking", "compaction") or kind.endswith("_tool_result")


def _without_operator(messages: list[Any]) -> Iterator[dict[str, Any]]:
    """Messages without those and without the blocks that speak for the operator."""
    for message in messages:
        content = message.get("content")
        left = [block for block in _blocks(content) if not _is_operators(block)]
        if is_operator_role(message["role"]) or (_blocks(content) and not left):
            continue
        yield {**message, "content": left} if isinstance(content, list) else message


SPEAKING: Final = Speaking(place, operator_part, answered, StreamedBlocks, claimed)
