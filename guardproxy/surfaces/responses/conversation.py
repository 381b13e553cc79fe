"""A `/responses` request as tool rules see it, and the calls of an answer.

Tools the upstream runs itself leave call and outcome in one item: in an answer the model has read that outcome before
it goes on, so it counts for what comes behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from guardproxy.core.exchange import Provenance
from guardproxy.core.tools.conversation import (
    Conversation,
    Definition,
    Forced,
    Spoken,
    Step,
    ToolCall,
    ToolResult,
    read_arguments,
    texts_below,
)
from guardproxy.surfaces.responses.state import is_reference
from guardproxy.surfaces.tool_calls import CallIds, forced_names, function_definition, speaker, text_of
from guardproxy.wire.path import Path

# Calls the caller carries out: the member that holds what the tool is given.
_GIVEN: Final[Mapping[str, str]] = {
    "function_call": "arguments",
    "custom_tool_call": "input",
    "shell_call": "action",
    "local_shell_call": "action",
    "apply_patch_call": "operation",
    "computer_call": "action",
    "mcp_approval_request": "arguments",
}
# Calls the upstream carries out: what the tool is given, and what it said.
_HOSTED: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "mcp_call": (("arguments",), ("output", "error")),
    "code_interpreter_call": (("code",), ("outputs",)),
    "web_search_call": (("action",), ("results",)),
    "file_search_call": (("queries",), ("results",)),
    "image_generation_call": (("revised_prompt",), ()),
}
_UNSEEN_ITEMS: Final = frozenset({"compaction", "item_reference"})
# What the model made by itself: a reference to it hides nothing that a tool said.
_OWN_ITEMS: Final = frozenset({"reasoning", "image_generation_call"})
_UNSEEN_MEMBERS: Final = ("previous_response_id", "conversation", "prompt")


def read_conversation(document: Any, *, operator: bool) -> Conversation:
    """A request that `read_request` has accepted. `operator`: its instructions have the operator's provenance."""
    reader = _Reader(operator=operator)
    reader.read_speech(document.get("instructions"), speaker("system", operator=operator))
    items = document.get("input")
    if isinstance(items, str):
        reader.read_speech(items, Provenance.USER, asks=True)
    for index, item in enumerate(items if isinstance(items, list) else ()):
        reader.read_item(item, ("input", index))
    reader.read_definitions(document.get("tools"), ("tools",))
    forced = (Forced(name, ("tool_choice",), only) for name, only in forced_names(document.get("tool_choice")))
    unseen = reader.unseen or any(document.get(name) is not None for name in _UNSEEN_MEMBERS)
    return Conversation(tuple(reader.steps), tuple(reader.definitions), tuple(forced), unseen)


def is_for_caller(item: Mapping[str, Any]) -> bool:
    """Whether an item is a call that the caller carries out."""
    kind = item.get("type")
    return isinstance(kind, str) and kind in _GIVEN


def read_calls(document: Any) -> list[ToolCall | ToolResult]:
    """The calls of a whole answer, and between them what hosted tools said, in order."""
    items = document.get("output", document.get("data")) if isinstance(document, dict) else None
    return [
        step for index, item in enumerate(items if isinstance(items, list) else ()) for step in steps_of(item, index)
    ]


def steps_of(item: Any, index: int | str | None) -> Iterator[ToolCall | ToolResult]:
    """What one whole item of an answer is to tool rules: nothing, a call, or a call with its outcome."""
    path: Path = ("output",) if index is None else ("output", index)
    call = call_of(item, path)
    if call is not None:
        yield call
        if item.get("type") in _HOSTED:
            yield _outcome(item, call.names, path)


def call_of(item: Any, path: Path) -> ToolCall | None:
    """The call an item is, if it is one."""
    kind = item.get("type") if isinstance(item, dict) else None
    if not isinstance(kind, str):
        return None
    given, hosted = _GIVEN.get(kind), kind in _HOSTED
    if hosted:
        members = _HOSTED[kind][0]
        given = members[0]
    elif given is None:
        if not kind.endswith("_call"):
            return None
        return ToolCall((kind.removesuffix("_call"),), dict(item), path, text_of(item, "call_id"))
    value = item.get(given)
    if given == "arguments":
        value = read_arguments(value)
    names = _names(item, kind)
    return ToolCall(
        names, value, path, text_of(item, "call_id"), declared=kind not in ("function_call", "custom_tool_call")
    )


def _names(item: Mapping[str, Any], kind: str) -> tuple[str, ...]:
    name = text_of(item, "name")
    if kind in ("mcp_call", "mcp_approval_request"):
        return (f"mcp:{text_of(item, 'server_label')}/{name}", name)
    return (name or kind.removesuffix("_call"),)


def _outcome(item: Mapping[str, Any], names: tuple[str, ...], path: Path) -> ToolResult:
    return ToolResult(
        names, tuple(t for member in _HOSTED[item["type"]][1] for t in texts_below(item.get(member))), path
    )


class _Reader:
    def __init__(self, *, operator: bool) -> None:
        self._operator = operator
        self.steps: list[Step] = []
        self.definitions: list[Definition] = []
        self.unseen = False
        self._ids = CallIds()

    def read_speech(self, content: Any, whose: Provenance, *, asks: bool = False) -> None:
        self.steps += [Spoken(text, whose, asks) for text in texts_below(content, names=False)]

    def read_definitions(self, tools: Any, path: Path) -> None:
        for index, tool in enumerate(tools if isinstance(tools, list) else ()):
            if isinstance(tool, dict):
                self.definitions.append(Definition(*function_definition(tool), (*path, index)))
                if isinstance(tool.get("tools"), list):  # a namespace holds tools of its own
                    self.read_definitions(tool["tools"], (*path, index, "tools"))

    def read_item(self, item: dict[str, Any], path: Path) -> None:
        kind = item.get("type", "message" if "role" in item else None)
        call = call_of(item, path)
        if kind == "message":
            self._read_message(item, path)
        elif call is not None:
            self._ids.add(call.id, call.names)
            self.steps.append(call)
            if kind in _HOSTED:
                self.steps.append(_outcome(item, call.names, path))
        elif kind in _UNSEEN_ITEMS or (kind not in _OWN_ITEMS and is_reference(item)):
            self.unseen = True
        elif isinstance(kind, str) and kind.endswith("_output"):
            self._read_output(item, kind, path)
        if isinstance(item.get("tools"), list):
            self.read_definitions(item["tools"], (*path, "tools"))

    def _read_message(self, message: dict[str, Any], path: Path) -> None:
        role = message["role"]
        if role in ("tool", "function"):
            self.steps.append(ToolResult((), texts_below(message.get("content")), path))
            return
        self.read_speech(message.get("content"), speaker(role, operator=self._operator), asks=role == "user")

    def _read_output(self, item: dict[str, Any], kind: str, path: Path) -> None:
        texts = texts_below(
            {name: value for name, value in item.items() if name not in ("type", "id", "call_id", "status")}
        )
        self.steps.append(ToolResult(self._ids.names_of(item.get("call_id")), texts, path))
