from __future__ import annotations

import copy
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings

from guardproxy.core.exchange import OpaqueKind, Provenance
from guardproxy.core.inspection import inspect
from guardproxy.surfaces.chat_completions.response import read_response as read_chat
from guardproxy.surfaces.responses import edit, read_response, strip_copies
from guardproxy.surfaces.responses.response import strip_item, strip_part, strip_tokens
from guardproxy.wire.document import get
from tests.surfaces.chat_completions.golden import read, told_opaque, told_segments
from tests.surfaces.responses.golden import golden_files
from tests.surfaces.responses.schema import OUTPUT_ITEMS, documents, marks_kit, planted, responses, type_of

COPY = [{"token": "secret", "bytes": [1], "logprob": -1.0, "top_logprobs": []}]


@pytest.mark.parametrize("file", golden_files("response"), ids=lambda file: file.stem)
def test_the_texts_of_a_response_are_those_of_its_golden_file(file: Any) -> None:
    golden = read(file)
    document = golden["response"]
    before = json.dumps(document)
    found = read_response(document)
    assert golden["segments"] == told_segments(found.segments)
    assert golden["opaque"] == told_opaque(found.opaque)
    assert document.get("usage") == found.usage
    assert before == json.dumps(document)


@settings(max_examples=15)
@given(responses)
def test_every_string_of_a_whole_response_is_read_and_none_leaves(document: dict[str, Any]) -> None:
    found = read_response(document)
    assert planted(document) == sum((planted(one.text) for one in found.segments), Counter[str]())
    assert {segment.provenance for segment in found.segments} <= {Provenance.MODEL}
    edit(document, inspect(marks_kit().policy(), found.segments).edits)
    assert not planted(document)


@pytest.mark.parametrize("model", OUTPUT_ITEMS, ids=lambda model: str(type_of(model)))
def test_every_kind_of_item_is_read_and_none_of_its_secrets_leaves(model: Any) -> None:
    @settings(max_examples=4)
    @given(documents(model))
    def look(item: dict[str, Any]) -> None:
        for member, kind in (("output", "response"), ("data", "list")):
            document = {"object": kind, member: [copy.deepcopy(item)]}
            found = read_response(document)
            assert all(str(get(document, one.path)) == one.text for one in found.segments)
            edit(document, inspect(marks_kit().policy(), found.segments).edits)
            assert not planted(document)

    look()


@pytest.mark.parametrize(
    "document",
    [
        {"id": "secret", "object": "response", "deleted": True},
        {"object": "response.compaction", "output": [{"type": "message", "content": [{"text": "secret"}]}]},
        {"object": "response.input_tokens", "input_tokens": 11, "note": "secret"},
        {"object": "response", "error": {"code": "x", "message": "secret", "misalignment": {"steer": "secret"}}},
        {"object": "response", "instructions": [{"role": "developer", "content": "secret"}]},
        {"object": "response", "tools": [{"type": "mcp", "headers": {"x": "secret"}}]},
        {"object": "response", "incomplete_details": {"reason": "secret"}, "metadata": {"x": "secret"}},
    ],
)
def test_answers_of_every_path_of_this_api_are_read(document: dict[str, Any]) -> None:
    assert "secret" in {segment.text for segment in read_response(document).segments}


@pytest.mark.parametrize("document", [None, "text", 5, [], {}, {"output": None}, {"output": [None, "x", 1, []]}])
def test_odd_answers_are_read_and_stripped_without_harm(document: Any) -> None:
    before = copy.deepcopy(document)
    strip_copies(document)
    assert before == document
    texts = {segment.text for segment in read_response(document).segments}
    assert texts == {segment.text for segment in read_chat(document).segments}


def test_copies_in_another_encoding_are_gone_once_stripped() -> None:
    part = {"type": "output_text", "text": "x", "annotations": [], "logprobs": copy.deepcopy(COPY)}
    document: dict[str, Any] = {
        "output": [{"type": "message", "content": [part, {"type": "output_audio", "data": "QUJD", "transcript": "x"}]}],
        "data": [{"type": "message", "content": [copy.deepcopy(part)], "token_ids": [1]}],
        "prompt_logprobs": {"x": 1},
        "top_logprobs": 5,
    }
    strip_copies(document)
    assert "secret" not in json.dumps(document) and "QUJD" not in json.dumps(document)
    assert document["output"][0]["content"][0] == {**part, "logprobs": []}
    assert document["output"][0]["content"][1] == {"type": "output_audio", "transcript": "x"}
    assert (document["prompt_logprobs"], document["top_logprobs"]) == (None, 5)


def test_stripping_one_item_or_part_leaves_everything_else() -> None:
    holder: dict[str, Any] = {"logprobs": [], "token_ids": None, "x": 1}
    for strip in (strip_item, strip_part, strip_tokens):
        one = dict(holder)
        strip(one)
        assert one == holder


def test_images_files_and_sealed_reasoning_are_named() -> None:
    items = [
        {"type": "image_generation_call", "result": "QUJD"},
        {"type": "reasoning", "encrypted_content": "QUJD", "summary": []},
        {"type": "code_interpreter_call", "outputs": [{"type": "image", "url": "https://x/y.png"}]},
        {"type": "reasoning", "encrypted_content": None, "summary": []},
    ]
    found = [(one.kind, one.path) for one in read_response({"output": items}).opaque]
    assert found == [
        (OpaqueKind.IMAGE, ("output", 0)),
        (OpaqueKind.ENCRYPTED, ("output", 1)),
        (OpaqueKind.IMAGE, ("output", 2, "outputs", 0)),
    ]
