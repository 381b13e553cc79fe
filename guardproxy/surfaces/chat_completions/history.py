"""The pieces of an assistant message: in an answer, in a streamed one, and where a request brings it back.

The text is one piece, each tool call is one (name and arguments together) and its id another, and any other member that
says something is one under its own name. So a member that was never part of an answer is not taken for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from guardproxy.core.separation.history import Claim, Piece
from guardproxy.core.separation.signature import canonical
from guardproxy.wire.document import UndecodableJson, decode
from guardproxy.wire.sse import SseDecoder, SseError, SseEvent


def answered(document: Any) -> Iterator[Piece]:
    """The pieces of a whole answer."""
    for choice in _objects(document, "choices"):
        message = choice.get("message")
        if isinstance(message, dict):
            yield from pieces_of(message)


def claimed(document: Any) -> Iterator[Claim]:
    """What the messages of a request say the model said, or a tool in answer to it."""
    for index, message in enumerate(document["messages"]):
        match message["role"]:
            case "assistant":
                for piece in pieces_of(message):
                    yield Claim(("messages", index), piece)
            case "tool":
                yield Claim(("messages", index), Piece("call_id", str(message.get("tool_call_id"))))
            case "function":
                yield Claim(("messages", index), Piece("call_name", str(message.get("name"))))


def pieces_of(message: dict[str, Any]) -> Iterator[Piece]:
    """All that a message says."""
    for name, value in message.items():
        if name == "role" or not value:
            continue
        if name == "content":
            text = _text(value)
            if text.strip():
                yield Piece(name, text)
        elif name == "tool_calls" and isinstance(value, list):
            for call in value:
                yield from _call(call)
        elif name == "function_call" and isinstance(value, dict):
            yield from _function(value)
        else:
            yield Piece(name, value if isinstance(value, str) else canonical(value).decode("utf-8", "surrogatepass"))


class StreamedAnswers:
    """Collects the answers of a stream from the frames that went out."""

    def __init__(self) -> None:
        self._decoder = SseDecoder()
        self._choices: dict[Any, dict[str, Any]] = {}
        self._finished: set[Any] = set()
        self._done = False

    @property
    def ended(self) -> bool:
        """Whether every choice that has begun is finished: clients go on before they read what comes behind that."""
        return self._done or len(self._finished) == len(self._choices) > 0

    def feed(self, frames: Sequence[bytes]) -> None:
        """The next frames. What is no event of an answer is passed over: it says nothing."""
        try:
            items = self._decoder.feed(b"".join(frames))
        except SseError as error:
            items = list(error.items)
        for item in items:
            if isinstance(item, SseEvent):
                self._read(item.data)

    def pieces(self) -> Iterator[Piece]:
        """What the answers said so far."""
        for choice in self._choices.values():
            calls = [_joined(call) for call in choice["calls"].values()]
            yield from pieces_of({**_joined(choice["texts"]), "tool_calls": calls})

    def _read(self, data: str) -> None:
        try:
            document = decode(data)
        except UndecodableJson:
            self._done = self._done or data == "[DONE]"
            return
        for choice in _objects(document, "choices"):
            delta = choice.get("delta")
            if isinstance(delta, dict):
                kept = self._choices.setdefault(choice.get("index"), {"texts": {}, "calls": {}})
                _collect(kept["texts"], delta)
                for call in _objects(delta, "tool_calls"):
                    _collect(kept["calls"].setdefault(call.get("index"), {}), call)
                if choice.get("finish_reason") is not None:
                    self._finished.add(choice.get("index"))


def _collect(into: dict[str, Any], delta: dict[str, Any]) -> None:
    """Strings grow, as lists of their parts; objects are collected member by member."""
    for name, value in delta.items():
        if isinstance(value, str):
            into.setdefault(name, []).append(value)
        elif isinstance(value, dict):
            _collect(into.setdefault(name, {}), value)


def _joined(collected: dict[str, Any]) -> dict[str, Any]:
    return {name: "".join(parts) if isinstance(parts, list) else _joined(parts) for name, parts in collected.items()}


def _call(call: Any) -> Iterator[Piece]:
    if not isinstance(call, dict):
        yield Piece("call", canonical(call).decode("utf-8", "surrogatepass"))
        return
    if call.get("id"):
        yield Piece("call_id", str(call["id"]))
    for kind in ("function", "custom"):
        if isinstance(call.get(kind), dict):
            yield from _function(call[kind])
    for name, value in call.items():
        if value and name not in ("id", "type", "index", "function", "custom"):
            yield Piece(f"call.{name}", canonical(value).decode("utf-8", "surrogatepass"))


def _function(function: dict[str, Any]) -> Iterator[Piece]:
    yield Piece("call", canonical(function).decode("utf-8", "surrogatepass"))
    yield Piece("call_name", str(function.get("name")))


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    return "".join(
        part if isinstance(part, str) else str(part.get("text") or part.get("refusal") or canonical(part))
        for part in parts
    )


def _objects(holder: Any, name: str) -> list[dict[str, Any]]:
    value = holder.get(name) if isinstance(holder, dict) else None
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
