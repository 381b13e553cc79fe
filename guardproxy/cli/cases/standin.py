"""The stand-in for the model: it answers what a case says, whole or in small pieces, and keeps what it was sent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any, Final

PIECE: Final = 4
_HEAD: Final[Mapping[str, Any]] = {"id": "chatcmpl-case", "created": 0, "model": "stand-in"}
_USAGE: Final = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


class StandInModel:
    """An upstream without a socket. `answer` is the message it gives; `sent` the body it was sent last."""

    def __init__(self) -> None:
        self.answer: Mapping[str, Any] = {}
        self.sent: Any = None

    async def send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        until: float = inf,
        content_type: str = "application/json",
    ) -> _Reply:
        self.sent = json.loads(body) if body else None
        if isinstance(self.sent, dict) and self.sent.get("stream"):
            return _Reply("text/event-stream", _events(self.answer))
        return _Reply("application/json", iter([json.dumps(_completion(self.answer)).encode()]))

    async def close(self) -> None:
        """There is nothing to close."""


class _Reply:
    status = 200

    def __init__(self, content_type: str, pieces: Iterator[bytes]) -> None:
        self.content_type = content_type
        self._pieces = pieces

    def returned(self) -> Sequence[tuple[str, str]]:
        return ()

    async def read(self) -> bytes:
        return next(self._pieces, b"")

    async def body(self, limit: int) -> bytes:
        return b"".join(self._pieces)

    def close(self) -> None:
        """There is nothing to close."""


def message_of(answer: str | Mapping[str, Any]) -> dict[str, Any]:
    """The answer of a case as a message of the API."""
    return {"role": "assistant", **({"content": answer} if isinstance(answer, str) else answer)}


def _completion(message: Mapping[str, Any]) -> dict[str, Any]:
    finish = "tool_calls" if message.get("tool_calls") else "stop"
    choice = {"index": 0, "message": dict(message), "finish_reason": finish}
    return {**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE}


def _events(message: Mapping[str, Any]) -> Iterator[bytes]:
    finish = "tool_calls" if message.get("tool_calls") else "stop"
    for delta in ({"role": "assistant"}, *_deltas(message)):
        yield _event({"index": 0, "delta": delta, "finish_reason": None})
    yield _event({"index": 0, "delta": {}, "finish_reason": finish})
    yield b"data: [DONE]\n\n"


def _event(choice: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps({**_HEAD, "object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"


def _deltas(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, value in message.items():
        if name not in ("role", "tool_calls") and isinstance(value, str):
            for piece in _pieces(value):
                yield {name: piece}
    for index, call in enumerate(message.get("tool_calls") or ()):
        function = call.get("function", {})
        first = {**call, "index": index, "function": {**function, "arguments": ""}}
        yield {"tool_calls": [first]}
        for piece in _pieces(function.get("arguments", "")):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _pieces(text: str) -> list[str]:
    return [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
