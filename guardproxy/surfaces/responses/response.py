"""Where text stands in a whole answer: a response, a list of stored items, a compacted conversation.

Every text of it counts as the model's, whoever said it first. An answer also repeats what it was asked
(`instructions`, `tools`, `metadata`) and what tools said; the caller of this answer need not be who said that, and a
streamed answer can be held against one set of rules only, so whole and streamed decide the same.

Clients join all texts of all messages to one (`output_text`), and the parts of an item's reasoning: these are looked at
as one text, too.
"""

from __future__ import annotations

from typing import Any, Final

from guardproxy.core.exchange import Provenance, ResponseReading, Segment
from guardproxy.surfaces.responses.leaves import opaques, read_leaves, segments

# Members that repeat the text as tokens, with their bytes or numbers. Lists stay lists: clients count on them.
_COPIES: Final = ("logprobs", "token_ids", "prompt_token_ids", "prompt_logprobs")

# Lists of parts that are joined by themselves, with the types of the items that have them.
_JOINED_PER_ITEM: Final = frozenset({("summary", "reasoning"), ("content", "reasoning")})


def read_response(document: Any) -> ResponseReading:
    """Every text of an answer, of all items and all echoes."""
    leaves = read_leaves(document)
    usage = document.get("usage") if isinstance(document, dict) else None
    texts = segments(leaves.texts, Provenance.MODEL)
    output = document.get("output") if isinstance(document, dict) else None
    if isinstance(output, list):
        texts = (_in_run(segment, output) for segment in texts)
    return ResponseReading(tuple(texts), tuple(opaques(leaves, Provenance.MODEL)), usage)


def _in_run(segment: Segment, output: list[Any]) -> Segment:
    """A text of a part with the other texts it is joined with."""
    path = segment.path
    if len(path) != 5 or path[0] != "output" or path[4] != "text":
        return segment
    _, index, member, *_ = path
    item = output[index] if isinstance(index, int) else None
    kind = item.get("type", "message") if isinstance(item, dict) else None
    if isinstance(index, int) and (member, kind) in _JOINED_PER_ITEM:
        return segment._replace(run=1 + index)
    return segment._replace(run=0) if (member, kind) == ("content", "message") else segment


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
