"""What each client must see of each exchange: first what is told by the exchange, then how a client shows that.

Clients have words of their own for the same ending. Only three of their habits are more than words. The official
Python helper raises where an ending has no final result. Who shows a refusal differs: LangChain has no place for it in
streamed chats and messages, the AI SDK shows it as text, but not that of a message. And what LangChain streams of a
completion are bare strings, without any ending. What all others show is that an answer was filtered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.conformance.exchanges import BEGUN, CLEAN, Exchange, Kind
from tests.conformance.session import Seen
from tests.conformance.upstreams import CODE, VECTOR

SHOWN: Final = "[REDACTED:own.codeword]"
REFUSAL: Final = "This answer was stopped by a policy of the proxy."
BLOCKED: Final = "content_policy_violation"

PYTHON_RAW: Final = "openai Python, raw"
PYTHON_HELPER: Final = "openai Python, helper"
NODE_RAW: Final = "openai Node, raw"
NODE_HELPER: Final = "openai Node, helper"
ANTHROPIC_RAW: Final = "anthropic Python, raw"
ANTHROPIC_HELPER: Final = "anthropic Python, helper"
ANTHROPIC_NODE_RAW: Final = "anthropic Node, raw"
ANTHROPIC_NODE_HELPER: Final = "anthropic Node, helper"
LANGCHAIN: Final = "LangChain"
AI_SDK: Final = "AI SDK, openai"
AI_SDK_COMPATIBLE: Final = "AI SDK, openai-compatible"
AI_SDK_ANTHROPIC: Final = "AI SDK, anthropic"
_AI_SDKS: Final = frozenset({AI_SDK, AI_SDK_COMPATIBLE, AI_SDK_ANTHROPIC})
_OFFICIAL: Final = frozenset({PYTHON_RAW, NODE_RAW})

_FILTERED: Final = frozenset({Kind.BLOCKED_LATER, Kind.CALL_BLOCKED})
# Errors instead of an answer, and in the middle of one.
_REFUSED: Final[Mapping[Kind, tuple[int, str]]] = {
    Kind.INPUT_BLOCKED: (400, BLOCKED),
    Kind.BLOCKED_AT_ONCE: (400, BLOCKED),
    Kind.UPSTREAM_REFUSES: (500, CODE),
}
_BROKEN: Final = {
    Kind.BLOCKED_AS_ERROR: BLOCKED,
    Kind.UPSTREAM_BREAKS: "upstream_unavailable",
    Kind.UPSTREAM_FAILS: CODE,
}
# Anthropic's errors have a type in place of a code.
_ANTHROPICS: Final = {Kind.UPSTREAM_REFUSES: "api_error", Kind.UPSTREAM_FAILS: "overloaded_error"}
_TEXTS: Final = {
    Kind.CLEAN: CLEAN,
    Kind.REDACTED: f"The word is {SHOWN} today.",
    Kind.CALLED: BEGUN,
    Kind.BLOCKED_LATER: BEGUN + "this is a ",
    Kind.BLOCKED_AS_ERROR: BEGUN + "this is a ",
    Kind.CALL_BLOCKED: BEGUN,
    Kind.UPSTREAM_BREAKS: BEGUN,
    Kind.UPSTREAM_FAILS: BEGUN,
}
# The names of the exceptions, by the status they stand for. LangChain has names of its own for its chat models only.
_EXCEPTIONS: Final = {400: "BadRequestError", 500: "InternalServerError"}
_LANGCHAINS: Final = {
    "chat": {400: "OpenAIInvalidRequestError", 500: "OpenAIAPIError"},
    "responses": {400: "OpenAIInvalidRequestError", 500: "OpenAIAPIError"},
    "messages": {400: "AnthropicInvalidRequestError", 500: "AnthropicAPIError"},
}


def expected(client: str, exchange: Exchange) -> Seen:
    kind = exchange.kind
    if kind in _REFUSED:
        return Seen(error=_refused(client, exchange))
    if exchange.surface in ("embeddings", "moderations", "models"):
        return _whole(client, exchange)
    text = _TEXTS[kind]
    if kind is Kind.UPSTREAM_FAILS and exchange.surface == "responses":
        return _failed(client, text)
    if kind in _BROKEN:
        return _broken(client, text, exchange)
    if kind in _FILTERED:
        return _filtered(client, exchange, text)
    calls = (_call(client),) if kind is Kind.CALLED else ()
    return Seen(text, calls=calls, finish=_finish(client, exchange))


def _refused(client: str, exchange: Exchange) -> str:
    status, code = _REFUSED[exchange.kind]
    if exchange.surface == "messages":
        code = _ANTHROPICS.get(exchange.kind, code)
    if client in _AI_SDKS:
        return f"APICallError {status} {code}"
    names = _LANGCHAINS.get(exchange.surface, _EXCEPTIONS) if client == LANGCHAIN else _EXCEPTIONS
    return f"{names[status]} {status} {code}"


def _whole(client: str, exchange: Exchange) -> Seen:
    """An answer without texts: what it is, and the model's name where the client shows that."""
    name = SHOWN if exchange.kind is Kind.REDACTED else "stand-in"
    match exchange.surface:
        case "embeddings":
            return Seen(" ".join(map(str, VECTOR)), finish=name if client in _OFFICIAL else "")
        case "moderations":
            return Seen("flagged", finish=name)
    return Seen(f"m {name}")


