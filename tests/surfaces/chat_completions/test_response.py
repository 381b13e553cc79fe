from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path as FilePath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.exchange import Provenance
from guardproxy.core.inspection import inspect
from guardproxy.surfaces.chat_completions import read_response, strip_copies
from guardproxy.wire.document import get, replace
from guardproxy.wire.path import Key, Path
from tests.support.strategies import make_kit, numbers, secrets_kit, texts_with_secrets
from tests.surfaces.chat_completions.golden import golden_files, place, read, told_opaque, told_segments

GOLDEN = golden_files("response")


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_the_texts_of_a_response_are_those_of_its_golden_file(file: FilePath) -> None:
    golden = read(file)
    document = golden["response"]
    before = json.dumps(document)
    found = read_response(document)
    assert golden["segments"] == told_segments(found.segments)
    assert golden["opaque"] == told_opaque(found.opaque)
    assert document.get("usage") == found.usage
    assert before == json.dumps(document)


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_copies_in_another_encoding_are_gone_once_stripped(file: FilePath) -> None:
    golden = read(file)
    document = golden["response"]
    strip_copies(document)
    found = read_response(document)
    gone = set(golden["gone_without_copies"])
    assert [line for line in golden["segments"] if line not in gone] == told_segments(found.segments)
    assert golden["opaque_without_copies"] == told_opaque(found.opaque)


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_every_text_can_be_replaced_where_it_was_found(file: FilePath) -> None:
    document = read(file)["response"]
    broken = ("choices", 1, "message", "tool_calls", 2)
    values = [s for s in read_response(document).segments if "(name)" not in place(s.path) and s.path[:5] != broken]
    assert [segment.text for segment in values] == [get(document, segment.path) for segment in values]
    replace(document, {segment.path: f"new {at}" for at, segment in enumerate(values)})
    assert [f"new {at}" for at in range(len(values))] == [get(document, segment.path) for segment in values]


def test_stripping_leaves_everything_else() -> None:
    message = {"role": "assistant", "content": "x", "audio": {"id": "a", "data": "AAAA", "transcript": "x"}}
    choice = {"index": 0, "message": message, "logprobs": {"content": []}, "token_ids": [1], "finish_reason": "stop"}
    document: dict[str, Any] = {
        "choices": [choice, "odd", {"index": 1}],
        "prompt_logprobs": None,
        "prompt_token_ids": [1],
        "n": 2**70,
    }
    kept = copy.deepcopy(document)
    strip_copies(document)
    kept["choices"][0] |= {"logprobs": None, "token_ids": None}
    kept["choices"][0]["message"]["audio"] = {"id": "a", "transcript": "x"}
    assert {**kept, "prompt_token_ids": None} == document


@pytest.mark.parametrize(
    "document", [None, "text", 5, [], {}, {"choices": None}, {"choices": [None, {"message": "x"}]}]
)
def test_odd_answers_are_read_and_stripped_without_harm(document: Any) -> None:
    before = copy.deepcopy(document)
    strip_copies(document)
    assert before == document
    assert all(segment.provenance is Provenance.MODEL for segment in read_response(document).segments)


marks = st.integers(0, 10**9).map(lambda number: f"mark{number}.")
LABELS = ("id", "object", "model", "system_fingerprint", "service_tier", "finish_reason", "role")
members = st.sampled_from(
    [
        "content",
        "refusal",
        "tool_calls",
        "function_call",
        "audio",
        "reasoning",
        "logprobs",
        "usage",
        "error",
        "text",
        "odd",
    ]
)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, marks),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(members, inner, max_size=3)),
    max_leaves=8,
)
replies = st.dictionaries(members, anything, max_size=4)
choices = st.builds(
    lambda reply, more: {"index": 0, "finish_reason": "stop", **more, "message": reply},
    st.one_of(replies, anything),
    st.dictionaries(members, anything, max_size=2),
)
responses = st.builds(
    lambda made, more: {"id": "x", "object": "chat.completion", "model": "m", **more, "choices": made},
    st.lists(st.one_of(choices, anything), max_size=3),
    st.dictionaries(members, anything, max_size=2),
)


def planted(value: Any) -> Counter[str]:
    """The marks of a document, except bytes of a spoken answer."""
    match value:
        case str():
            return Counter("mark" + rest.partition(".")[0] for rest in value.split("mark")[1:])
        case list():
            return sum(map(planted, value), Counter[str]())
        case dict():
            return sum(map(planted, value.values()), Counter[str]())
    return Counter()


@given(responses)
def test_every_text_of_every_choice_is_read_once(document: dict[str, Any]) -> None:
    found = read_response(document)
    spoken = sum((planted(get(document, item.path)["data"]) for item in found.opaque), Counter[str]())
    read_marks = sum((planted(segment.text) for segment in found.segments), Counter[str]())
    assert planted(document) == read_marks + spoken
    assert len({segment.path for segment in found.segments}) == len(found.segments)


@given(responses)
def test_redacting_a_response_leaves_no_mark_and_changes_nothing_else(document: dict[str, Any]) -> None:
    strip_copies(document)
    before = json.dumps(document)
    kit = make_kit({"mark": "mark[0-9]{1,10}"})
    replace(document, inspect(kit.policy(), read_response(document).segments).edits)
    assert not planted(document)
    if not planted(json.loads(before)):
        assert before == json.dumps(document)


@given(st.lists(texts_with_secrets(), min_size=2, max_size=3))
def test_every_choice_is_redacted(contents: list[str]) -> None:
    choices = [{"index": at, "message": {"content": text}} for at, text in enumerate(contents)]
    document: dict[str, Any] = {"choices": choices}
    replace(document, inspect(secrets_kit().policy(), read_response(document).segments).edits)
    expected = [secrets_kit().released(text)[0] for text in contents]
    assert expected == [choice["message"]["content"] for choice in document["choices"]]


@pytest.mark.parametrize("label", LABELS)
def test_the_apis_own_labels_are_looked_at_too(label: str) -> None:
    document = {label: "word", "choices": [{label: "word", "message": {label: "word"}}]}
    paths = {segment.path for segment in read_response(document).segments}
    assert paths == {(label,), ("choices", 0, label), ("choices", 0, "message", label)}


def test_members_names_are_texts_unless_they_are_words_of_an_api() -> None:
    odd = "AKIA-like 1"
    document = {odd: 1, "usage": {odd: 2}, "choices": [{odd: None, "message": {odd: 3, "plain_word": 4}}]}
    found = {(segment.path, segment.text) for segment in read_response(document).segments}
    places: list[Path] = [(), ("usage",), ("choices", 0), ("choices", 0, "message")]
    assert found == {((*place, Key(odd)), odd) for place in places}


def test_names_deep_in_usage_are_texts_unless_they_are_words_of_an_api() -> None:
    document = {"usage": {"details": {"plain_word": 1, "ODD-1": {"ODD-2": 2}}, "more": [{"ODD-3": 3}]}}
    assert [segment.text for segment in read_response(document).segments] == ["ODD-1", "ODD-2", "ODD-3"]
