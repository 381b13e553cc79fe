"""How each API writes text.

`SURFACES` maps (method, path) to what reads that API. A path that is not here is refused: what cannot be inspected is
not forwarded, unless the policy passes it by name (`further`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

from guardproxy.core.exchange import RequestReading, ResponseReading
from guardproxy.core.inspection import OutputGuard
from guardproxy.core.separation.speech import Speaking
from guardproxy.core.tools.conversation import Conversation, ToolCall, ToolResult
from guardproxy.errors import RequestError
from guardproxy.surfaces import chat_completions, completions, embeddings, messages, models, moderations, responses
from guardproxy.surfaces.hidden_usage import ask_for_usage
from guardproxy.surfaces.query import Query, QueryMember
from guardproxy.wire.document import decode, replace
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

    def error_event(self, error: RequestError, request_id: str) -> bytes:
        """The error as the last event of the stream, in the form its clients raise."""


@runtime_checkable
class MakesState(Protocol):
    """A stream editor that sees things being stored: it tells their ids as soon as the client can know them."""

    def tell_made(self, tell: Callable[[Iterable[str]], None]) -> None: ...


@runtime_checkable
class EndsEarly(Protocol):
    """An editor that can end its answer in its API's own words."""

    def cut(self) -> list[bytes]:
        """The proxy ends the answer here, as if the model had reached its cap; nothing that comes later is fed."""


@runtime_checkable
class HidesUsage(Protocol):
    """An editor whose API tells the usage of a stream only when asked to.

    `hides_usage`: the proxy asked for it, the client did not, so what is told stays here.
    """

    hides_usage: bool


class OpenStream(Protocol):
    def __call__(self, guard: OutputGuard, usage_for: Callable[[int], Mapping[str, int]] | None) -> StreamEditor:
        """`usage_for` gives the usage object for so many released characters; None if the client did not ask for it."""


class ResumeStream(Protocol):
    def __call__(self, guard: OutputGuard, *, starting_after: int | None) -> StreamEditor:
        """A stream that is read from its beginning, of which only events with a higher number go out."""


class ReadRequest(Protocol):
    def __call__(self, document: Any, *, operator: bool) -> RequestReading: ...


class ReadConversation(Protocol):
    def __call__(self, document: Any, *, operator: bool) -> Conversation: ...


Edit = Callable[[Any, Mapping[Path, str]], None]


class MemberNames(NamedTuple):
    """What the members of a request are called about which a limit may complain.

    `output_tokens` is written where a request names no cap; `output_caps` are all names of one, `answers` all that make
    several. `within`: a number that has to stay below the cap.
    """

    messages: str = "messages"
    text: str = "messages"
    tools: str = "tools"
    inputs: str = "input"
    choices: str = "n"
    output_tokens: str = "max_completion_tokens"
    output_caps: tuple[str, ...] = ("max_completion_tokens", "max_tokens")
    answers: tuple[str, ...] = ("n",)
    within: Path = ()


class Surface(NamedTuple):
    """One API, or one path of it; `name` is what policies call it, and its parameters' table.

    `read_request` is None where requests carry no body: all that such a request says stands in its path and in its
    query, which `read_target` reads. `strip_copies` drops re-encoded copies of text. `edit` puts what the policy hides
    out of a request or a whole answer, like `document.replace`; `decode` reads an answer.

    `bytes_per_input`: an answer may be so much larger for each input. `blocks_requests` False: the API is there to look
    at bad text, so rules that block only flag in its requests. `made`: the ids of what an answer says is stored now.
    `speaking`: where operator text stands; None where the API has no such place.

    `read_conversation` and `read_calls` are asked for policies with rules about tools; None where there are no calls.
    `drop_cut_calls` takes the calls that were cut off out of a whole answer, under every policy, and counts them.

    `ask_for_usage` makes a streaming request ask for the tokens it uses; None where every stream tells them.
    """

    name: str
    read_request: ReadRequest | None
    read_response: Callable[[Any], ResponseReading]
    strip_copies: Callable[[Any], None]
    edit: Edit
    open_stream: OpenStream | None
    decode: Callable[[bytes], Any] = decode
    members: MemberNames = MemberNames()
    bytes_per_input: int = 0
    blocks_requests: bool = True
    query: Mapping[str, QueryMember] = MappingProxyType({})
    read_target: Callable[[str, Query], RequestReading] | None = None
    resume_stream: ResumeStream | None = None
    made: Callable[[Any], Iterable[str]] | None = None
    read_conversation: ReadConversation | None = None
    read_calls: Callable[[Any], Sequence[ToolCall | ToolResult]] | None = None
    drop_cut_calls: Callable[[Any], int] | None = None
    speaking: Speaking | None = None
    ask_for_usage: Callable[[dict[str, Any]], None] | None = None


