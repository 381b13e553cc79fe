"""Events of a streamed chat that we write ourselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from guardproxy.wire.document import encode
from guardproxy.wire.path import Path
from guardproxy.wire.sse import encode_event

CHUNK_OBJECT: Final = "chat.completion.chunk"
# What a frame made by us takes over from the upstream's.
_SKELETON: Final = ("id", "object", "created", "model", "service_tier", "system_fingerprint")


def own_event(last: Mapping[str, Any], index: int, parts: dict[str, Any], finish_reason: str | None = None) -> bytes:
    """An event of our own: one choice with `parts`, in the skeleton of the upstream's last event."""
    choice = {"index": index, "delta": {}, **parts, "finish_reason": finish_reason}
    skeleton = {name: last[name] for name in _SKELETON if name in last}
    return encode_event(encode({**skeleton, "choices": [choice]}))


def nest(path: Path, text: str) -> dict[str, Any]:
    """The part of a choice that holds only `text` at `path`."""
    value: Any = text
    for step in reversed(path):
        value = [value] if isinstance(step, int) else {step: value}
    assert isinstance(value, dict)  # noqa: S101 - the first step of a channel's path is a member name
    return value
