"""Answers of the APIs beside chats, as an upstream sends them: whole and as the events of a stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from tests.support.upstream import STREAM_END, STREAM_HEAD, Asked, Script, Send, event, piece

RESPONSE_ID = "resp_0a1"
USAGE = {
    "input_tokens": 9,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 3,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 12,
}


def message(text: str, status: str = "completed", named: str = "msg_0a1") -> dict[str, Any]:
    """An item with one text."""
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"id": named, "type": "message", "role": "assistant", "status": status, "content": [part]}


def response(*items: Any, status: str = "completed", named: str = RESPONSE_ID, **more: Any) -> dict[str, Any]:
    """A response object."""
    return {
        "id": named, "object": "response", "created_at": 1700000000, "status": status, "error": None,
        "incomplete_details": None, "instructions": None, "max_output_tokens": None, "model": "stand-in",
        "output": list(items), "parallel_tool_calls": True, "previous_response_id": None, "temperature": 1.0,
        "tool_choice": "auto", "tools": [], "top_p": 1.0, "truncation": "disabled",
        "usage": USAGE if status == "completed" else None, "user": None, "metadata": {}, **more,
    }  # fmt: skip


def response_events(*texts: str, named: str = RESPONSE_ID) -> list[dict[str, Any]]:
    """The events of a streamed response with one message whose text arrives in these pieces."""
    whole = "".join(texts)
    at = {"item_id": "msg_0a1", "output_index": 0, "content_index": 0}
    empty = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    begun = {**message("", "in_progress"), "content": []}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": response(status="in_progress", named=named)},
        {"type": "response.output_item.added", "output_index": 0, "item": begun},
        {"type": "response.content_part.added", **at, "part": empty},
        *({"type": "response.output_text.delta", **at, "delta": text, "logprobs": []} for text in texts),
        {"type": "response.output_text.done", **at, "text": whole, "logprobs": []},
        {"type": "response.content_part.done", **at, "part": {**empty, "text": whole}},
        {"type": "response.output_item.done", "output_index": 0, "item": message(whole)},
        {"type": "response.completed", "response": response(message(whole), named=named)},
    ]
    return [{**one, "sequence_number": number} for number, one in enumerate(events)]


def named_event(document: dict[str, Any]) -> bytes:
    """An event as OpenAI sends those of responses: its type is its name too."""
    return f"event: {document['type']}\n".encode() + event(document)


def streams_response(*texts: str, held: asyncio.Event | None = None) -> Script:
    """`held`: from the second text on it waits for that."""
    return streams_events([named_event(one) for one in response_events(*texts)], held, 4)


def completion_piece(text: str, *, index: int = 0, finish_reason: str | None = None) -> dict[str, Any]:
    """A legacy completion, whole or a piece of one."""
    choice = {"index": index, "text": text, "logprobs": None, "finish_reason": finish_reason}
    return {
        "id": "cmpl-1", "object": "text_completion", "created": 1700000000, "model": "stand-in", "choices": [choice],
    }  # fmt: skip


def streams_completion(*texts: str, held: asyncio.Event | None = None) -> Script:
    """`held`: from the second text on it waits for that."""
    pieces = [event(completion_piece(text)) for text in texts]
    return streams_events([*pieces, event(completion_piece("", finish_reason="stop")), event(b"[DONE]")], held, 1)


def vectors(*numbers: Sequence[float] | str) -> dict[str, Any]:
    """An answer with embeddings."""
    data = [{"object": "embedding", "index": index, "embedding": each} for index, each in enumerate(numbers)]
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    return {"object": "list", "data": data, "model": "stand-in", "usage": usage}


def moderated(*, flagged: bool = False) -> dict[str, Any]:
    """An answer about one text."""
    result = {"flagged": flagged, "categories": {"violence": flagged}, "category_scores": {"violence": 0.5}}
    return {"id": "modr-1", "model": "stand-in", "results": [{**result, "category_applied_input_types": {}}]}


def streams_events(frames: Sequence[bytes], held: asyncio.Event | None = None, at: int = 0) -> Script:
    """A script that streams these frames, each in a chunk of its own; from position `at` on only when `held` is set."""

    async def script(asked: Asked, send: Send) -> None:
        await send(STREAM_HEAD)
        for position, frame in enumerate(frames):
            if position == at and held is not None:
                await held.wait()
            await send(piece(frame))
        await send(STREAM_END)

    return script


def error(message: str, code: str = "x", kind: str = "server_error") -> bytes:
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()
