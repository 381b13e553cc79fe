"""Citations beside a text: they name the stretch they are about by its place, which a redaction moves.

`annotations` stand beside a message's `content` (chats) or a part's `text` (responses). Their `start_index` and
`end_index` follow the text; everything else of them is text like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from guardproxy.core.moved import Moved
from guardproxy.wire.document import get
from guardproxy.wire.path import Path

_TEXTS: Final = frozenset({"content", "text"})
_HOLDER: Final = "annotations"

Edit = Callable[[Any, Mapping[Path, str]], None]


def edit_cited(document: Any, edits: Mapping[Path, str], edit: Edit) -> None:
    """`edit`, after which citations point at what they pointed at."""
    cited = []
    for path, text in edits.items():
        if path and isinstance(path[-1], str) and path[-1] in _TEXTS:
            holder = get(document, path[:-1])
            if isinstance(holder, dict) and holder.get(_HOLDER) and isinstance(holder[path[-1]], str):
                cited.append((holder[_HOLDER], Moved.between(holder[path[-1]], text)))
    edit(document, edits)
    for beside, moved in cited:
        move_citations(beside, moved)


def move_citations(annotations: Any, moved: Moved) -> None:
    """Let citations follow their text. A chat's stand one object deeper, named like their type."""
    for annotation in annotations if isinstance(annotations, list) else ():
        if isinstance(annotation, dict):
            _move(annotation, moved)
            for below in annotation.values():
                if isinstance(below, dict):
                    _move(below, moved)


def _move(holder: dict[str, Any], moved: Moved) -> None:
    start, end = holder.get("start_index"), holder.get("end_index")
    if type(start) is int:
        holder["start_index"] = moved.beginning(start)
    if type(end) is int:
        holder["end_index"] = moved.ending(end)
