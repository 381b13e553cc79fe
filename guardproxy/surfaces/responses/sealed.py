"""Reasoning its provider has sealed: dropped where it would have to be edited.

A reasoning item with `encrypted_content` carries the model's whole reasoning, which nobody here can read, beside a
summary in plain text. If the policy hides something in the summary, the seal holds the same in a form that cannot be
edited, and it is sent back with the next request. So such an item is dropped whole. In a stream the item has been
announced before its text was known: then it is the seal that goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from guardproxy.surfaces.citations import edit_cited
from guardproxy.wire.document import get, replace
from guardproxy.wire.path import Path

SEAL: Final = "encrypted_content"


def is_sealed(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") == "reasoning" and bool(value.get(SEAL))


def edit(document: Any, edits: Mapping[Path, str]) -> None:
    """`replace`, but a sealed item leaves its list instead of being edited, or becomes null elsewhere."""
    sealed = {path: item for path in edits if (item := _sealed_item(document, path)) is not None}
    others = {path: text for path, text in edits.items() if path not in sealed} if sealed else edits
    edit_cited(document, others, replace)
    # From the back of each list, so that the places of those before stay true.
    for item in sorted(set(sealed.values()), key=_place, reverse=True):
        holder = get(document, item[:-1])
        last: Any = item[-1]
        if isinstance(holder, list):
            del holder[last]
        else:
            holder[last] = None


def _sealed_item(document: Any, path: Path) -> Path | None:
    """The outermost sealed item that holds the path."""
    value: Any = document
    for depth, step in enumerate(path):
        if depth and is_sealed(value):
            return path[:depth]
        if not isinstance(step, (str, int)) or not isinstance(value, (dict, list)):
            return None  # a name, or inside of a string
        value = get(value, (step,))
    return None


def _place(item: Path) -> tuple[tuple[bool, int, str], ...]:
    """For an order in which positions of one list are in theirs."""
    return tuple((isinstance(step, str), step if isinstance(step, int) else 0, str(step)) for step in item)
