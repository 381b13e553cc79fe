"""How a stream ends that the proxy stopped: in the API's own words, so that every client notices and none fails.

Blocks the client knows of are closed with what was really sent of them. Then comes the stop reason by which the API
itself says that an answer was stopped, with the reason why in a place that cannot pass for text of the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


def end_blocked(blocks: Iterable[int], output_tokens: int, explanation: str) -> Iterator[dict[str, Any]]:
    """The events that end the stream, in order. `blocks` are those that were announced and have not ended."""
    details = {"type": "refusal", "category": None, "explanation": explanation}
    return _end(blocks, output_tokens, {"stop_reason": "refusal", "stop_sequence": None, "stop_details": details})


def end_cut(blocks: Iterable[int], output_tokens: int) -> Iterator[dict[str, Any]]:
    """The same for an answer that a limit ends: as at the model's own cap."""
    return _end(blocks, output_tokens, {"stop_reason": "max_tokens", "stop_sequence": None})


def _end(blocks: Iterable[int], output_tokens: int, delta: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for index in blocks:
        yield {"type": "content_block_stop", "index": index}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": output_tokens}}
    yield {"type": "message_stop"}
