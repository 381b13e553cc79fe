"""What a request refers to on the server: conversations, stored prompts, files, containers.

The guard has not seen what stands there, and where keys share an account it may be somebody else's. So a policy has to
allow it by name; here is only said where a request does it.

An item with an id may bring its content along, or leave it to the server to find. Of pictures, thoughts and compacted
conversations the server keeps more than what describes them, so there only the content itself counts as brought.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from guardproxy.wire.path import Path

_TOP: Final[tuple[Path, ...]] = (
    ("previous_response_id",),
    ("conversation",),
    ("prompt", "id"),
    ("background_options", "continuation_id"),
    ("prompt_cache_options", "comparison_response_id"),
)
_WITHIN: Final = ("input", "tools", "prompt", "image")
_IDS: Final = frozenset(
    {
        "file_id", "file_ids", "vector_store_id", "vector_store_ids", "container", "container_id", "skill_id",
    }
)  # fmt: skip
# Members that hold what an item of a type is about; without any of them its id names it.
_CONTENT: Final[Mapping[str, tuple[str, ...]]] = {
    "image_generation_call": ("result",),
    "reasoning": ("content", "encrypted_content"),
    "compaction": ("encrypted_content",),
    "mcp_list_tools": ("tools", "error"),
}
# Members that say nothing of an item's content.
_LABELS: Final = frozenset({"type", "id", "status", "role", "phase", "created_by"})
# Members below which a name is the caller's own, or a quotation of what the server said.
_OTHERS: Final = frozenset(
    {"arguments", "parameters", "schema", "input_schema", "metadata", "attributes", "filters", "annotations", "results"}
)


def server_state(document: Any) -> list[Path]:
    """The places of a request that refer to something stored on the server. Empty if it says all by itself."""
    if not isinstance(document, dict):
        return []
    found = [path for path in _TOP if _at(document, path) is not None]
    items = document.get("input")
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if is_reference(item):
            found.append(("input", index))
    for name in _WITHIN:
        found += _ids(document.get(name), (name,))
    return found


def made(response: Any) -> Iterator[str]:
    """The ids under which what a response holds can be referred to later: of itself, its items, their containers."""
    if isinstance(response, dict):
        output = response.get("output")
        for thing in (response, *(output if isinstance(output, list) else ())):
            if isinstance(thing, dict):
                environment = thing.get("environment")
                holders = (thing, environment) if isinstance(environment, dict) else (thing,)
                ids = (thing.get("id"), *(holder.get("container_id") for holder in holders))
                yield from (one for one in ids if isinstance(one, str))


def is_reference(item: Any) -> bool:
    """Whether an input item stands for a stored one. The type of such an item may be left out."""
    if not isinstance(item, dict):
        return False
    kind = item.get("type")
    if kind == "item_reference":
        return True
    if not isinstance(item.get("id"), str):
        return False
    if kind == "message" or "role" in item:
        return item.get("content") is None  # an empty message is one
    if isinstance(kind, str) and kind in _CONTENT:
        return not any(item.get(name) for name in _CONTENT[kind])
    return kind is None or not any(value for name, value in item.items() if name not in _LABELS)


def _at(document: dict[str, Any], path: Path) -> Any:
    value: Any = document
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _ids(value: Any, path: Path) -> Iterator[Path]:
    waiting = [(path, value)]
    while waiting:
        here, holder = waiting.pop()
        if isinstance(holder, list):
            waiting += [((*here, index), child) for index, child in reversed(list(enumerate(holder)))]
        elif isinstance(holder, dict):
            for name, child in holder.items():
                if name in _IDS and (isinstance(child, str) or _names_something(child)):
                    yield (*here, name)
                elif name not in _OTHERS:
                    waiting.append(((*here, name), child))


def _names_something(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(one, str) for one in value)
