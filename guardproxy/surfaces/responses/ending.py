"""How a stream ends that the policy stopped: in the API's own words, so that every client notices and none fails.

Open texts are closed with what was really sent of them. Then comes a refusal, which cannot pass for text of the model,
and a response that is incomplete because of a content filter, whose output is what the client has seen. Calls that
were not shown yet are not mentioned again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from guardproxy.surfaces.responses.channels import Channel
from guardproxy.surfaces.responses.families import family_of_part
from guardproxy.surfaces.responses.sealed import SEAL, is_sealed
from guardproxy.surfaces.responses.shown import Part, Shown, ShownItem

_ITEM_ID: Final = "msg_guardproxy"
# Items that hold texts of the model in parts: the lists of parts, and what a part of a channel looks like.
_LISTS: Final = {"message": ("content",), "reasoning": ("summary", "content")}
_TEXT_OF: Final = {"output_text": "text", "refusal": "refusal", "reasoning_text": "text", "summary_text": "text"}
_PART_OF: Final[Mapping[str, Mapping[str, Any]]] = {
    "output_text": {"type": "output_text", "text": "", "annotations": []},
    "refusal": {"type": "refusal", "refusal": ""},
    "reasoning_text": {"type": "reasoning_text", "text": ""},
    "reasoning_summary_text": {"type": "summary_text", "text": ""},
}


def end_blocked(
    shown: Shown, channels: Iterable[Channel], usage: Mapping[str, int] | None, message: str
) -> Iterator[dict[str, Any]]:
    """The events that end the stream, in order, without their numbers. `usage` may have the names chats use."""
    texts = _texts_of_parts(shown, channels)
    open_items = [index for index, item in sorted(shown.items.items()) if not item.done and _lists_of(item)]
    messages = [index for index in open_items if shown.items[index].document.get("type") == "message"]
    if not messages:
        messages = [max(shown.items, default=-1) + 1]
        item = {"id": _ITEM_ID, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        shown.items[messages[0]] = ShownItem(item, done=False)
        open_items.append(messages[0])
        yield {"type": "response.output_item.added", "output_index": messages[0], "item": dict(item)}
    for index in open_items:
        yield from _close(index, shown.items[index], texts.get(index, {}), message if index == messages[-1] else None)
    yield {"type": "response.incomplete", "response": _envelope(shown, usage)}


def _texts_of_parts(shown: Shown, channels: Iterable[Channel]) -> dict[int, dict[Part, str]]:
    """By item and part, the text that went out. Items and parts nobody announced are noted as shown."""
    texts: dict[int, dict[Part, str]] = {}
    for channel in channels:
        part, owner = channel.part, channel.key.owner
        if part is None or not isinstance(owner, int):
            continue
        item = shown.items.get(owner)
        if not channel.shown and (item is None or part not in item.parts):
            continue  # it began behind a text that is not decided
        if item is None:
            item = shown.items[owner] = ShownItem(_item_of(channel), done=False)
        if not item.done:
            item.announce(part, _PART_OF[channel.key.family])
            texts.setdefault(owner, {})[part] = channel.shown
    return texts


def _item_of(channel: Channel) -> dict[str, Any]:
    """An item of which only a part was seen: the stream was asked for from its middle."""
    item = {"id": channel.form.get("item_id", _ITEM_ID), "type": channel.family.item, "status": "in_progress"}
    return {**item, "role": "assistant", "content": []} if channel.family.item == "message" else {**item, "summary": []}


def _close(index: int, item: ShownItem, texts: Mapping[Part, str], message: str | None) -> Iterator[dict[str, Any]]:
    lists: dict[str, list[Any]] = {member: [] for member in _lists_of(item)}
    at = {"item_id": item.document.get("id"), "output_index": index}
    for (member, position), part in sorted(item.parts.items(), key=lambda one: one[0]):
        document = dict(part.document)
        if not part.done:
            yield from _close_part(document, texts.get((member, position)), member, {**at, **_where(member, position)})
        lists.setdefault(member, []).append(document)
    if message is not None:
        refusal = {"type": "refusal", "refusal": message}
        where = {
            **at,
            "content_index": max((place for member, place in item.parts if member == "content"), default=-1) + 1,
        }
        yield {"type": "response.content_part.added", **where, "part": {"type": "refusal", "refusal": ""}}
        yield {"type": "response.refusal.delta", **where, "delta": message}
        yield from _close_part(refusal, message, "content", where)
        lists["content"].append(refusal)
    filled = {member: parts for member, parts in lists.items() if parts or member in item.document}
    item.document = {**item.document, **filled, "status": "incomplete"}
    if is_sealed(item.document):  # what was stopped stands in the seal too
        item.document[SEAL] = None
    item.done = True
    yield {"type": "response.output_item.done", "output_index": index, "item": item.document}


def _close_part(
    part: dict[str, Any], text: str | None, member: str, where: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """The end of a text and of its part. `part` gets the text."""
    kind = part.get("type")
    family, name = family_of_part(kind), _TEXT_OF.get(str(kind))
    if family is not None and name is not None:
        part[name] = part.get(name, "") if text is None else text
        more: dict[str, Any] = {"logprobs": []} if family == "output_text" else {}
        yield {"type": f"response.{family}.done", **where, name: part[name], **more}
    step = "content_part" if member == "content" else "reasoning_summary_part"
    yield {"type": f"response.{step}.done", **where, "part": part}


def _where(member: str, position: int) -> dict[str, int]:
    return {"content_index" if member == "content" else "summary_index": position}


def _lists_of(item: ShownItem) -> tuple[str, ...]:
    return _LISTS.get(str(item.document.get("type")), ())


def _envelope(shown: Shown, usage: Mapping[str, int] | None) -> dict[str, Any]:
    envelope = dict(shown.envelope or {"object": "response"})
    envelope["status"] = "incomplete"
    envelope["incomplete_details"] = {"reason": "content_filter"}
    envelope["output"] = [item.document for _, item in sorted(shown.items.items()) if item.done]
    if usage is not None:
        envelope["usage"] = _usage(usage)
    return envelope


def _usage(usage: Mapping[str, int]) -> dict[str, Any]:
    read = usage.get("input_tokens", usage.get("prompt_tokens", 0))
    written = usage.get("output_tokens", usage.get("completion_tokens", 0))
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.get("total_tokens", read + written),
    }
