"""Who speaks where in the Responses API: operator text is the `instructions`, and system items among the input.

What the proxy says itself goes into the instructions, where those are the operator's; otherwise it is an item of its
own before the input. The pieces of an answer are its output items; a client sends them back as input items.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from guardproxy.core.context import is_operator_role
from guardproxy.core.separation.history import Claim, Piece
from guardproxy.core.separation.signature import canonical
from guardproxy.core.separation.speech import Speaking, Speech, joined
from guardproxy.surfaces.responses.items import ITEMS
from guardproxy.wire.document import UndecodableJson, decode
from guardproxy.wire.sse import SseDecoder, SseError, SseEvent

# What the application sets up beside its instructions.
OPERATOR_MEMBERS: Final = ("tools", "tool_choice", "text")

_CALLS: Final = frozenset({"function_call", "custom_tool_call"})
_OUTPUTS: Final = frozenset({"function_call_output", "custom_tool_call_output"})
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
# Members of an item that say how far it is and not what it says.
_STATE: Final = frozenset({"id", "status", "type", "phase", "role"})


def place(document: Any, speech: Speech) -> None:
    """Put what the proxy says into a request that was read before."""
    if speech.instead:
        document.pop("instructions", None)
        document.pop("prompt", None)  # a stored prompt is system text too
        if isinstance(document.get("input"), list):
            document["input"] = [item for item in document["input"] if not _is_operators(item)]
    instructions = document.get("instructions")
    said = joined(speech.before, speech.behind)
    if said and instructions and not speech.trusted:
        document["input"] = [{"role": speech.role, "content": said}, *_items(document)]
    elif said:
        document["instructions"] = joined(speech.before, instructions or "", speech.behind)
    if speech.restated:
        document["input"] = [*_items(document), {"role": "user", "content": speech.restated}]


def operator_part(document: Any) -> Any:
    """Everything a request says in the operator's place; None if nothing."""
    items = [item for item in _items(document) if _is_operators(item)]
    names = ("instructions", *OPERATOR_MEMBERS)
    members = {name: document[name] for name in names if document.get(name) is not None}
    return {"input": items, **members} if items or members else None


def answered(document: Any) -> Iterator[Piece]:
    """The pieces of a whole answer."""
    output = document.get("output") if isinstance(document, dict) else None
    for item in output if isinstance(output, list) else ():
        yield from _pieces(item)


def claimed(document: Any) -> Iterator[Claim]:
    """What the input items of a request say the model said, or a tool in answer to it."""
    for index, item in enumerate(_items(document)):
        kind = item.get("type", "message")
        if kind == "message" and item.get("role") != "assistant":
            continue
        claims = [Piece("call_id", str(item.get("call_id")))] if kind in _OUTPUTS else _pieces(item)
        for piece in claims:
            yield Claim(("input", index), piece)


class StreamedItems:
    """Collects the output items of a stream from the frames that went out."""

    def __init__(self) -> None:
        self._decoder = SseDecoder()
        self._pieces: dict[Piece, None] = {}
        self.ended = False

    def feed(self, frames: Sequence[bytes]) -> None:
        """The next frames. What is no event of an answer is passed over: it says nothing."""
        try:
            items = self._decoder.feed(b"".join(frames))
        except SseError as error:
            items = list(error.items)
        for item in items:
            if isinstance(item, SseEvent):
                self._read(item.data)

    def pieces(self) -> Iterator[Piece]:
        """What the items said that are done."""
        return iter(self._pieces)

    def _read(self, data: str) -> None:
        try:
            event = decode(data)
        except UndecodableJson:
            return
        if isinstance(event, dict):
            self.ended = self.ended or event.get("type") in _ENDS
            done = [event["item"]] if event.get("type") == "response.output_item.done" and "item" in event else []
            for piece in [piece for item in done for piece in _pieces(item)] + list(answered(event.get("response"))):
                self._pieces[piece] = None


def _pieces(item: Any) -> Iterator[Piece]:
    if not isinstance(item, dict):
        yield Piece("item", canonical(item).decode("utf-8", "surrogatepass"))
        return
    kind = str(item.get("type", "message"))
    said = {name: value for name, value in item.items() if name not in _STATE and value}
    if kind in _CALLS and (call_id := said.pop("call_id", None)):
        yield Piece("call_id", str(call_id))
    if kind == "message":
        text = _text(said.pop("content", ""))
        if text.strip():
            yield Piece(kind, text)
    if said:
        yield Piece(f"{kind} item", canonical(said).decode("utf-8", "surrogatepass"))


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    return "".join(_text_of(part) for part in parts)


def _text_of(part: Any) -> str:
    text = part.get("text", part.get("refusal")) if isinstance(part, dict) else part
    return text if isinstance(text, str) else canonical(part).decode("utf-8", "surrogatepass")


def _items(document: Any) -> list[Any]:
    """The input as items, also where it is one text."""
    value = document.get("input")
    if isinstance(value, list):
        return value
    return [] if value is None else [{"role": "user", "content": value}]


def _is_operators(item: Any) -> bool:
    """Whether an item speaks for the operator: a system message, or what sets the conversation up anew."""
    kind = item.get("type", "message")
    if kind == "message":
        return is_operator_role(item.get("role", ""))
    known = ITEMS.get(kind)
    return known is not None and known.whose is None


SPEAKING: Final = Speaking(place, operator_part, answered, StreamedItems, claimed)
