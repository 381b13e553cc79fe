"""What each client must see of each exchange: first what is told by the exchange, then how a client shows that.

Clients have words of their own for the same ending. Only two of their habits are more than words. The official Python
helper raises where an ending has no final result. And who shows a refusal differs: LangChain has no place for it in
streamed chats, the AI SDK shows it as text. What all of them show is that an answer was filtered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.conformance.exchanges import BEGUN, CLEAN, Exchange, Kind
from tests.conformance.session import Seen

SHOWN: Final = "[REDACTED:own.codeword]"
REFUSAL: Final = "This answer was stopped by a policy of the proxy."
BLOCKED: Final = "content_policy_violation"

PYTHON_RAW: Final = "openai Python, raw"
PYTHON_HELPER: Final = "openai Python, helper"
NODE_RAW: Final = "openai Node, raw"
NODE_HELPER: Final = "openai Node, helper"
LANGCHAIN: Final = "LangChain"
AI_SDK: Final = "AI SDK, openai"
AI_SDK_COMPATIBLE: Final = "AI SDK, openai-compatible"
_AI_SDKS: Final = frozenset({AI_SDK, AI_SDK_COMPATIBLE})

_FILTERED: Final = frozenset({Kind.BLOCKED_LATER, Kind.CALL_BLOCKED})
# Errors instead of an answer, and in the middle of one.
_REFUSED: Final[Mapping[Kind, tuple[int, str]]] = {
    Kind.INPUT_BLOCKED: (400, BLOCKED),
    Kind.BLOCKED_AT_ONCE: (400, BLOCKED),
    Kind.UPSTREAM_REFUSES: (500, "busy"),
}
_BROKEN: Final = {
    Kind.BLOCKED_AS_ERROR: BLOCKED,
    Kind.UPSTREAM_BREAKS: "upstream_unavailable",
    Kind.UPSTREAM_FAILS: "busy",
}
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
# The names of the exceptions, by the status they stand for.
_EXCEPTIONS: Final[Mapping[str, Mapping[int, str]]] = {
    PYTHON_RAW: {400: "BadRequestError", 500: "InternalServerError"},
    PYTHON_HELPER: {400: "BadRequestError", 500: "InternalServerError"},
    NODE_RAW: {400: "BadRequestError", 500: "InternalServerError"},
    NODE_HELPER: {400: "BadRequestError", 500: "InternalServerError"},
    LANGCHAIN: {400: "OpenAIInvalidRequestError", 500: "OpenAIAPIError"},
    AI_SDK: {400: "APICallError", 500: "APICallError"},
    AI_SDK_COMPATIBLE: {400: "APICallError", 500: "APICallError"},
}


def expected(client: str, exchange: Exchange) -> Seen:
    kind = exchange.kind
    if kind in _REFUSED:
        status, code = _REFUSED[kind]
        return Seen(error=f"{_EXCEPTIONS[client][status]} {status} {code}")
    text = _TEXTS[kind]
    if kind is Kind.UPSTREAM_FAILS and exchange.surface == "responses":
        return _failed(client, text)
    if kind in _BROKEN:
        return _broken(client, text, kind)
    if kind in _FILTERED:
        return _filtered(client, exchange, text)
    calls = (_call(client),) if kind is Kind.CALLED else ()
    return Seen(text, calls=calls, finish=_finish(client, exchange))


def _call(client: str) -> str:
    return f"run({{'cmd': '{SHOWN}'}})" if client == LANGCHAIN else f'run({{"cmd":"{SHOWN}"}})'


def _finish(client: str, exchange: Exchange) -> str:
    called = exchange.kind is Kind.CALLED
    if client in _AI_SDKS:
        return "tool-calls" if called else "stop"
    if exchange.surface == "responses":
        return "completed"
    return "tool_calls" if called else "stop"


def _filtered(client: str, exchange: Exchange, text: str) -> Seen:
    """A block in the API's own words."""
    if client in _AI_SDKS:
        return Seen(text + REFUSAL, finish="content-filter")
    if exchange.surface == "responses":
        error = "RuntimeError" if client == PYTHON_HELPER else ""
        return Seen(text, REFUSAL, finish="incomplete: content_filter", error=error)
    if client == PYTHON_HELPER:
        return Seen(text, REFUSAL, error="ContentFilterFinishReasonError")
    return Seen(text, "" if client == LANGCHAIN else REFUSAL, finish="content_filter")


def _broken(client: str, text: str, kind: Kind) -> Seen:
    """An error in the middle of the answer. One provider of the AI SDK gives it the status it would have had."""
    code = _BROKEN[kind]
    if client == AI_SDK:
        status = 400 if kind is Kind.BLOCKED_AS_ERROR else 500
        return Seen(text, finish="error", error=f"StreamProviderError {status} {code}")
    if client == AI_SDK_COMPATIBLE:
        return Seen(text, finish="error", error=f"StreamProviderError {code}")
    return Seen(text, error=f"APIError {code}")


def _failed(client: str, text: str) -> Seen:
    """`response.failed`, which is no exception to all of them."""
    if client == AI_SDK:
        return Seen(text, finish="error", error="StreamProviderError 500 server_error")
    if client == LANGCHAIN:
        return Seen(text, error="ValueError")
    return Seen(text, finish="failed", error="RuntimeError" if client == PYTHON_HELPER else "")
