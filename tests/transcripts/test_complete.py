"""There is a transcript for everything that the official clients know of a stream, and for each way of ending."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from anthropic.types import RawContentBlockDelta, RawContentBlockStartEvent, RawMessageStreamEvent
from anthropic.types.beta import BetaRawContentBlockDelta, BetaRawContentBlockStartEvent, BetaRawMessageStreamEvent
from openai.types.chat import ChatCompletionChunk, chat_completion_chunk
from openai.types.responses import ResponseOutputItem, ResponseStreamEvent
from pydantic import BaseModel, Field, TypeAdapter

from guardproxy.surfaces import SURFACES
from guardproxy.surfaces.responses.words import EVENT_TYPES
from tests.transcripts.stage import HARMLESS, filled
from tests.transcripts.transcript import SECTIONS, Transcript, read, transcripts

ALL = [read(file) for file in transcripts()]


def of(folder: str) -> list[Transcript]:
    return [one for one in ALL if one.name.startswith(f"{folder}/")]


def events(text: str) -> Iterator[Any]:
    for line in filled(text, HARMLESS).split("\n"):
        if line.startswith("data: ") and line != "data: [DONE]":
            yield json.loads(line.removeprefix("data: "))


def upstream_events(folder: str) -> list[Any]:
    """Those of the transcripts in which the upstream sticks to its API."""
    known = [one for one in of(folder) if "unknown" not in one.name and one.streams]
    return [event for one in known for event in events(one.answers.body)]


def types_of(union: Any) -> set[str]:
    """The words that tell the members of a client's union apart."""
    inner = typing.get_args(union)[0] if typing.get_origin(union) is typing.Annotated else union
    return {typing.get_args(member.model_fields["type"].annotation)[0] for member in typing.get_args(inner)}


def blocks_of(start: type[BaseModel]) -> set[str]:
    return types_of(start.model_fields["content_block"].annotation)


def test_there_is_a_transcript_of_every_event_of_responses_that_the_official_client_knows() -> None:
    union = types_of(ResponseStreamEvent)
    assert len(union) >= 59
    assert union - {event["type"] for event in upstream_events("responses")} == set()
    assert union <= EVENT_TYPES  # so that no policy that refuses unknown events refuses one of these


def test_there_is_a_transcript_of_every_output_item_streamed_and_whole() -> None:
    items = {event["item"]["type"] for event in upstream_events("responses") if "item" in event}
    assert types_of(ResponseOutputItem) - items == set()
    whole = json.loads(filled(next(one for one in ALL if one.name.endswith("whole-every-item")).answers.body, HARMLESS))
    assert types_of(ResponseOutputItem) - {item["type"] for item in whole["output"]} == set()


def test_there_is_a_transcript_of_every_event_delta_and_block_of_messages() -> None:
    found = upstream_events("messages")
    for union in (RawMessageStreamEvent, BetaRawMessageStreamEvent):
        assert types_of(union) - {event["type"] for event in found} == set()
    for union in (RawContentBlockDelta, BetaRawContentBlockDelta):
        deltas = {event["delta"]["type"] for event in found if event["type"] == "content_block_delta"}
        assert types_of(union) - deltas == set()
    for start in (RawContentBlockStartEvent, BetaRawContentBlockStartEvent):
        blocks = {event["content_block"]["type"] for event in found if event["type"] == "content_block_start"}
        assert blocks_of(start) - blocks == set()
    assert {"ping", "error"} <= {event["type"] for event in found}


def test_there_is_a_transcript_of_every_member_and_every_ending_of_a_chunk() -> None:
    found = [event for event in upstream_events("chat_completions") if "choices" in event]
    choices = [choice for event in found for choice in event["choices"]]
    deltas = [choice["delta"] for choice in choices]
    for model, seen in (
        (ChatCompletionChunk, found),
        (chat_completion_chunk.Choice, choices),
        (chat_completion_chunk.ChoiceDelta, deltas),
    ):
        told = {name for one in seen for name, value in one.items() if value is not None}
        assert model.model_fields.keys() - told == set()
    reasons = typing.get_args(chat_completion_chunk.Choice.model_fields["finish_reason"].annotation)[0]
    assert {choice.get("finish_reason") for choice in choices} >= set(typing.get_args(reasons))


