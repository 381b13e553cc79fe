"""How an event of a streamed chat is written: the upstream's, and our own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from guardproxy.errors import UpstreamUnavailable
from guardproxy.wire.document import decode, encode, repeats_names
from guardproxy.wire.sse import SseEvent, encode_event

_NAME: Final = re.compile("[a-z._]{0,40}")
CHUNK_OBJECT: Final = "chat.completion.chunk"
# What a frame made by us takes over from the upstream's.
_SKELETON: Final = ("id", "object", "created", "model", "service_tier", "system_fingerprint")


def is_documented(document: Mapping[str, Any], label: str = CHUNK_OBJECT) -> bool:
    """Whether an event is one of the API's, whose `object` is this label, or an error in any of its forms.

    Some servers write choices without a label, Azure its annotations with an empty one.
    """
    name = document.get("object")
    choices = not name and isinstance(document.get("choices"), list)
    return name == label or choices or name == "error" or bool(document.get("error"))


def name_of(event: SseEvent) -> str:
    """The events of a chat have no names; some servers give them one all the same."""
    return event.event if not event.event or _NAME.fullmatch(event.event) else ""


def forwarded(document: dict[str, Any], event: SseEvent) -> bytes:
    """An event of the upstream after it was edited: as it came, unless something was, or its bytes hold more than was
    looked at.
    """
    untouched = decode(event.data) == document and not repeats_names(event.data)
    return encode_event(event.data if untouched else encode(document), name_of(event))


def own_event(last: Mapping[str, Any], index: int, parts: dict[str, Any], finish_reason: str | None = None) -> bytes:
    """An event of our own: one choice with `parts`, in the skeleton of the upstream's last event."""
    choice = {"index": index, "delta": {}, **parts, "finish_reason": finish_reason}
    skeleton = {name: last[name] for name in _SKELETON if name in last}
    return encode_event(encode({**skeleton, "choices": [choice]}))


def usage_event(last: Mapping[str, Any], usage: Mapping[str, int]) -> bytes:
    """The event that ends a stream whose client asked for the tokens it used."""
    skeleton = {name: last[name] for name in _SKELETON if name in last}
    return encode_event(encode({**skeleton, "choices": [], "usage": usage}))


def goes_on() -> UpstreamUnavailable:
    """The error for more text of a choice after its finish reason."""
    return UpstreamUnavailable("the upstream went on with a choice that it had finished", reason="bad_event")
