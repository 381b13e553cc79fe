"""Reasoning that its provider has signed: dropped where it would have to be edited.

A provider checks the signature when the reasoning is sent back to it, so an edited text under an old signature spoils
the whole conversation. A block of reasoning (an object with a `signature`) in which the policy hides something is
therefore dropped whole. In a stream its text goes out before the signature comes: then it is the signature that goes.
The signature ends the text it signs, so what is held of that is decided first; a block that comes in one event with
its signature is dropped like one of a whole answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

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
    drop(document, blocks.values())


def drop(document: Any, blocks: Iterable[Path]) -> None:
    """Blocks leave their lists, or become null elsewhere."""
    # From the back of each list, so that the places of those before stay true.
    for block in sorted(set(blocks), key=_place, reverse=True):
        holder = document
        for step in block[:-1]:
            holder = holder[step]
        last: Any = block[-1]
        if isinstance(holder, list):
            del holder[last]
        else:
            holder[last] = None


class SignedText(NamedTuple):
    """What a signature of a streamed choice signs, which has ended: `ends`, what was held of it, by channel.

    `holds`: all of it goes out as it came. `at_once`: all of it stands in the event at hand.
    """

    ends: Mapping[Path, str]
    holds: bool
    at_once: bool


def sign(
    channels: Mapping[Path, StreamGuard], signed: dict[Path, int], path: Path, before: Mapping[Path, int], *, ends: bool
) -> SignedText:
    """A signature has come, at `path`. `signed`: how much of each channel earlier ones have signed. `before`: how long
    those were before the event at hand that stand in it. `ends`: whether it ends them; if not, what is held counts as
    edited.
    """
    beside = path[:-1]
    texts = {key: guard for key, guard in channels.items() if key[: len(beside)] == beside}
    rest = {key: guard.pause() for key, guard in texts.items()} if ends else {}
    holds = not any(guard.hid_behind(signed.get(key, 0)) or guard.held or guard.blocked for key, guard in texts.items())
    at_once = ends and all(before.get(key, guard.length) == signed.get(key, 0) for key, guard in texts.items())
    signed.update({key: guard.length for key, guard in texts.items()})
    return SignedText(rest, holds, at_once)


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
