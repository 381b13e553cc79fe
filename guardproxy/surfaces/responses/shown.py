"""What the client has been shown of a response: the envelope, its items and their parts, as they went out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guardproxy.surfaces.responses.families import owner_of, part_of

Part = tuple[str, int]
"""The list of an item in which a part stands (`content`, `summary`), and its position."""


class ShownPart:
    """A part as it was announced, or as it ended."""

    __slots__ = ("document", "done")

    def __init__(self, document: dict[str, Any], done: bool) -> None:
        self.document = document
        self.done = done


class ShownItem:
    """An item as it was announced, or as it ended."""

    __slots__ = ("document", "done", "parts")

    def __init__(self, document: dict[str, Any], done: bool) -> None:
        self.document = document
        self.done = done
        self.parts: dict[Part, ShownPart] = {}

    def announce(self, part: Part, document: Mapping[str, Any]) -> None:
        """A part that is there although its beginning was not seen."""
        if part not in self.parts:
            self.parts[part] = ShownPart(dict(document), done=False)


class Shown:
    """Keeps what went out. `envelope` is the last response object, None before the first."""

    def __init__(self) -> None:
        self.envelope: dict[str, Any] | None = None
        self.items: dict[int, ShownItem] = {}

    def take(self, document: dict[str, Any], step: str) -> None:
        """An event that went out. `step` is the last word of its type."""
        owner, done = owner_of(document), step == "done"
        response, item, part = (document.get(name) for name in ("response", "item", "part"))
        if isinstance(response, dict):
            self.envelope = response
            output = response.get("output")
            for index, value in enumerate(output if isinstance(output, list) else ()):
                if isinstance(value, dict) and index not in self.items:
                    self.items[index] = ShownItem(value, value.get("status") == "completed")
        elif isinstance(owner, int) and isinstance(item, dict):
            known = self.items.setdefault(owner, ShownItem(item, done))
            known.document, known.done = item, done
        elif isinstance(owner, int) and isinstance(part, dict) and owner in self.items:
            self.items[owner].parts[part_of(document)] = ShownPart(part, done)
        elif isinstance(owner, int) and "annotation" in document and owner in self.items:
            self._annotate(self.items[owner].parts.get(part_of(document)), document["annotation"])

    def _annotate(self, part: ShownPart | None, annotation: Any) -> None:
        if part is not None and not part.done:
            known = part.document.get("annotations")
            part.document = {**part.document, "annotations": [*(known or ()), annotation]}
