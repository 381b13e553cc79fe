"""How an upstream writes an answer in each API: whole, as the events of a stream, and that it failed."""

from __future__ import annotations

import base64
import struct
from typing import Any

from tests.support.answers import (
    completion_piece,
    error,
    message,
    moderated,
    named_event,
    response,
    response_events,
    vectors,
)
from tests.support.upstream import DONE, Asked, Script, Send, chunk, completion, event, whole

VECTOR = (0.5, -1.25)
WHY = "overloaded"
CODE = "busy"


def chat_whole(text: str) -> bytes:
    return whole(completion(text))


def response_whole(text: str) -> bytes:
    return whole(response(message(text)))


def completion_whole(text: str) -> bytes:
    usage = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
    return whole({**completion_piece(text, finish_reason="stop"), "usage": usage})


def message_whole(text: str) -> bytes:
    return whole({**_message([{"type": "text", "text": text}]), "stop_reason": "end_turn"})


def vectors_script(model: str) -> Script:
    """Vectors as numbers or in base64, as the client asks for them: most ask for base64 without telling anybody."""

    async def script(asked: Asked, send: Send) -> None:
        packed = base64.b64encode(struct.pack("<2f", *VECTOR)).decode()
        told = packed if asked.json.get("encoding_format") == "base64" else VECTOR
        await send(whole({**vectors(told), "model": model}))

    return script


def moderated_whole(model: str) -> bytes:
    return whole({**moderated(flagged=True), "model": model})


def models_whole(name: str) -> bytes:
    listed = [{"id": each, "object": "model", "created": 1700000000, "owned_by": "somebody"} for each in ("m", name)]
    return whole({"object": "list", "data": listed})


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


def completion_frames(*texts: str, call: str = "") -> list[bytes]:
    """The events of a legacy completion, in which there are no calls."""
    assert not call
    pieces = [completion_piece(text) for text in texts]
    return [*(event(piece) for piece in pieces), event(completion_piece("", finish_reason="stop")), DONE]


def message_frames(*texts: str, call: str = "") -> list[bytes]:
    """The events of a message; a call is a second block, with its input in pieces."""
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": _message([])},
        *_block(0, {"type": "text", "text": ""}, [{"type": "text_delta", "text": text} for text in texts]),
    ]
    if call:
        begun = {"type": "tool_use", "id": "toolu_1", "name": "run", "input": {}}
        events += _block(1, begun, [{"type": "input_json_delta", "partial_json": part} for part in _cut(call)])
    ended = {"stop_reason": "tool_use" if call else "end_turn", "stop_sequence": None}
    events += [
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 3}}, {"type": "message_stop"},
    ]  # fmt: skip
    return [named_event(one) for one in events]


def openai_refusal(secret: str) -> bytes:
    return whole(error(f"{WHY}, {secret}", CODE), 500)


def anthropic_refusal(secret: str) -> bytes:
    return whole({"type": "error", "error": {"type": "api_error", "message": f"{WHY}, {secret}"}}, 500)


def openai_failure(secret: str) -> bytes:
    """How chats and completions tell in a stream that the model failed."""
    return event(error(f"{WHY}, {secret}", CODE))


def response_failure(secret: str) -> bytes:
    why = {"code": "server_error", "message": f"{WHY}, {secret}"}
    failed = response(status="failed", error=why)
    return named_event({"type": "response.failed", "sequence_number": 9, "response": failed})


def anthropic_failure(secret: str) -> bytes:
    failed = {"type": "overloaded_error", "message": f"{WHY}, {secret}"}
    return named_event({"type": "error", "error": failed})


def _message(content: list[Any]) -> dict[str, Any]:
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content, "stop_reason": None,
        "stop_sequence": None, "usage": {"input_tokens": 7, "output_tokens": 3},
    }  # fmt: skip


def _block(index: int, begun: dict[str, Any], deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": begun},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _cut(text: str) -> list[str]:
    return [text[start : start + 5] for start in range(0, len(text), 5)]
