"""The models a request names beside its own: of a tool that asks another model, of a moderation, of a fallback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from guardproxy.core.exchange import NamedModel
from guardproxy.wire.path import Path

# What is said, and what the caller notes down: there a `model` is a word like any other.
_SAID: Final = frozenset({"messages", "input", "system", "metadata"})
_LISTS: Final = frozenset({"models", "fallbacks"})


def other_models(document: dict[str, Any]) -> tuple[NamedModel, ...]:
    """In the order in which they stand there."""
    found: list[NamedModel] = []
    for name, value in document.items():
        if isinstance(value, (dict, list)) and name not in _SAID:
            found += _below(value, (name,))
    return tuple(found)


def _below(value: dict[str, Any] | list[Any], path: Path) -> Iterator[NamedModel]:
    if isinstance(value, dict):
        model = value.get("model")
        if isinstance(model, str):
            yield NamedModel(model, (*path, "model"))
        tools = value.get("tools")  # a namespace of tools
        if isinstance(tools, list):
            yield from _below(tools, (*path, "tools"))
        return
    for index, item in enumerate(value):
        if isinstance(item, (dict, list)):
            yield from _below(item, (*path, index))
        elif isinstance(item, str) and path[-1] in _LISTS:
            yield NamedModel(item, (*path, index))
