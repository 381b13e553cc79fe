"""Items of lists in a delta: to which one a fragment belongs, and how a frame of our own names it.

Clients add fragments up by the `index` of an item, so its text is one channel wherever in a list it arrives. An item
without an index is the one at its position.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guardproxy.wire.path import Path

Forms = Mapping[Path, Mapping[str, Any]]
"""By the key of an item: the labels that go with each fragment of it."""


def key_of(holder: Any, path: Path) -> Path:
    """The path below `holder` with items by their index instead of their position."""
    if not any(type(step) is int for step in path):
        return path
    key: list[Any] = []
    value = holder
    for step in path:
        value = value[step]
        index = value.get("index") if isinstance(step, int) and isinstance(value, dict) else None
        key.append(index if type(index) is int else step)
    return tuple(key)


def forms_of(holder: Any, path: Path) -> dict[Path, Mapping[str, Any]]:
    """The labels of the items on the way down a path, as they may be shown, by the keys of the items."""
    forms: dict[Path, Mapping[str, Any]] = {}
    key = key_of(holder, path)
    value = holder
    for depth, step in enumerate(path, 1):
        value = value[step]
        if isinstance(step, int) and isinstance(value, dict):
            labels = {name: value[name] for name in ("index", "type") if type(value.get(name)) in (int, str)}
            if labels and depth < len(path):
                forms[key[:depth]] = labels
    return forms


def nest(key: Path, text: str, forms: Forms) -> dict[str, Any]:
    """The part of a choice that holds only `text` at `key`, with the labels of the items it stands in."""
    value: Any = text
    for depth in range(len(key), 0, -1):
        step = key[depth - 1]
        if isinstance(step, int):
            value = [{**forms.get(key[:depth], {}), **value} if isinstance(value, dict) else value]
        else:
            value = {step: value}
    assert isinstance(value, dict)  # noqa: S101 - the first step of a channel's key is a member name
    return value
