from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.core.exchange import OpaqueKind, Provenance, RequestReading
from guardproxy.core.inspection import inspect
from guardproxy.errors import InvalidRequest
from guardproxy.surfaces.completions import read_request
from guardproxy.surfaces.inputs import TOKENS
from guardproxy.surfaces.parameter_tables import OFFICIAL
from guardproxy.wire.document import get, replace
from tests.support.strategies import make_kit, numbers
from tests.surfaces.chat_completions.golden import place, read, told_opaque, told_segments
from tests.surfaces.golden import golden_files

GOLDEN = golden_files("completions", "request")


def reading(**members: Any) -> RequestReading:
    return read_request({"model": "m", "prompt": "Hi.", **members}, operator=False)


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
@pytest.mark.parametrize("operator", [True, False])
def test_the_texts_of_a_request_are_those_of_its_golden_file(file: Path, operator: bool) -> None:
    golden = read(file)
    before = json.dumps(golden["request"])
    found = read_request(golden["request"], operator=operator)
    assert golden["segments"] == told_segments(found.segments)
    assert golden["opaque"] == told_opaque(found.opaque)
    assert golden["facts"] == {name: getattr(found, name) for name in golden["facts"]}
    assert before == json.dumps(golden["request"])


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_every_text_can_be_replaced_where_it_was_found(file: Path) -> None:
    document = read(file)["request"]
    segments = read_request(document, operator=False).segments
    assert [segment.text for segment in segments] == [get(document, segment.path) for segment in segments]
    values = [segment for segment in segments if "(name)" not in place(segment.path)]
    replace(document, {segment.path: f"new {at}" for at, segment in enumerate(values)})
    assert [f"new {at}" for at in range(len(values))] == [get(document, segment.path) for segment in values]


def test_a_prompt_is_the_users_also_when_the_operator_sends_it() -> None:
    found = read_request({"model": "m", "prompt": "x"}, operator=True)
    assert {segment.provenance for segment in found.segments} == {Provenance.USER}
    assert found.turns == ()


@pytest.mark.parametrize("prompt", [[1, 2], [[1, 2], [3]], ["a", 1]])
def test_token_numbers_are_opaque(prompt: Any) -> None:
    kinds: set[OpaqueKind] = {item.kind for item in reading(prompt=prompt).opaque}
    assert kinds == {TOKENS}


@pytest.mark.parametrize(
    ("inputs", "choices", "members"),
    [
        (1, 1, {}),
        (1, 3, {"n": 3}),
        (1, 5, {"n": 3, "best_of": 5}),
        (2, 3, {"prompt": ["a", "b"], "n": 3}),
        (2, 1, {"prompt": [[1], [2]]}),
        (1, 1, {"prompt": [1, 2]}),
        (1, 1, {"prompt": None, "n": None}),
    ],
)
def test_every_prompt_is_answered_so_many_times(inputs: int, choices: int, members: dict[str, Any]) -> None:
    found = reading(**members)
    assert (inputs, choices) == (found.inputs, found.choices)


def test_the_facts_of_a_request_are_told() -> None:
    found = reading(stream=True, stream_options={"include_usage": True}, max_tokens=0)
    assert (found.model, found.stream, found.stream_usage, found.output_tokens) == ("m", True, True, 0)


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("model", {"model": None}),
    ("prompt", {"prompt": []}),
    ("prompt", {"prompt": 5}),
    ("prompt", {"prompt": {"text": "x"}}),
    ("prompt[1]", {"prompt": ["a", {"text": "x"}]}),
    ("prompt[0]", {"prompt": [["a"]]}),
    ("n", {"n": 0}),
    ("best_of", {"best_of": "2"}),
    ("max_tokens", {"max_tokens": -1}),
    ("stream", {"stream": "yes"}),
]


@pytest.mark.parametrize(("param", "members"), WRONG, ids=str)
def test_a_wrong_type_is_refused_with_its_place(param: str, members: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as raised:
        reading(**members)
    assert param == raised.value.param


@pytest.mark.parametrize("document", [[], "text", None])
def test_a_body_that_is_no_object_is_refused(document: Any) -> None:
    with pytest.raises(InvalidRequest):
        read_request(document, operator=False)


marks = st.integers(0, 10**9).map(lambda number: f"mark{number}.")
fixed = {"n", "best_of", "max_tokens", "stream", "model", "prompt"}
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, marks),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(marks, inner, max_size=3)),
    max_leaves=8,
)
names = st.one_of(marks, st.sampled_from(sorted(OFFICIAL["completions"] - fixed)))
prompts = st.one_of(marks, st.lists(st.one_of(marks, st.lists(st.integers(), min_size=1)), min_size=1, max_size=3))


@settings(max_examples=60)
@given(st.dictionaries(names, anything, max_size=4), prompts)
def test_redacting_removes_every_mark_and_nothing_else(members: dict[str, Any], prompt: Any) -> None:
    document = {**members, "model": "m", "prompt": prompt}
    before = json.dumps(document)
    segments = read_request(document, operator=False).segments
    assert len({segment.path for segment in segments}) == len(segments)
    replace(document, inspect(make_kit({"mark": "mark[0-9]{1,10}"}).policy(), segments).edits)
    assert "mark" not in json.dumps(document)
    if "mark" not in before:
        assert before == json.dumps(document)
