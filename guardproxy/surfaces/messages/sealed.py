"""What its provider has signed or sealed: dropped where it would have to be edited.

A provider checks the signature of a thinking block when the block is sent back, so an edited text under an old
signature spoils the whole conversation; and what is sealed beside a text (in a compaction, in a result of the
provider's web search) holds the same text in a form that nobody here can edit. Such a block is therefore dropped whole.
In a stream its text goes out before the signature comes: then it is the signature that goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from guardproxy.wire.document import get, replace
from guardproxy.wire.path import Path

_SEALS: Final[Mapping[str, tuple[str, ...]]] = {
    "thinking": ("signature",),
    "redacted_thinking": ("data",),
    "compaction": ("signature", "encrypted_content"),
    "web_search_result": ("encrypted_content",),
}


def is_sealed(value: Any) -> bool:
    """Whether an object holds a signature over its text, or the text once more under seal."""
    return any(value.get(name) for name in seals_of(value))


def seals_of(value: Any) -> tuple[str, ...]:
    """The members in which such an object is sealed, if it is of a type that may be."""
    kind = value.get("type") if isinstance(value, dict) else None
    return _SEALS.get(kind, ()) if isinstance(kind, str) else ()


def edit(document: Any, edits: Mapping[Path, str]) -> None:
    """`replace`, but a sealed block leaves its list instead of being edited, or becomes null elsewhere."""
    sealed = {path: block for path in edits if (block := _sealed_block(document, path)) is not None}
    replace(document, {path: text for path, text in edits.items() if path not in sealed} if sealed else edits)
    # From the back of each list, so that the places of those before stay true.
    for block in sorted(set(sealed.values()), key=_place, reverse=True):
        holder = get(document, block[:-1])
        last: Any = block[-1]
        if isinstance(holder, list):
            del holder[last]
        else:
            holder[last] = None


def unseal(block: dict[str, Any]) -> None:
    """Take the seals off a block that cannot leave its place any more."""
    for name in seals_of(block):
        if block.get(name):
            block[name] = ""


def _sealed_block(document: Any, path: Path) -> Path | None:
    """The outermost sealed block below the document that holds the path."""
    value: Any = document
    for depth, step in enumerate(path):
        if depth and is_sealed(value):
            return path[:depth]
        if not isinstance(step, (str, int)) or not isinstance(value, (dict, list)):
            return None  # a name, or inside of a string
        value = get(value, (step,))
    return None


def _place(block: Path) -> tuple[tuple[bool, int, str], ...]:
    """For an order in which positions of one list are in theirs."""
    return tuple((isinstance(step, str), step if isinstance(step, int) else 0, str(step)) for step in block)
