"""Calls and results of tools, as every dialect that has them writes them: shared by the readers of conversations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from guardproxy.core.context import is_operator_role
from guardproxy.core.exchange import Provenance

_SPEAKERS: Final = {"user": Provenance.USER, "assistant": Provenance.MODEL}


class CallIds:
    """Which call an id belongs to. An id of two different calls belongs to neither: nobody can say which was meant."""

    def __init__(self) -> None:
        self._names: dict[str, tuple[str, ...]] = {}

    def add(self, call_id: Any, names: tuple[str, ...]) -> None:
        if isinstance(call_id, str) and call_id:
            self._names[call_id] = names if self._names.get(call_id, names) == names else ()

    def names_of(self, call_id: Any) -> tuple[str, ...]:
        return self._names.get(call_id, ()) if isinstance(call_id, str) else ()


def function_definition(tool: Mapping[str, Any]) -> tuple[tuple[str, ...], Mapping[str, Any]]:
    """The names of an offered tool, and what the model reads of it, whichever way it is wrapped."""
    kind = tool.get("type")
    for wrapping in ("function", "custom"):
        inside = tool.get(wrapping)
        if isinstance(inside, dict):
            return (text_of(inside, "name"),), inside
    name = text_of(tool, "name")
    if kind == "mcp":
        return (f"mcp:{text_of(tool, 'server_label')}",), tool
    # A tool the upstream runs itself has no name but its type.
    return (name or str(kind or ""),), tool


def speaker(role: str, *, operator: bool) -> Provenance:
    """Whose text a message is to tool rules. What no API documents is data, whatever it calls itself."""
    if is_operator_role(role):
        return Provenance.OPERATOR if operator else Provenance.USER
    return _SPEAKERS.get(role, Provenance.DOCUMENT)


def text_of(holder: Mapping[str, Any], name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""


def forced_names(choice: Any) -> Iterable[tuple[str, bool]]:
    """The tools a `tool_choice` demands; with True those it only narrows the choice to."""
    if not isinstance(choice, dict):
        return
    narrowed = choice.get("allowed_tools", choice) if choice.get("type") == "allowed_tools" else None
    if isinstance(narrowed, dict):
        tools = narrowed.get("tools")
        for tool in tools if isinstance(tools, list) else ():
            if isinstance(tool, dict):
                yield function_definition(tool)[0][0], True
    elif choice.get("type") not in ("auto", "none", "required", None) or "name" in choice or "function" in choice:
        yield function_definition(choice)[0][0], False
