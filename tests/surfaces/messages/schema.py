"""Blocks and events with a mark in each string that may be anything: made up, and from the official client's types."""

from __future__ import annotations

import types
import typing
from collections import Counter
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.support.strategies import Kit, make_kit

# The dot makes it no base64, so it is text wherever it stands.
marks = st.integers(0, 10**9).map(lambda number: f"mark{number}.")
free = st.recursive(
    st.one_of(marks, st.booleans(), st.integers(0, 99), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(marks, inner, max_size=2)),
    max_leaves=4,
)
_indexes = st.integers(0, 1)

EVENT_TYPES = (
    "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"
)  # fmt: skip
DELTA_TYPES = (
    "text_delta", "input_json_delta", "citations_delta", "thinking_delta", "signature_delta", "compaction_delta"
)  # fmt: skip


def marks_kit() -> Kit:
    return make_kit({"mark": r"mark[0-9]{1,10}"})


def planted(value: Any) -> Counter[str]:
    """The marks in all strings and names of a document."""
    match value:
        case str():
            return Counter("mark" + rest.partition(".")[0] for rest in value.split("mark")[1:] if rest[:1].isdigit())
        case list():
            return sum(map(planted, value), Counter[str]())
        case dict():
            return sum(map(planted, [*value, *value.values()]), Counter[str]())
    return Counter()


