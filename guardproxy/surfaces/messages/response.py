"""Where text stands in a whole answer: a message, a count of tokens, an error.

Every text of it counts as the model's, whoever said it first: results of the provider's own tools too. A streamed
answer can be held against one set of rules only, so whole and streamed decide the same.
"""

from __future__ import annotations

from typing import Any, Final

from guardproxy.core.exchange import Provenance, ResponseReading, Segment
from guardproxy.surfaces.messages.block import JOINED
from guardproxy.surfaces.messages.leaves import opaques, read_leaves, segments
from guardproxy.surfaces.messages.usage import usage_of

# Members by which servers that imitate this API repeat the text as tokens.
_COPIES: Final = ("logprobs", "token_ids", "prompt_token_ids", "prompt_logprobs")
# Members of an event that hold what the text stands in.
_HOLDERS: Final = ("message", "content_block", "delta")


def read_response(document: Any) -> ResponseReading:
    """Every text of a message."""
    leaves = read_leaves(document)
    texts = tuple(map(_in_run, segments(leaves.texts, Provenance.MODEL)))
    return ResponseReading(texts, tuple(opaques(leaves, Provenance.MODEL)), usage_of(document))


def _in_run(segment: Segment) -> Segment:
    """A block's text with those of the other blocks it is joined with."""
    path = segment.path
    joined = len(path) == 3 and path[0] == "content" and path[2] in JOINED
    return segment._replace(run=JOINED.index(str(path[2]))) if joined else segment


def read_count(document: Any) -> ResponseReading:
    """The answer of `/messages/count_tokens`. Counting tokens uses none."""
    return read_response(document)._replace(usage={"input_tokens": 0, "output_tokens": 0, "total_tokens": 0})


def strip_copies(document: Any) -> None:
    """Drop what repeats the text in another encoding: tokens and their numbers.

    Called when the policy redacts model text; a redacted word must not survive beside its placeholder.
    """
    strip_tokens(document)


def strip_tokens(holder: Any) -> bool:
    """`strip_copies` for a message or an event, with the blocks and the delta in it; whether there was anything."""
    if not isinstance(holder, dict):
        return False
    found = [name for name in _COPIES if holder.get(name) is not None]
    for name in found:
        holder[name] = None
    content = holder.get("content")
    inner = [*(content if isinstance(content, list) else ()), *(holder.get(name) for name in _HOLDERS)]
    below = [strip_tokens(one) for one in inner]
    return bool(found) or any(below)
