"""What a request refers to on the server: containers, files, skills, threads, earlier messages.

The guard has not seen what stands there, and where keys share an account it may be somebody else's. So a policy has to
allow it by name; here is only said where a request does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from guardproxy.wire.path import Path

_TOP: Final[tuple[Path, ...]] = (
    ("container", "id"),
    ("thread",),
    ("diagnostics", "previous_message_id"),
    ("fallback_credit_token",),
)
_WITHIN: Final = ("system", "messages", "container")
_IDS: Final = frozenset({"file_id", "skill_id"})
# Members below which a name is the caller's own, or a quotation of what the server said.
_OTHERS: Final = frozenset({"input", "input_schema", "metadata", "citations"})


def server_state(document: Any) -> list[Path]:
    """The places of a request that refer to something stored on the server. Empty if it says all by itself."""
    if not isinstance(document, dict):
        return []
    found = [path for path in _TOP if _at(document, path) is not None]
    if isinstance(document.get("container"), str):
        found.append(("container",))
    for name in _WITHIN:
        found += _ids(document.get(name), (name,))
    return found


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
                if name in _IDS and isinstance(child, str):
                    yield (*here, name)
                elif name not in _OTHERS:
                    waiting.append(((*here, name), child))