def objects(kind: str, **members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object of that type with these members, and sometimes one nobody has heard of."""
    odd = st.dictionaries(marks, free, max_size=1)
    return st.tuples(st.fixed_dictionaries({"type": st.just(kind), **members}), odd).map(
        lambda two: {**two[0], **two[1]}
    )


def listed(*inner: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.one_of(*inner), max_size=2)


_citations = listed(objects("char_location", cited_text=marks, document_title=marks, file_id=marks))
_texts = objects("text", text=marks, citations=_citations)
_images = objects("image", source=objects("url", url=marks))
_sources = st.one_of(
    objects("text", data=marks, media_type=st.just("text/plain")),
    objects("content", content=st.one_of(marks, listed(_texts, _images))),
    objects("base64", data=st.just("QUJD"), media_type=st.just("application/pdf")),
    objects("url", url=marks),
    objects("file", file_id=marks),
)
_documents = objects("document", source=_sources, title=marks, context=marks)
_found = objects("search_result", source=marks, title=marks, content=listed(_texts))
_results = {
    "tool_result": st.one_of(
        marks, listed(_texts, _images, _documents, _found, objects("tool_reference", tool_name=marks))
    ),
    "mcp_tool_result": st.one_of(marks, listed(_texts)),
    "web_search_tool_result": listed(
        objects("web_search_result", title=marks, url=marks, page_age=marks, encrypted_content=st.just("QUJD"))
    ),
    "web_fetch_tool_result": objects("web_fetch_result", url=marks, content=_documents, retrieved_at=marks),
    "code_execution_tool_result": objects("code_execution_result", stdout=marks, stderr=marks, content=st.just([])),
    "bash_code_execution_tool_result": objects("bash_code_execution_result", stdout=marks, stderr=marks),
    "text_editor_code_execution_tool_result": objects(
        "text_editor_code_execution_str_replace_result", lines=st.lists(marks, max_size=2)
    ),
    "tool_search_tool_result": objects("tool_search_tool_search_result", tool_references=free),
    "advisor_tool_result": objects("advisor_result", text=marks),
}  # fmt: skip
_calls = {
    kind: objects(kind, id=marks, name=marks, input=st.dictionaries(marks, free, max_size=3), caller=free)
    for kind in ("tool_use", "server_tool_use", "mcp_tool_use")
}
_others = {
    "text": _texts,
    "image": _images,
    "document": _documents,
    "search_result": _found,
    "thinking": objects("thinking", thinking=marks, signature=st.sampled_from(["", "QUJD", "no base64: mark7."])),
    "redacted_thinking": objects("redacted_thinking", data=st.one_of(marks, st.just("QUJD"))),
    "compaction": objects("compaction", content=marks, encrypted_content=st.sampled_from(["", "QUJD"])),
    "container_upload": objects("container_upload", file_id=marks),
    "tool_addition": objects("tool_addition", tool=objects("tool_definition", definition=free)),
    "mcp_tool_listing": objects("mcp_tool_listing", mcp_server_name=marks, tools=free),
    "hologram": objects("hologram", hologram=marks, note=free),
}
_given = {
    kind: objects(kind, tool_use_id=marks, content=content, is_error=st.booleans())
    for kind, content in _results.items()
}
BLOCKS: dict[str, st.SearchStrategy[dict[str, Any]]] = {**_others, **_calls, **_given}
blocks = st.one_of(*BLOCKS.values())

_deltas = st.one_of(
    objects("text_delta", text=marks),
    objects("thinking_delta", thinking=marks, estimated_tokens=st.integers(0, 9)),
    objects("input_json_delta", partial_json=marks),
    objects("signature_delta", signature=st.one_of(marks, st.just("QUJD"))),
    objects("citations_delta", citation=free),
    objects("compaction_delta", content=marks, encrypted_content=st.just("QUJD")),
    objects("hologram_delta", hologram=marks),
)
_message = objects("message", id=marks, role=st.just("assistant"), model=marks, content=listed(blocks), usage=free)
events = st.one_of(
    objects("message_start", message=_message),
    objects("content_block_start", index=_indexes, content_block=blocks),
    objects("content_block_delta", index=_indexes, delta=_deltas),
    objects("content_block_delta", index=_indexes, delta=_deltas),
    objects("content_block_stop", index=_indexes),
    objects("message_delta", delta=st.fixed_dictionaries({"stop_reason": marks, "stop_sequence": marks}), usage=free),
    objects("message_stop"),
    objects("ping"),
    objects("error", error=objects("api_error", message=marks)),
    objects("hologram", note=free),
)


@st.composite
def bent(draw: st.DrawFn, whole: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    """Such a document with something else in one place, of whatever type."""
    document = draw(whole)
    holder: Any = document
    while True:
        steps: list[Any] = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        step = draw(st.sampled_from(steps))
        deeper = isinstance(holder[step], (dict, list)) and bool(holder[step])
        if not deeper or draw(st.booleans()):
            holder[step] = draw(st.one_of(free, st.lists(marks, max_size=1)))
            return document
        holder = holder[step]


# ---------------------------------------------------------------- the official client's types, where it is installed


def official() -> Any:
    """The types of the official client's union of events; skips the test where the client is not installed."""
    return pytest.importorskip("anthropic.types.beta")


def members_of(union: Any) -> list[Any]:
    """The models of one of the client's unions, which it marks with what tells them apart."""
    inner = typing.get_args(union)[0] if typing.get_origin(union) is typing.Annotated else union
    return [one for one in typing.get_args(inner) if hasattr(one, "model_fields")]


def documents(model: Any, depth: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects that fit a model. Members that may be missing sometimes are."""

    @st.composite
    def build(draw: st.DrawFn) -> dict[str, Any]:
        made = {}
        for name, field in model.model_fields.items():
            if field.is_required() or (depth < 4 and draw(st.booleans())):
                made[field.alias or name] = draw(_values(field.annotation, depth + 1, name))
        return made

    return build()


def _values(annotation: Any, depth: int, name: str = "") -> st.SearchStrategy[Any]:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _values(arguments[0], depth, name)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin in (typing.Union, types.UnionType):
        wanted = [one for one in arguments if one is not type(None)]
        simple = sorted(wanted, key=_weight)[:1] if depth > 4 else wanted
        return st.one_of(*(_values(one, depth, name) for one in simple))
    if origin is list:
        return st.lists(_values(arguments[0], depth, name), max_size=2 if depth < 4 else 1)
    if origin is dict:
        return st.dictionaries(marks, _values(arguments[1], depth, name), max_size=2)
    if hasattr(annotation, "model_fields"):
        return st.deferred(lambda: documents(annotation, depth))
    if annotation is int and name == "index":
        return _indexes
    if getattr(annotation, "__name__", "") == "datetime":
        return st.just("2026-01-01T00:00:00Z")
    return {str: marks, int: st.integers(0, 99), float: st.just(0.5), bool: st.booleans()}.get(annotation, free)


def _weight(annotation: Any) -> int:
    return 0 if annotation in (str, int, bool, float) or typing.get_origin(annotation) is typing.Literal else 1