# Not for completions: the client's model of whole ones stands for their pieces too, of which it is not true.
_RESPONSES: Any = typing.Annotated[typing.get_args(ResponseStreamEvent)[0], Field(discriminator="type")]
MODELS: dict[str, TypeAdapter[Any]] = {
    "chat_completions": TypeAdapter(ChatCompletionChunk),
    "responses": TypeAdapter(_RESPONSES),
    "messages": TypeAdapter(BetaRawMessageStreamEvent),
}
# What is on the wire and not in the client's models.
BEYOND = {"ping", "response.apply_patch_call_operation_diff.delta", "response.apply_patch_call_operation_diff.done"}
OFFICIAL = [
    one for folder in MODELS for one in of(folder) if one.streams and not {"unknown", "custom"} & {*one.name.split("-")}
]


@pytest.mark.parametrize("one", OFFICIAL, ids=lambda one: one.name)
def test_events_of_the_upstream_and_those_that_become_of_them_are_ones_of_their_api(one: Transcript) -> None:
    model = MODELS[one.name.partition("/")[0]]
    for section in (SECTIONS[2], SECTIONS[3]):
        for event in events(one.sections[section]):
            if "error" not in event and event.get("type") not in BEYOND:
                model.validate_python(event)


def ending_of(one: Transcript) -> str:
    """What becomes of an exchange, in a word."""
    log = one.sections[SECTIONS[4]]
    name = log.partition("\n")[0]
    if name == "exchange_blocked":
        asked = one.sections[SECTIONS[1]] != "(is not asked)"
        streams = one.sections[SECTIONS[3]].startswith("200 text/event-stream")
        return "blocked mid-stream" if streams else "blocked" if asked else "input blocked"
    upstream = name == "upstream_failed" or "error_code: upstream" in log
    return (
        "upstream failed"
        if upstream
        else {"exchange_completed": "clean", "exchange_redacted": "redacted"}.get(name, name)
    )


def route_of(one: Transcript) -> tuple[str, str]:
    method, path = one.asks.first.split(" ")
    path = path.partition("?")[0].removeprefix("/v1").replace("resp_0a1", "{id}")
    return method, "/models/{id}" if path.startswith("/models/") else path


@pytest.mark.parametrize("route", SURFACES, ids=" ".join)
def test_every_path_has_a_transcript_of_each_way_of_ending(route: tuple[str, str]) -> None:
    surface = SURFACES[route]
    endings = {ending_of(one) for one in ALL if route_of(one) == route and "dialects" not in one.name}
    assert "upstream failed" in endings
    assert endings & {"clean", "redacted"}
    if surface.read_request is not None and surface.blocks_requests:
        assert "input blocked" in endings
    if surface.open_stream is not None:
        assert "blocked mid-stream" in endings
    elif route not in NOTHING_TO_SAY:
        assert "blocked" in endings


# What they answer holds no text of anybody: a number of tokens, or that something is gone.
NOTHING_TO_SAY = {
    ("POST", "/responses/input_tokens"), ("DELETE", "/responses/{id}"), ("POST", "/messages/count_tokens"),
}  # fmt: skip


@pytest.mark.parametrize("dialect", ["azure", "vllm", "ollama", "openrouter", "deepseek"])
def test_every_dialect_has_transcripts_whole_and_streamed_in_which_something_is_hidden(dialect: str) -> None:
    mine = [one for one in of("dialects") if one.name.startswith(f"dialects/{dialect}-")]
    hidden = [one.streams for one in mine if ending_of(one) == "redacted"]
    assert set(hidden) == {True, False}