CHAT_COMPLETIONS: Final = Surface(
    "chat_completions",
    chat_completions.read_request,
    chat_completions.read_response,
    chat_completions.strip_copies,
    chat_completions.edit,
    chat_completions.ChatStream,
    read_conversation=chat_completions.read_conversation,
    read_calls=chat_completions.read_calls,
    drop_cut_calls=chat_completions.drop_cut_calls,
    speaking=chat_completions.SPEAKING,
    ask_for_usage=ask_for_usage,
)
COMPLETIONS: Final = Surface(
    "completions",
    completions.read_request,
    completions.read_response,
    completions.strip_copies,
    replace,
    completions.CompletionStream,
    members=MemberNames(
        text="prompt",
        inputs="prompt",
        output_tokens="max_tokens",
        output_caps=("max_tokens",),
        answers=("n", "best_of"),
    ),
    ask_for_usage=ask_for_usage,
)
EMBEDDINGS: Final = Surface(
    "embeddings",
    embeddings.read_request,
    embeddings.read_response,
    embeddings.strip_copies,
    replace,
    None,
    decode=embeddings.decode_response,
    members=MemberNames(text="input"),
    bytes_per_input=128 * 1024,  # 4,096 numbers, written out
)
MODERATIONS: Final = Surface(
    "moderations",
    moderations.read_request,
    moderations.read_response,
    moderations.strip_copies,
    replace,
    None,
    members=MemberNames(text="input"),
    blocks_requests=False,
)
RESPONSES: Final = Surface(
    "responses",
    responses.read_request,
    responses.read_response,
    responses.strip_copies,
    responses.edit,
    responses.ResponsesStream,
    members=MemberNames(
        messages="input",
        text="input",
        output_tokens="max_output_tokens",
        output_caps=("max_output_tokens",),
        answers=(),
    ),
    made=responses.made,
    read_conversation=responses.read_conversation,
    read_calls=responses.read_calls,
    drop_cut_calls=responses.drop_cut_calls,
    speaking=responses.SPEAKING,
)
# Counting tokens and compacting store nothing; what the latter answers has ids that the caller may have chosen.
WORKED_INPUT: Final = RESPONSES._replace(open_stream=None, made=None)
STORED_RESPONSE: Final = RESPONSES._replace(
    read_request=None, open_stream=None, made=None, read_target=responses.read_target
)
FETCHED_RESPONSE: Final = STORED_RESPONSE._replace(
    open_stream=responses.ResponsesStream,
    resume_stream=responses.ResponsesStream,
    query=responses.RETRIEVE,
    made=responses.made,  # of a response made in the background, here the items are told first
)
STORED_ITEMS: Final = STORED_RESPONSE._replace(query=responses.LIST_ITEMS)
MESSAGES: Final = Surface(
    "messages",
    messages.read_request,
    messages.read_response,
    messages.strip_copies,
    messages.edit,
    messages.MessagesStream,
    members=MemberNames(
        output_tokens="max_tokens", output_caps=("max_tokens",), answers=(), within=("thinking", "budget_tokens")
    ),
    query=messages.QUERY,
    read_conversation=messages.read_conversation,
    read_calls=messages.read_calls,
    drop_cut_calls=messages.drop_cut_calls,
    speaking=messages.SPEAKING,
)
COUNTED_MESSAGES: Final = MESSAGES._replace(read_response=messages.read_count, open_stream=None)
MODELS: Final = Surface(
    "models", None, models.read_response, models.strip_copies, replace, None, read_target=models.read_target
)

SURFACES: Final[Mapping[tuple[str, str], Surface]] = {
    ("POST", "/chat/completions"): CHAT_COMPLETIONS,
    ("POST", "/responses"): RESPONSES,
    ("POST", "/responses/compact"): WORKED_INPUT,
    ("POST", "/responses/input_tokens"): WORKED_INPUT,
    ("GET", "/responses/{id}"): FETCHED_RESPONSE,
    ("DELETE", "/responses/{id}"): STORED_RESPONSE,
    ("POST", "/responses/{id}/cancel"): STORED_RESPONSE,
    ("GET", "/responses/{id}/input_items"): STORED_ITEMS,
    ("POST", "/messages"): MESSAGES,
    ("POST", "/messages/count_tokens"): COUNTED_MESSAGES,
    ("POST", "/completions"): COMPLETIONS,
    ("POST", "/embeddings"): EMBEDDINGS,
    ("POST", "/moderations"): MODERATIONS,
    ("GET", "/models"): MODELS,
    ("GET", "/models/{id}"): MODELS,
}
