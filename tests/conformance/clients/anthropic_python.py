"""Anthropic's official Python client: `raw` reads the events, `helper` uses `stream()`."""

from __future__ import annotations

import json
from typing import Any

from anthropic import Anthropic

from tests.conformance.clients.orders import Witness, serve


def take(order: dict[str, Any], saw: Witness) -> None:
    base_url = order["base_url"].removesuffix("/v1")
    request: Any = {"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": order["says"]}]}
    with Anthropic(base_url=base_url, api_key=order["key"], max_retries=order["retries"], timeout=60) as client:
        if not order["stream"]:
            _whole(client.messages.create(**request), saw)
        elif order["way"] == "raw":
            _events(client.messages.create(**request, stream=True), saw)
        else:
            _helper(client, request, saw)


def _whole(message: Any, saw: Witness) -> None:
    saw.reads("".join(block.text for block in message.content if block.type == "text"))
    _ended(message, saw)


def _ended(message: Any, saw: Witness) -> None:
    saw.finish = message.stop_reason
    saw.refusal = message.stop_details.explanation if message.stop_details else ""
    saw.calls = [f"{each.name}({_compact(each.input)})" for each in message.content if each.type == "tool_use"]


def _events(events: Any, saw: Witness) -> None:
    calls: dict[int, list[str]] = {}
    for event in events:
        if event.type == "content_block_start" and event.content_block.type == "tool_use":
            calls[event.index] = [event.content_block.name, ""]
        elif event.type == "content_block_delta" and event.delta.type == "text_delta":
            saw.reads(event.delta.text)
        elif event.type == "content_block_delta" and event.delta.type == "input_json_delta":
            calls[event.index][1] += event.delta.partial_json
        elif event.type == "message_delta":
            saw.finish = event.delta.stop_reason
            saw.refusal = event.delta.stop_details.explanation if event.delta.stop_details else ""
    saw.calls = [f"{name}({text})" for name, text in calls.values()]


def _helper(client: Anthropic, request: Any, saw: Witness) -> None:
    with client.messages.stream(**request) as stream:
        for text in stream.text_stream:
            saw.reads(text)
        _ended(stream.get_final_message(), saw)


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


if __name__ == "__main__":
    serve(take)
