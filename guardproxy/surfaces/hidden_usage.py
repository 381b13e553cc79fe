"""Usage that the proxy asked for and the caller did not: taken, and kept out of the stream.

A chat's or a completion's stream tells the tokens it used only when asked (`stream_options.include_usage`). Where a
quota counts them, the proxy asks; every event then has a member `usage`, null but in one event behind all others that
holds nothing else. A caller who did not ask is to see neither.
"""

from __future__ import annotations

from typing import Any, Final

from guardproxy.wire.document import decode, encode
from guardproxy.wire.sse import SseEvent

_NULL: Final = (',"usage":null', ', "usage": null', '"usage":null,', '"usage": null, ')
# What stands in each event beside what it tells.
_FRAME: Final = frozenset(
    {"id", "object", "created", "model", "system_fingerprint", "service_tier", "provider", "choices", "obfuscation"}
)


def ask_for_usage(document: dict[str, Any]) -> None:
    """Make a streaming request ask for the tokens it uses."""
    options = document.get("stream_options")
    document["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}


def ask_no_more(document: dict[str, Any]) -> None:
    """Take that back."""
    options = document["stream_options"]
    del options["include_usage"]
    if not options:
        del document["stream_options"]


def hide_usage(document: dict[str, Any], event: SseEvent, known: Any) -> tuple[Any, SseEvent | None]:
    """Take the usage out of an event: the usage (`known`, where it tells none), and the event without it.

    No event is left where it held only what stands in each of them.
    """
    usage = document.pop("usage")
    nothing = document.get("choices") == [] and document.keys() <= _FRAME
    left = None if nothing else event._replace(data=_without_usage(event.data, document))
    return (usage if isinstance(usage, dict) else known), left


def _without_usage(data: str, document: dict[str, Any]) -> str:
    """The event as it was written, but for its usage, which is already out of the `document`."""
    for written in _NULL:
        before, found, behind = data.partition(written)
        if found and decode(before + behind) == document:
            return before + behind
    return encode(document).decode()
