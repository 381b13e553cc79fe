"""Secrets planted in any string of any request or answer the official client knows never leave, on any surface.

Requests are made from the types the client takes, answers and events from those it gives, which is all the API
documents; each free string, and each name the caller may choose, holds a mark that a rule hides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
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
    MODELS,
    MODERATIONS,
    RESPONSES,
    STORED_ITEMS,
    WORKED_INPUT,
    Surface,
)
from guardproxy.wire.document import decode, encode
from guardproxy.wire.sse import DONE, SseEvent
from tests.surfaces.responses.schema import EVENTS, documents, marks_kit, parameters, planted

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
