"""Events of a streamed chat: which need no second look, and how one of our own is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from guardproxy.wire.document import encode
from guardproxy.wire.path import Path
from guardproxy.wire.sse import encode_event

CHUNK_OBJECT: Final = "chat.completion.chunk"
_PLAIN_CHOICE: Final = ("index", "delta")
_PLAIN_MEMBERS: Final = frozenset(
    {"created", "choices", "usage", "logprobs", "finish_reason", "system_fingerprint", "service_tier"}
)
# What a frame made by us takes over from the upstream's.
_SKELETON: Final = ("id", "object", "created", "model", "service_tier", "system_fingerprint")


def is_plain(document: dict[str, Any], choice: dict[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether an event holds nothing to look at beside its delta: labels that were, numbers, nothing at all."""
    for member, value in document.items():
        if isinstance(value, str):
            if labels.get(member) != value:
                return False
        elif member not in _PLAIN_MEMBERS or not (value is None or type(value) is int or member == "choices"):
            return False
    for member, value in choice.items():
        if member not in _PLAIN_CHOICE and (value is not None or member not in _PLAIN_MEMBERS):
            return False
    return document.get("object") == CHUNK_OBJECT


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
