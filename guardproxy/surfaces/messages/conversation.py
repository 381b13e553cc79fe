"""A request of this API as tool rules see it, and the calls of an answer.

A turn is a list of blocks, and what tools gave back stands in the user's turns; a server's own tools leave call and
result in one answer. The model has read such a result before it goes on, so it counts for what comes behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from guardproxy.core.exchange import Provenance
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
from guardproxy.surfaces.messages.blocks import BLOCKS
from guardproxy.surfaces.messages.leaves import is_call
from guardproxy.surfaces.tool_calls import CallIds, speaker, text_of
from guardproxy.wire.path import Path

_RESULT: Final = "_tool_result"
# Calls the server carries out. Their tools are offered under other names, or by another server.
_HOSTED: Final = frozenset({"server_tool_use", "mcp_tool_use"})
# Members of a result that say where it belongs.
_LABELS: Final = frozenset({"type", "id", "tool_use_id", "cache_control"})
# What a block of documents says is data, whoever sends it.
_QUOTED: Final = frozenset({"document", "search_result"})


def read_conversation(document: Any, *, operator: bool) -> Conversation:
    """A request that `read_request` has accepted. `operator`: its system text has the operator's provenance."""
    reader = _Reader(operator=operator)
    reader.read_content(document.get("system"), "system", ("system",))
    for index, message in enumerate(document["messages"]):
        reader.read_content(message.get("content"), message["role"], ("messages", index))
    definitions = (*_definitions(document), *reader.definitions)
    unseen = reader.unseen or document.get("thread") is not None
    return Conversation(tuple(reader.steps), definitions, tuple(_forced(document.get("tool_choice"))), unseen)


def read_calls(document: Any) -> list[ToolCall | ToolResult]:
    """The calls of a whole answer, and between them what the server's tools said, in order."""
    content = document.get("content") if isinstance(document, dict) else None
    steps = AnswerSteps()
    blocks = enumerate(content if isinstance(content, list) else ())
    return [step for index, block in blocks for step in steps.of(block, ("content", index))]


class AnswerSteps:
    """Takes the whole blocks of one answer in their order; remembers which call a result belongs to."""

    def __init__(self) -> None:
        self._ids = CallIds()

    def of(self, block: Any, path: Path) -> Iterator[ToolCall | ToolResult]:
        """What a block is to tool rules: nothing, a call, or a result."""
        if not isinstance(block, dict):
            return
        if is_call(block):
            call = call_of(block, path)
            self._ids.add(call.id, call.names)
            yield call
        elif _is_result(block):
            # The call may stand in an answer before this one; the type of most results still tells the tool.
            names = self._ids.names_of(block.get("tool_use_id"))
            yield _result(block, names or _named_by_type(block["type"]), path)


def call_of(block: Mapping[str, Any], path: Path) -> ToolCall:
    """The call that a block is. Its input may be written as text, as a stream brings it."""
    kind, name = block.get("type"), text_of(block, "name")
    names = (f"mcp:{text_of(block, 'server_name')}/{name}", name) if kind == "mcp_tool_use" else (name,)
    return ToolCall(names, read_arguments(block.get("input")), path, text_of(block, "id"), declared=kind in _HOSTED)


def _is_result(block: Mapping[str, Any]) -> bool:
    kind = block.get("type")
    if not isinstance(kind, str):
        return False
    known = BLOCKS.get(kind)
    return kind.endswith(_RESULT) or (known is not None and known.whose is Provenance.TOOL)


def _result(block: Mapping[str, Any], names: tuple[str, ...], path: Path) -> ToolResult:
    said = [value for name, value in block.items() if name not in _LABELS]
    return ToolResult(names if any(names) else (), texts_below(said), path)


def _named_by_type(kind: str) -> tuple[str, ...]:
    """`web_search_tool_result` is one of `web_search`; other results may be of any tool."""
    tool = kind.removesuffix(_RESULT)
    return (tool,) if tool not in (kind, "mcp") else ()


class _Reader:
    def __init__(self, *, operator: bool) -> None:
        self._operator = operator
        self._ids = CallIds()
        self.steps: list[Step] = []
        self.definitions: list[Definition] = []
        self.unseen = False

    def read_content(self, content: Any, role: str, path: Path) -> None:
        if role in ("tool", "function"):  # no role of this API
            self.steps.append(ToolResult((), texts_below(content), path))
        elif isinstance(content, list):
            for index, block in enumerate(content):
                self._read_block(block, role, (*path, "content", index))
        else:
            self._speak(content, speaker(role, operator=self._operator), asks=role == "user")

    def _read_block(self, block: dict[str, Any], role: str, path: Path) -> None:
        kind, whose = block["type"], speaker(role, operator=self._operator)
        known = BLOCKS.get(kind)
        if is_call(block):
            call = call_of(block, path)
            self._ids.add(call.id, call.names)
            self.steps.append(call)
        elif _is_result(block):
            self.steps.append(_result(block, self._ids.names_of(block.get("tool_use_id")), path))
        elif known is not None and known.operator:
            self.definitions += _brought(block, path)
        elif kind in _QUOTED:
            self.steps.append(Found(texts_below(list(block.values()), names=False)))
        else:
            self.unseen = self.unseen or kind == "compaction"  # it stands for what was said before
            text = known.text if known is not None else ""
            self._speak(block.get(text), whose, asks=kind == "text" and role == "user")
            beside = [value for name, value in block.items() if name not in ("type", text)]
            self._speak(beside, Provenance.MODEL if role == "assistant" else Provenance.DOCUMENT)

    def _speak(self, value: Any, whose: Provenance, *, asks: bool = False) -> None:
        self.steps += [Spoken(text, whose, asks) for text in texts_below(value, names=False)]


def _definitions(document: Mapping[str, Any]) -> Iterator[Definition]:
    """The tools a request offers. A server of tools and the choice made among them are one definition."""
    toolsets: dict[str, Any] = {}
    for tool, path in _objects(document, "tools"):
        if tool.get("type") == "mcp_toolset":
            toolsets[text_of(tool, "mcp_server_name")] = tool
        else:
            yield _definition(tool, path)
    for server, path in _objects(document, "mcp_servers"):
        name = text_of(server, "name")
        told = {member: value for member, value in server.items() if member != "authorization_token"}
        toolset = toolsets.pop(name, None)
        yield Definition((f"mcp:{name}",), told if toolset is None else {**told, "toolset": toolset}, path)
    for name, toolset in toolsets.items():
        yield Definition((f"mcp:{name}",), toolset, ("tools",))


def _objects(document: Mapping[str, Any], member: str) -> Iterator[tuple[dict[str, Any], Path]]:
    value = document.get(member)
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, dict):
            yield item, (member, index)


def _definition(tool: Mapping[str, Any], path: Path) -> Definition:
    """A tool of the server's own may have no name but its type."""
    return Definition((text_of(tool, "name") or text_of(tool, "type"),), tool, path)


def _brought(block: Any, path: Path) -> Iterator[Definition]:
    """The tools that a block adds in the middle of a conversation."""
    waiting: list[Any] = [block]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += reversed(value)
        elif isinstance(value, dict):
            if isinstance(value.get("definition"), dict):
                yield _definition(value["definition"], path)
            else:
                waiting += reversed(value.values())


def _forced(choice: Any) -> Iterator[Forced]:
    if isinstance(choice, dict) and isinstance(choice.get("name"), str):
        yield Forced(choice["name"], ("tool_choice",))
