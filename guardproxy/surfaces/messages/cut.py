"""Calls that were cut off, of a whole message: they are never shown.

A client acts on a call. Whether the input of a call is all of it, its JSON does not show here, since it comes as an
object: so where the message did not end by itself, a call that is the last thing in it may have been cut off. A stream
shows where each block ends, and there such a call goes out if it is whole.
"""

from __future__ import annotations

from typing import Any, Final

from guardproxy.surfaces.messages.leaves import is_call
from guardproxy.wire.json_end import is_all

# The model ended the message itself; any other reason may have cut a call off.
ENDED: Final = frozenset({"tool_use", "end_turn", "stop_sequence", "pause_turn", "compaction"})
CUT: Final = "max_tokens"


def drop_cut_calls(document: Any) -> int:
    """Take the calls that were cut off out of a whole answer, in place; how many there were."""
    content = document.get("content") if isinstance(document, dict) else None
    if not isinstance(content, list) or not content:
        return 0
    reason = document.get("stop_reason")
    ended = reason is None or (isinstance(reason, str) and reason in ENDED)
    kept = [
        block
        for index, block in enumerate(content)
        if not (isinstance(block, dict) and is_call(block))
        or (_is_whole(block.get("input")) and (ended or index + 1 < len(content)))
    ]
    dropped = len(content) - len(kept)
    if dropped:
        content[:] = kept
        if reason == "tool_use":
            document["stop_reason"] = CUT
    return dropped


def _is_whole(given: Any) -> bool:
    """Whether the input of a call is not the beginning of some JSON, which servers that imitate this API may tell."""
    return not isinstance(given, str) or not given.strip() or is_all(given, ended=True)