def _call(client: str) -> str:
    return f"run({{'cmd': '{SHOWN}'}})" if client == LANGCHAIN else f'run({{"cmd":"{SHOWN}"}})'


def _finish(client: str, exchange: Exchange) -> str:
    called = exchange.kind is Kind.CALLED
    if client in _AI_SDKS:
        return "tool-calls" if called else "stop"
    match exchange.surface:
        case "responses":
            return "completed"
        case "messages":
            return "tool_use" if called else "end_turn"
        case "completions" if client == LANGCHAIN and exchange.stream:
            return ""
    return "tool_calls" if called else "stop"


def _filtered(client: str, exchange: Exchange, text: str) -> Seen:
    """A block in the API's own words."""
    if client in _AI_SDKS:
        shows = exchange.surface in ("chat", "responses")
        return Seen(text + REFUSAL if shows else text, finish="content-filter")
    match exchange.surface:
        case "responses":
            error = "RuntimeError" if client == PYTHON_HELPER else ""
            return Seen(text, REFUSAL, finish="incomplete: content_filter", error=error)
        case "messages":
            return Seen(text, "" if client == LANGCHAIN else REFUSAL, finish="refusal")
        case "completions":
            return Seen(text, finish="" if client == LANGCHAIN else "content_filter")
    if client == PYTHON_HELPER:
        return Seen(text, REFUSAL, error="ContentFilterFinishReasonError")
    return Seen(text, "" if client == LANGCHAIN else REFUSAL, finish="content_filter")


def _broken(client: str, text: str, exchange: Exchange) -> Seen:
    """An error in the middle of the answer. Some give it the status it would have had, some that of the stream."""
    kind = exchange.kind
    code, status = _BROKEN[kind], 400 if kind is Kind.BLOCKED_AS_ERROR else 500
    if exchange.surface == "messages":
        code = _ANTHROPICS.get(kind, code)
    if client == AI_SDK_ANTHROPIC:
        return Seen(text, finish="error", error=f"StreamProviderError {529 if kind is Kind.UPSTREAM_FAILS else status}")
    if client == AI_SDK:
        return Seen(text, finish="error", error=f"StreamProviderError {status} {code}")
    if client == AI_SDK_COMPATIBLE:
        return Seen(text, finish="error", error=f"StreamProviderError {code}")
    if client in (ANTHROPIC_RAW, ANTHROPIC_HELPER) or (client == LANGCHAIN and exchange.surface == "messages"):
        return Seen(text, error=f"APIStatusError 200 {code}")
    return Seen(text, error=f"APIError {code}")


def _failed(client: str, text: str) -> Seen:
    """`response.failed`, which is no exception to all of them."""
    if client == AI_SDK:
        return Seen(text, finish="error", error="StreamProviderError 500 server_error")
    if client == LANGCHAIN:
        return Seen(text, error="ValueError")
    return Seen(text, finish="failed", error="RuntimeError" if client == PYTHON_HELPER else "")
