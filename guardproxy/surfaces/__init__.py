"""How each API writes text.

`SURFACES` maps (method, path) to what reads that API. A path that is not here is refused: what cannot be inspected is
not forwarded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from guardproxy.core.exchange import RequestReading, ResponseReading
from guardproxy.core.inspection import OutputGuard
from guardproxy.core.separation.speech import Speaking
from guardproxy.core.tools.conversation import Conversation, ToolCall, ToolResult
from guardproxy.surfaces import chat_completions, models
from guardproxy.wire.document import replace
from guardproxy.wire.path import Path
from guardproxy.wire.sse import SseEvent


class StreamEditor(Protocol):
    """Edits the events of one streamed response; returns frames for the client."""

    usage: Any
    failed: bool
    characters: int

    def pass_on(self, piece: bytes) -> list[bytes] | None:
        """`feed` for bytes that are one whole event in its frame, if it can be told without taking it apart."""

    def feed(self, event: SseEvent) -> list[bytes]: ...

    def finish(self) -> list[bytes]: ...


class OpenStream(Protocol):
    def __call__(self, guard: OutputGuard, usage_for: Callable[[int], Mapping[str, int]] | None) -> StreamEditor:
        """`usage_for` gives the usage object for so many released characters; None if the client did not ask for it."""


class ReadRequest(Protocol):
    def __call__(self, document: Any, *, operator: bool) -> RequestReading: ...


class ReadConversation(Protocol):
    def __call__(self, document: Any, *, operator: bool) -> Conversation: ...


Edit = Callable[[Any, Mapping[Path, str]], None]


class Surface(NamedTuple):
    """One API. `read_request` is None where requests carry no body. `strip_copies` drops re-encoded copies of text.

    `edit` puts what the policy hides out of a request or a whole answer, like `document.replace`. `speaking`: where
    operator text stands; None where the API has no such place.

    `read_conversation` and `read_calls` are asked for policies with rules about tools; None where there are no calls.
    """

    name: str
    read_request: ReadRequest | None
    read_response: Callable[[Any], ResponseReading]
    strip_copies: Callable[[Any], None]
    edit: Edit
    open_stream: OpenStream | None
    read_conversation: ReadConversation | None = None
    read_calls: Callable[[Any], Sequence[ToolCall | ToolResult]] | None = None
    speaking: Speaking | None = None


CHAT_COMPLETIONS: Final = Surface(
    "chat_completions",
    chat_completions.read_request,
    chat_completions.read_response,
    chat_completions.strip_copies,
    chat_completions.edit,
    chat_completions.ChatStream,
    read_conversation=chat_completions.read_conversation,
    read_calls=chat_completions.read_calls,
    speaking=chat_completions.SPEAKING,
)
MODELS: Final = Surface("models", None, models.read_response, models.strip_copies, replace, None)

SURFACES: Final[Mapping[tuple[str, str], Surface]] = {
    ("POST", "/chat/completions"): CHAT_COMPLETIONS,
    ("GET", "/models"): MODELS,
    ("GET", "/models/{id}"): MODELS,
}
