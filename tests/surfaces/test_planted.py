"""Secrets planted in any string of any request or answer the official client knows never leave, on any surface.

Requests are made from the types the client takes, answers and events from those it gives, which is all the API
documents; each free string, and each name the caller may choose, holds a mark that a rule hides. In streams a mark is
also cut in two, in members no API knows. What Anthropic's API documents is in `messages`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from openai.types import Completion, CreateEmbeddingResponse, Model, ModerationCreateResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming as ChatParams
from openai.types.completion_create_params import CompletionCreateParamsNonStreaming as CompletionParams
from openai.types.embedding_create_params import EmbeddingCreateParams
from openai.types.moderation_create_params import ModerationCreateParams
from openai.types.responses import CompactedResponse, InputTokenCountParams, Response, ResponseItemList
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming as ResponseParams

from guardproxy.core.exchange import Provenance
from guardproxy.core.inspection import OutputGuard, inspect
from guardproxy.core.policy import Policy
from guardproxy.errors import InvalidRequest, UpstreamUnavailable
from guardproxy.surfaces import (
    CHAT_COMPLETIONS,
    COMPLETIONS,
    EMBEDDINGS,
    FETCHED_RESPONSE,
    MESSAGES,
    MODELS,
    MODERATIONS,
    RESPONSES,
    STORED_ITEMS,
    WORKED_INPUT,
    Surface,
)
from guardproxy.wire.document import decode, encode
from guardproxy.wire.sse import DONE, SseEvent
from tests.surfaces.responses.schema import EVENTS, documents, marks, marks_kit, parameters, planted

POLICY: Policy = marks_kit().policy()
MANY = settings(max_examples=25, suppress_health_check=list(HealthCheck))

REQUESTS: list[tuple[Surface, Any]] = [
    (CHAT_COMPLETIONS, ChatParams),
    (RESPONSES, ResponseParams),
    (WORKED_INPUT, InputTokenCountParams),
    (COMPLETIONS, CompletionParams),
    (EMBEDDINGS, EmbeddingCreateParams),
    (MODERATIONS, ModerationCreateParams),
]
ANSWERS: list[tuple[Surface, Any]] = [
    (CHAT_COMPLETIONS, ChatCompletion),
    (RESPONSES, Response),
    (FETCHED_RESPONSE, Response),
    (STORED_ITEMS, ResponseItemList),
    (WORKED_INPUT, CompactedResponse),
    (COMPLETIONS, Completion),
    (EMBEDDINGS, CreateEmbeddingResponse),
    (MODERATIONS, ModerationCreateResponse),
    (MODELS, Model),
]
STREAMS: list[tuple[Surface, Sequence[Any]]] = [
    (CHAT_COMPLETIONS, [ChatCompletionChunk]),
    (RESPONSES, EVENTS),
    (FETCHED_RESPONSE, EVENTS),
    (COMPLETIONS, [Completion]),
]


def named(pairs: Sequence[tuple[Surface, Any]]) -> pytest.MarkDecorator:
    ids = [f"{surface.name}-{getattr(kind, '__name__', 'events')}" for surface, kind in pairs]
    return pytest.mark.parametrize(("surface", "kind"), pairs, ids=ids)


@named(REQUESTS)
@MANY
@given(data=st.data(), operator=st.booleans())
def test_a_secret_in_any_string_of_a_request_is_hidden(
    surface: Surface, kind: Any, data: st.DataObject, operator: bool
) -> None:
    document = {"model": "m", **data.draw(parameters(kind))}
    assert surface.read_request is not None
    try:
        reading = surface.read_request(document, operator=operator)
    except InvalidRequest:
        return  # it does not leave at all
    surface.edit(document, inspect(POLICY, reading.segments).edits)
    assert not planted(decode(encode(document)))


@named(ANSWERS)
@MANY
@given(data=st.data())
def test_a_secret_in_any_string_of_an_answer_is_hidden(surface: Surface, kind: Any, data: st.DataObject) -> None:
    document = surface.decode(encode(data.draw(documents(kind))))
    surface.strip_copies(document)
    answer = surface.read_response(document)
    assert {segment.provenance for segment in answer.segments} <= {Provenance.MODEL}
    surface.edit(document, inspect(POLICY, answer.segments).edits)
    assert not planted(decode(encode(document)))


@named(STREAMS)
@MANY
@given(data=st.data(), done=st.booleans())
def test_a_secret_in_any_string_of_a_stream_is_hidden(
    surface: Surface, kind: Sequence[Any], data: st.DataObject, done: bool
) -> None:
    assert surface.open_stream is not None
    editor = surface.open_stream(OutputGuard(POLICY), None)
    events = data.draw(st.lists(st.sampled_from(kind).flatmap(documents), min_size=1, max_size=4))
    frames: list[bytes] = []
    try:
        for event in events:
            frames += editor.feed(SseEvent(encode(event).decode()))
        frames += editor.feed(SseEvent(DONE)) if done else editor.finish()
    except UpstreamUnavailable:
        frames += editor.finish()  # what still goes out before the error
    lines = b"".join(frames).decode().splitlines()
    shown = [decode(line[6:]) for line in lines if line.startswith("data: ") and line != "data: [DONE]"]
    assert not planted(shown)


def _holders(surface: Surface, event: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects of an event in which a server may tell a text of its own in pieces."""
    choices = [one for one in event.get("choices") or () if isinstance(one, dict)]
    inner = [*choices, *(choice.get("delta") for choice in choices), event.get("delta")]
    found = [event, *(one for one in inner if isinstance(one, dict))]
    return [one for one in found if one is not event or surface not in (RESPONSES, FETCHED_RESPONSE) or _grows(event)]


