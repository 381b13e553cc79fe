"""Reasoning that its provider has signed: dropped where it would have to be edited.

A provider checks the signature when the reasoning is sent back to it, so an edited text under an old signature spoils
the whole conversation. A block of reasoning (an object with a `signature`) in which the policy hides something is
therefore dropped whole. In a stream its text goes out before the signature comes: then it is the signature that goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from guardproxy.core.stream import StreamGuard
from guardproxy.surfaces.citations import edit_cited
from guardproxy.wire.document import get, replace
from guardproxy.wire.path import Path

SIGNATURE: Final = "signature"
_REASONING: Final = frozenset({"reasoning", "reasoning_details", "thinking", "thinking_blocks"})


def edit(document: Any, edits: Mapping[Path, str]) -> None:
    """`replace`, but a signed block of reasoning leaves its list instead of being edited, or becomes null elsewhere."""
    blocks = {path: block for path in edits if (block := _signed_block(document, path))}
    edit_cited(
        document, {path: text for path, text in edits.items() if path not in blocks} if blocks else edits, replace
    )
    # From the back of each list, so that the places of those before stay true.
    for block in sorted(set(blocks.values()), key=_place, reverse=True):
        holder = document
        for step in block[:-1]:
            holder = holder[step]
        last: Any = block[-1]
        if isinstance(holder, list):
            del holder[last]
        else:
            holder[last] = None


def signature_holds(channels: Mapping[Path, StreamGuard], path: Path) -> bool:
    """Whether a signature at `path` of a streamed choice still fits: all that stands beside it went out as it came."""
    beside = path[:-1]
    texts = (guard for where, guard in channels.items() if where[: len(beside)] == beside)
    return not any(guard.edited or guard.held for guard in texts)


def _signed_block(document: Any, path: Path) -> Path | None:
    """The innermost signed object that holds the path, if it is reasoning."""
    found = None
    value: Any = document
    reasoning = False
    for depth, step in enumerate(path):
        if reasoning and isinstance(value, dict) and isinstance(value.get(SIGNATURE), str) and value[SIGNATURE]:
            found = path[:depth]
        if not isinstance(step, (str, int)) or not isinstance(value, (dict, list)):
            break  # a name, or inside of a string
        reasoning = reasoning or step in _REASONING
        value = get(value, (step,))
    return found


def _place(block: Path) -> tuple[tuple[bool, int, str], ...]:
    """For an order in which positions of one list are in theirs."""
    return tuple((isinstance(step, str), step if isinstance(step, int) else 0, str(step)) for step in block)
