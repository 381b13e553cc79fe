from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import ModerationCreateResponse

from guardproxy.core.exchange import Provenance, RequestReading
from guardproxy.core.inspection import inspect
from guardproxy.errors import InvalidRequest
from guardproxy.surfaces.moderations import DEFAULT_MODEL, read_request, read_response, strip_copies
from guardproxy.wire.document import get, replace
from tests.support.strategies import make_kit, numbers
from tests.surfaces.chat_completions.golden import read, told_opaque, told_segments
from tests.surfaces.golden import golden_files

MARKS = make_kit({"mark": "mark[0-9]{1,10}"})


def reading(**members: Any) -> RequestReading:
    return read_request({"input": "Hi.", **members}, operator=True)


@pytest.mark.parametrize("file", golden_files("moderations", "request"), ids=lambda file: file.stem)
def test_the_texts_of_a_request_are_those_of_its_golden_file(file: Path) -> None:
    golden = read(file)
    before = json.dumps(golden["request"])
    found = read_request(golden["request"], operator=True)
    assert golden["segments"] == told_segments(found.segments)
    assert golden["opaque"] == told_opaque(found.opaque)
    assert before == json.dumps(golden["request"])


def test_the_model_may_be_left_out() -> None:
    assert (reading().model, reading(model="m").model) == (DEFAULT_MODEL, "m")


@pytest.mark.parametrize("value", [[], None, 5, [None]])
def test_what_is_no_input_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest):
        reading(input=value)


def test_parts_are_one_text_and_strings_are_several() -> None:
    kit = make_kit({"cut": "first second"})
    parts = [{"type": "text", "text": "first "}, {"type": "text", "text": "second"}]
    assert inspect(kit.policy(), reading(input=parts).segments).edits
    assert not inspect(kit.policy(), reading(input=["first ", "second"]).segments).edits


def official() -> dict[str, Any]:
    file = golden_files("moderations", "response")[0]
    document = read(file)["response"]
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("file", golden_files("moderations", "response"), ids=lambda file: file.stem)
def test_the_texts_of_a_response_are_those_of_its_golden_file(file: Path) -> None:
    golden = read(file)
    assert golden["segments"] == told_segments(read_response(golden["response"]).segments)


def test_the_official_client_reads_what_comes_out() -> None:
    document = official()
    document["model"] = "mark1."
    strip_copies(document)
    replace(document, inspect(MARKS.policy(), read_response(document).segments).edits)
    read_back = ModerationCreateResponse.model_validate(document)
    assert (read_back.model, read_back.results[0].categories.violence) == ("[MARK].", True)


marks = st.integers(0, 10**9).map(lambda number: f"mark{number}.")
names = st.one_of(marks, st.sampled_from(["results", "categories", "hate", "flagged", "odd"]))
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, marks),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(names, anything, max_size=4))
def test_redacting_leaves_no_mark_and_changes_nothing_else(document: dict[str, Any]) -> None:
    before = json.dumps(document)
    strip_copies(document)
    segments = read_response(document).segments
    assert all(get(document, segment.path) == segment.text for segment in segments)
    assert all(segment.provenance is Provenance.MODEL for segment in segments)
    replace(document, inspect(MARKS.policy(), segments).edits)
    assert "mark" not in json.dumps(document)
    if "mark" not in before:
        assert before == json.dumps(document)


@given(st.dictionaries(names.filter(lambda name: name not in ("input", "model")), anything, max_size=4), marks)
def test_every_text_of_a_request_is_read(members: dict[str, Any], text: str) -> None:
    document = {**members, "input": [text]}
    replace(document, inspect(MARKS.policy(), reading(**document).segments).edits)
    assert "mark" not in json.dumps(document)