def _grows(event: dict[str, Any]) -> bool:
    """Whether an event of a response tells no more than a piece: no announcement, end or error, nothing whole."""
    step = str(event.get("type")).rpartition(".")[2]
    whole = any(isinstance(event.get(name), dict) for name in ("response", "item", "part"))
    return not whole and step not in ("done", "added", "error")


WRAPS: list[Callable[[str], Any]] = [
    lambda half: half,
    lambda half: {"t": half},
    lambda half: [{"index": 2, "t": half}],
]
MESSAGE_DELTAS = [
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "thinking_delta", "thinking": "x"}},
    {"type": "ping"},
    {"type": "vendor_note", "index": 0},
]


@pytest.mark.parametrize(
    ("surface", "events"),
    [
        *((surface, st.sampled_from(kind).flatmap(documents)) for surface, kind in STREAMS),
        (MESSAGES, st.sampled_from(MESSAGE_DELTAS)),
    ],
    ids=["chat", "responses", "fetched", "completions", "messages"],
)
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=st.data(), mark=marks, done=st.booleans())
def test_a_secret_cut_in_two_between_events_never_leaves_nor_does_its_beginning(
    surface: Surface, events: st.SearchStrategy[dict[str, Any]], data: st.DataObject, mark: str, done: bool
) -> None:
    event = data.draw(events)
    places = _holders(surface, event)
    assume(places)
    place = data.draw(st.integers(0, len(places) - 1))
    wrap = data.draw(
        st.sampled_from([lambda half: half, lambda half: {"t": half}, lambda half: [{"index": 2, "t": half}]])
    )
    at = data.draw(st.integers(1, len(mark) - 1))
    assert surface.open_stream is not None
    editor = surface.open_stream(OutputGuard(POLICY), None)
    shown = ""
    for half, expected in ((mark[:at], ""), (mark[at:], None)):
        told = copy.deepcopy(event)
        _holders(surface, told)[place]["unheard_of"] = wrap(half)
        try:
            shown += _unheard_of(editor.feed(SseEvent(encode(told).decode())))
        except UpstreamUnavailable:
            break
        if expected is not None and not _finishes(event):
            assert "mark" not in shown
    shown += _unheard_of(editor.feed(SseEvent(DONE)) if done else editor.finish())
    assert not planted(shown)


def _finishes(event: dict[str, Any]) -> bool:
    """Whether an event ends the texts that stand in it, so that the rest of a secret is no more of them."""
    choices = event.get("choices") or ()
    ends = any(isinstance(choice, dict) and choice.get("finish_reason") for choice in choices)
    return ends or bool(event.get("error") or event.get("usage"))


def _unheard_of(frames: list[bytes]) -> str:
    """The text of that member, as a client adds it up."""
    lines = b"".join(frames).decode().splitlines()
    told = [decode(line[6:]) for line in lines if line.startswith("data: ") and line != "data: [DONE]"]
    return "".join(text for one in told for text in _below(one, inside=False))


def _below(value: Any, *, inside: bool) -> Iterator[str]:
    if inside and isinstance(value, str):
        yield value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, below in items:
        yield from _below(below, inside=inside or name == "unheard_of")


@pytest.mark.parametrize(("surface", "kind"), REQUESTS, ids=lambda one: getattr(one, "name", ""))
def test_enough_requests_are_good_ones(surface: Surface, kind: Any) -> None:
    good = []

    @settings(max_examples=40, database=None, suppress_health_check=list(HealthCheck))
    @given(parameters(kind))
    def ask(document: Any) -> None:
        assert surface.read_request is not None
        try:
            surface.read_request({"model": "m", **document}, operator=True)
        except InvalidRequest:
            return
        good.append(bool(planted(document)))

    ask()
    assert sum(good) >= 10
