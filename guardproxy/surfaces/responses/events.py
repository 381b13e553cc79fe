"""How an event is written: the upstream's as it came if nothing was changed, and our own between them.

Each event carries a number, by which a client can ask for the rest of a stream that broke. Numbers grow by one, so when
an event is put in or left out all later ones move; otherwise they are the upstream's. The same stream read again from
the start gets the same numbers again, which is what makes `starting_after` work.
"""

from __future__ import annotations

from typing import Any, Final

from guardproxy.errors import RequestError
from guardproxy.surfaces.openai_errors import error_body
from guardproxy.surfaces.responses.words import EVENT_TYPES
from guardproxy.wire.document import decode, encode, repeats_names
from guardproxy.wire.sse import SseEvent, encode_event

NUMBER: Final = "sequence_number"


def is_documented(document: dict[str, Any]) -> bool:
    """Whether an event is one of the API's, or an error as other servers write it."""
    kind = document.get("type")
    return (isinstance(kind, str) and kind in EVENT_TYPES) or bool(document.get("error"))


class Writer:
    """Writes the events of one stream. With `starting_after` only those with a higher number come out."""

    def __init__(self, starting_after: int | None = None) -> None:
        self._after = starting_after
        self._last: int | None = None
        self._moved = 0
        self._named = True

    def forward(self, event: SseEvent, document: dict[str, Any]) -> list[bytes]:
        """An event of the upstream after it was edited, if it was."""
        self._named = bool(event.event)
        number = document.get(NUMBER)
        if type(number) is int:
            moved = number + self._moved
            if self._last is not None and moved <= self._last:
                moved = self._last + 1
                self._moved = moved - number
            self._last = moved
            document[NUMBER] = moved
        untouched = decode(event.data) == document and not repeats_names(event.data)
        name = event.event if event.event == document.get("type") else ""
        return self._written(encode_event(event.data if untouched else encode(document), name))

    def drop(self, document: dict[str, Any]) -> None:
        """An event of the upstream does not go out."""
        if type(document.get(NUMBER)) is int:
            self._moved -= 1

    def own(self, document: dict[str, Any]) -> list[bytes]:
        """An event of our own, which gets the next number."""
        self._last = 0 if self._last is None else self._last + 1
        self._moved += 1
        numbered = {**document, NUMBER: self._last}
        return self._written(encode_event(encode(numbered), document["type"] if self._named else ""))

    def error(self, error: RequestError, request_id: str) -> bytes:
        """An error as the last event. Clients raise it only in this form, with what it says one level down."""
        number = 0 if self._last is None else self._last + 1
        document = {"type": "error", **error_body(error, request_id), NUMBER: number}
        return encode_event(encode(document), "error" if self._named else "")

    def _written(self, frame: bytes) -> list[bytes]:
        return [frame] if self._after is None or self._last is None or self._last > self._after else []
