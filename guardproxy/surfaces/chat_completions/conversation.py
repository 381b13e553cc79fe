"""A chat as tool rules see it, and the calls of an answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from guardproxy.core.tools.conversation import (
    Conversation,
    Definition,
    Forced,
    Found,
    Spoken,
    Step,
    ToolCall,
    ToolResult,
    read_arguments,
    texts_below,
)
from guardproxy.surfaces.chat_completions.cut import is_judged, reason_of
from guardproxy.surfaces.tool_calls import CallIds, forced_names, function_definition, speaker, text_of
from guardproxy.wire.path import Path


def read_conversation(document: Any, *, operator: bool) -> Conversation:
    """A request that `read_request` has accepted. `operator`: its system text has the operator's provenance."""
    steps: list[Step] = []
    ids = CallIds()
    for index, message in enumerate(document["messages"]):
        path: Path = ("messages", index)
        role = message["role"]
        if role in ("tool", "function"):
            steps.append(_result(message, path, ids))
            continue
        steps += _spoken(message, role, operator=operator)
        if role == "assistant":
            for call in calls_of(message, path):
                ids.add(call.id, call.names)
                steps.append(call)
    if (found := document.get("documents")) is not None:
        steps.append(Found(texts_below(found)))
    # What a search brings, nobody here gets to see.
    unseen = document.get("web_search_options") is not None
    return Conversation(tuple(steps), tuple(_definitions(document)), tuple(_forced(document)), unseen)


def read_calls(document: Any) -> list[ToolCall]:
    """The calls of a whole answer, of all its choices, but those that its end cut off: they do not go out."""
    choices = document.get("choices") if isinstance(document, dict) else None
    calls: list[ToolCall] = []
    for index, choice in enumerate(choices if isinstance(choices, list) else ()):
        message = choice.get("message") if isinstance(choice, dict) else None
        if isinstance(message, dict):
            path: Path = ("choices", index, "message")
            reason = reason_of(choice)
            calls += (_call(call, where) for call, where in _written(message, path) if is_judged(call, reason))
    return calls


def calls_of(message: dict[str, Any], path: Path) -> Iterator[ToolCall]:
    """The calls of a message or a whole delta: `tool_calls`, and the one legacy `function_call`."""
    for call, where in _written(message, path):
        yield _call(call, where)


def _written(message: dict[str, Any], path: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    calls, function = message.get("tool_calls"), message.get("function_call")
    for index, call in enumerate(calls if isinstance(calls, list) else ()):
        if isinstance(call, dict):
            yield call, (*path, "tool_calls", index)
    if isinstance(function, dict):
        yield {"function": function}, (*path, "function_call")


def _call(call: dict[str, Any], path: Path) -> ToolCall:
    custom, function = call.get("custom"), call.get("function")
    if isinstance(custom, dict):
        return ToolCall((text_of(custom, "name"),), text_of(custom, "input"), path, text_of(call, "id"))
    body = function if isinstance(function, dict) else call
    return ToolCall((text_of(body, "name"),), read_arguments(body.get("arguments")), path, text_of(call, "id"))


def _result(message: dict[str, Any], path: Path, ids: CallIds) -> ToolResult:
    """What a tool gave back. The call says which tool it was; only the legacy API leaves it to the message's name."""
    legacy = message["role"] == "function"
    names = (text_of(message, "name"),) if legacy else ids.names_of(message.get("tool_call_id"))
    return ToolResult(names if any(names) else (), texts_below(message.get("content")), path)


def _spoken(message: dict[str, Any], role: str, *, operator: bool) -> Iterator[Spoken]:
    for text in texts_below(message.get("content"), names=False):
        yield Spoken(text, speaker(role, operator=operator), asks=role == "user")


def _definitions(document: dict[str, Any]) -> Iterator[Definition]:
    for member in ("tools", "functions"):
        tools = document.get(member)
        for index, tool in enumerate(tools if isinstance(tools, list) else ()):
            if isinstance(tool, dict):
                yield Definition(*function_definition(tool), (member, index))


def _forced(document: dict[str, Any]) -> Iterator[Forced]:
    for member in ("tool_choice", "function_call"):
        for name, only in forced_names(document.get(member)):
            yield Forced(name, (member,), only)
