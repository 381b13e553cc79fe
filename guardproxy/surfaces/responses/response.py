"""Where text stands in a whole answer: a response, a list of stored items, a compacted conversation.

Every text of it counts as the model's, whoever said it first. An answer also repeats what it was asked
(`instructions`, `tools`, `metadata`) and what tools said; the caller of this answer need not be who said that, and a
streamed answer can be held against one set of rules only, so whole and streamed decide the same.
"""

from __future__ import annotations

from typing import Any, Final

from guardproxy.core.exchange import Provenance, ResponseReading
from guardproxy.surfaces.responses.leaves import opaques, read_leaves, segments

# Members that repeat the text as tokens, with their bytes or numbers. Lists stay lists: clients count on them.
_COPIES: Final = ("logprobs", "token_ids", "prompt_token_ids", "prompt_logprobs")


def read_response(document: Any) -> ResponseReading:
    """Every text of an answer, of all items and all echoes."""
    leaves = read_leaves(document)
    usage = document.get("usage") if isinstance(document, dict) else None
    texts = tuple(segments(leaves.texts, Provenance.MODEL))
    return ResponseReading(texts, tuple(opaques(leaves, Provenance.MODEL)), usage)


def strip_copies(document: Any) -> None:
    """Drop what repeats the text in another encoding: log probabilities (tokens and bytes), token ids, spoken audio.

    Called when the policy redacts model text; a redacted word must not survive beside its placeholder.
    """
    if not isinstance(document, dict):
        return
    strip_tokens(document)
    for member in ("output", "data"):
        items = document.get(member)
        for item in items if isinstance(items, list) else ():
            strip_item(item)


def strip_item(item: Any) -> None:
    """`strip_copies` for one item."""
    if not isinstance(item, dict):
        return
    strip_tokens(item)
    content = item.get("content")
    for part in content if isinstance(content, list) else ():
        strip_part(part)


def strip_part(part: Any) -> None:
    """`strip_copies` for one part of an item's content."""
    if isinstance(part, dict):
        strip_tokens(part)
        if part.get("type") == "output_audio":
            part.pop("data", None)


def strip_tokens(holder: dict[str, Any]) -> None:
    """Nothing in place of the text's tokens in an answer, an event, an item or a part."""
    for name in _COPIES:
        if holder.get(name):
            holder[name] = [] if isinstance(holder[name], list) else None
