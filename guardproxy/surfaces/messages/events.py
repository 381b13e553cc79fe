"""How an event is written: the upstream's as it came if nothing was changed, and our own between them.

Clients act on an event's name as well as on its type, and pass over events without one; ours are named if the
upstream's are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from guardproxy.surfaces.messages.words import DELTA_TYPES, EVENT_TYPES
from guardproxy.wire.document import encode, repeats_names
from guardproxy.wire.sse import SseEvent, encode_event

_EVENT_NAME: Final = re.compile("[a-z._]{0,40}")


def is_documented(document: Mapping[str, Any]) -> bool:
    """Whether an event is one of the API's, with what it brings of a block, or an error as other servers write it."""
    kind, delta = document.get("type"), document.get("delta")
    if kind == "content_block_delta" and isinstance(delta, dict):
        kind, known = delta.get("type"), DELTA_TYPES
    else:
        known = EVENT_TYPES
    return (isinstance(kind, str) and kind in known) or bool(document.get("error"))


class Edited(NamedTuple):
    """An event of the upstream after it was looked at. `changed`: not all of it may go out as it came."""

    event: SseEvent
    document: dict[str, Any]
    changed: bool

    def frame(self) -> bytes:
        """The event as it came, unless it was changed or its bytes hold more than was looked at."""
        data, encoded = self.event.data, encode(self.document)
        # Of two members of one name the second was read; what is written like its own encoding has no such.
        untouched = not self.changed and (encoded == data.encode() or not repeats_names(data))
        return encode_event(data if untouched else encoded, self._name())

    def _name(self) -> str:
        name, kind = self.event.event, self.document.get("type")
        if _EVENT_NAME.fullmatch(name):
            return name
        return kind if isinstance(kind, str) and kind in EVENT_TYPES else ""


def own_event(document: Mapping[str, Any], *, named: bool) -> bytes:
    """An event of our own."""
    return encode_event(encode(document), document["type"] if named else "")


def own_delta(index: int, kind: str, member: str, text: str, *, named: bool) -> bytes:
    """An event that brings more of a block's text."""
    document = {"type": "content_block_delta", "index": index, "delta": {"type": kind, member: text}}
    return own_event(document, named=named)
