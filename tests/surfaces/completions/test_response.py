from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion

from guardproxy.core.exchange import Provenance
from guardproxy.core.inspection import inspect
from guardproxy.surfaces.completions import read_response, strip_copies
from guardproxy.wire.document import get, replace
from tests.support.strategies import make_kit, numbers, secrets_kit, texts_with_secrets
from tests.surfaces.chat_completions.golden import read, told_segments
from tests.surfaces.golden import golden_files

GOLDEN = golden_files("completions", "response")


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_the_texts_of_a_response_are_those_of_its_golden_file(file: Path) -> None:
    golden = read(file)
    before = json.dumps(golden["response"])
    found = read_response(golden["response"])
    assert golden["segments"] == told_segments(found.segments)
    assert golden["response"].get("usage") == found.usage
    assert before == json.dumps(golden["response"])


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_copies_in_another_encoding_are_gone_once_stripped(file: Path) -> None:
    golden = read(file)
    strip_copies(golden["response"])
    gone = set(golden["gone_without_copies"])
    found = told_segments(read_response(golden["response"]).segments)
    assert [line for line in golden["segments"] if line not in gone] == found


def test_stripping_leaves_everything_else() -> None:
    choice = {"index": 0, "text": "x", "logprobs": {"tokens": ["x"]}, "token_ids": [1], "finish_reason": "stop"}
    document: dict[str, Any] = {"choices": [choice, "odd", {"index": 1}], "prompt_logprobs": None, "n": 2**70}
    kept = copy.deepcopy(document)
    strip_copies(document)
    kept["choices"][0] |= {"logprobs": None, "token_ids": None}
    assert kept == document


@pytest.mark.parametrize("document", [None, "text", 5, [], {}, {"choices": None}, {"choices": [None, {"text": 5}]}])
def test_odd_answers_are_read_and_stripped_without_harm(document: Any) -> None:
    before = copy.deepcopy(document)
    strip_copies(document)
    assert before == document
    assert all(segment.provenance is Provenance.MODEL for segment in read_response(document).segments)


MEMBERS = st.sampled_from(["text", "logprobs", "finish_reason", "usage", "error", "model", "odd", "mark7.", "object"])
marks = st.integers(0, 10**9).map(lambda number: f"mark{number}.")
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, marks),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(MEMBERS, inner, max_size=3)),
    max_leaves=8,
)
responses = st.builds(
    lambda choices, more: {"object": "text_completion", **more, "choices": choices},
    st.lists(st.one_of(st.dictionaries(MEMBERS, anything, max_size=4), anything), max_size=3),
    st.dictionaries(MEMBERS, anything, max_size=3),
)


@given(responses)
def test_redacting_a_response_leaves_no_mark_and_changes_nothing_else(document: dict[str, Any]) -> None:
    document["usage"] = None  # its names are the server's, below the first level
    strip_copies(document)
    before = json.dumps(document)
    kit = make_kit({"mark": "mark[0-9]{1,10}"})
    segments = read_response(document).segments
    assert all(get(document, segment.path) == segment.text for segment in segments)
    replace(document, inspect(kit.policy(), segments).edits)
    assert "mark" not in json.dumps(document)
    if "mark" not in before:
        assert before == json.dumps(document)


@given(st.lists(texts_with_secrets(), min_size=2, max_size=3))
def test_every_choice_is_redacted_and_the_official_client_reads_it(contents: list[str]) -> None:
    choices = [{"index": at, "text": text, "finish_reason": "stop"} for at, text in enumerate(contents)]
    document: dict[str, Any] = {"id": "i", "object": "text_completion", "created": 1, "model": "m", "choices": choices}
    replace(document, inspect(secrets_kit().policy(), read_response(document).segments).edits)
    shown = [choice.text for choice in Completion.model_validate(document).choices]
    assert [secrets_kit().released(text)[0] for text in contents] == shown
