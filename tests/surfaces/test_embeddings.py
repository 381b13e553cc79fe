from __future__ import annotations

import base64
import json
import math
from array import array
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse

from guardproxy.core.exchange import OpaqueKind, Provenance, RequestReading
from guardproxy.core.inspection import inspect
from guardproxy.errors import InvalidRequest
from guardproxy.surfaces.embeddings import decode_response, read_request, read_response, strip_copies
from guardproxy.surfaces.inputs import TOKENS
from guardproxy.wire.document import UndecodableJson, decode, encode, replace
from tests.support.strategies import make_kit, numbers
from tests.surfaces.chat_completions.golden import read, told_opaque, told_segments
from tests.surfaces.golden import golden_files

MARKS = make_kit({"mark": "mark[0-9]{1,10}"})


def packed(floats: list[float]) -> str:
    return base64.b64encode(array("f", floats).tobytes()).decode()


def answer(*vectors: Any, **more: Any) -> dict[str, Any]:
    data = [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)]
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    return {"object": "list", "data": data, "model": "m", "usage": usage, **more}


def texts_of(document: Any) -> list[str]:
    return [segment.text for segment in read_response(document).segments]


# ---------------------------------------------------------------- requests


def reading(**members: Any) -> RequestReading:
    return read_request({"model": "m", "input": "Hi.", **members}, operator=True)


@pytest.mark.parametrize("file", golden_files("embeddings", "request"), ids=lambda file: file.stem)
def test_the_texts_of_a_request_are_those_of_its_golden_file(file: Path) -> None:
    golden = read(file)
    before = json.dumps(golden["request"])
    found = read_request(golden["request"], operator=True)
    assert golden["segments"] == told_segments(found.segments)
    assert golden["opaque"] == told_opaque(found.opaque)
    assert before == json.dumps(golden["request"])


@pytest.mark.parametrize(
    ("kinds", "members"),
    [
        ([], {"input": ["a", "b"]}),
        ([TOKENS], {"input": [1, 2]}),
        ([TOKENS, TOKENS], {"input": [[1], [2]]}),
        ([OpaqueKind.IMAGE], {"input": [{"content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}),
        ([OpaqueKind.IMAGE], {"input": None, "messages": [{"role": "user", "content": [{"image": "x"}]}]}),
    ],
)
def test_what_cannot_be_read_is_named(kinds: list[OpaqueKind], members: dict[str, Any]) -> None:
    found = reading(**members)
    assert kinds == [item.kind for item in found.opaque]
    assert {segment.provenance for segment in found.segments} == {Provenance.USER}


@pytest.mark.parametrize(
    ("param", "members"),
    [
        ("input", {"input": None}),
        ("input", {"input": []}),
        ("input[0]", {"input": [None]}),
        ("model", {"model": 5}),
        ("messages", {"messages": 5}),
    ],
)
def test_a_wrong_type_is_refused_with_its_place(param: str, members: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as raised:
        reading(**members)
    assert param == raised.value.param


def test_messages_and_an_input_beside_them_are_both_read() -> None:
    found = reading(input="aside", messages=[{"role": "user", "content": "main"}])
    assert {"aside", "main"} <= {segment.text for segment in found.segments}


# ---------------------------------------------------------------- vectors


def test_vectors_go_out_as_they_were_spelled() -> None:
    raw = b'{"object": "list", "data": [{"embedding": [1.50, -2e-05 , 0.1000000000000000055], "index": 0}], "n": 1}'
    document = decode_response(raw)
    assert b'"embedding":[1.50, -2e-05 , 0.1000000000000000055]' in encode(document)
    assert json.loads(encode(document)) == json.loads(raw)
    assert texts_of(document) == ["n"]


def test_vectors_decoded_in_full_are_not_texts_either() -> None:
    floats = [math.sin(at) for at in range(256)]
    for vector in (floats, [floats, floats], [1, 2], packed(floats), [packed(floats)], []):
        assert texts_of(answer(vector)) == ["m"]


@pytest.mark.parametrize(
    "odd",
    [
        "mark1.",
        "mark1" * 200,
        ["mark1."],
        [0.5, "mark1."],
        {"mark1.": 0.5},
        [[0.5], ["mark1."]],
        {"base64": "mark1."},
        base64.b64encode(b"mark1." * 512).decode().replace("bWFyazEu", "mark1xxx"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_stands_in_the_place_of_a_vector_and_is_none_is_text(odd: Any) -> None:
    for document in (answer(odd), decode_response(encode(answer(odd)))):
        replace(document, inspect(MARKS.policy(), read_response(document).segments).edits)
        assert b"mark1" not in encode(document)


def test_bytes_that_are_no_plausible_floats_are_text() -> None:
    floats = [math.sin(at) for at in range(256)]
    for bad in (packed([*floats, math.nan]), packed([*floats, 1e30]), packed(floats[:60]), packed(floats)[:-3]):
        assert texts_of(answer(bad)) == [bad, "m"] or texts_of(answer(bad)) == ["m", bad]


@pytest.mark.parametrize("raw", [b"", b"{", b'{"data": [{"embedding": [1.2.3]}]}', b'{"a": NaN}', b'{"a": "\xff"}'])
def test_what_is_not_json_is_no_answer(raw: bytes) -> None:
    with pytest.raises(UndecodableJson):
        decode_response(raw)


def test_deep_nesting_is_refused_where_texts_stand() -> None:
    deep = b'{"data": [{"note": ' + b"[" * 400 + b"]" * 400 + b"}]}"
    with pytest.raises(UndecodableJson):
        decode_response(deep)


marks = st.integers(0, 10**9).map(lambda number: f"mark{number}.")
names = st.one_of(marks, st.sampled_from(["embedding", "object", "index", "model", "usage", "error", "odd"]))
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, marks),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=8,
)
documents = st.builds(
    lambda data, more: {**more, "data": data},
    st.one_of(anything, st.lists(st.dictionaries(names, anything, max_size=4), max_size=3)),
    st.dictionaries(names, anything, max_size=3),
)


@given(st.one_of(documents, anything))
def test_both_ways_of_decoding_read_the_same_texts_and_write_the_same_answer(value: Any) -> None:
    raw = json.dumps(value).encode()
    kept, full = decode_response(raw), decode(raw)
    assert read_response(kept).segments == read_response(full).segments
    assert json.loads(encode(kept)) == json.loads(encode(full)) == json.loads(raw)


@given(documents)
def test_redacting_leaves_no_mark_and_changes_nothing_else(document: dict[str, Any]) -> None:
    before = json.dumps(document)
    kept = decode_response(before.encode())
    strip_copies(kept)
    replace(kept, inspect(MARKS.policy(), read_response(kept).segments).edits)
    assert b"mark" not in encode(kept)
    if "mark" not in before:
        assert before == json.dumps(json.loads(encode(kept)))


@settings(max_examples=30)
@given(st.lists(st.lists(st.floats(-1, 1), min_size=3, max_size=5), min_size=1, max_size=3))
def test_the_official_client_reads_what_comes_out(vectors: list[list[float]]) -> None:
    document = decode_response(json.dumps(answer(*vectors)).encode())
    read_back = CreateEmbeddingResponse.model_validate_json(encode(document))
    assert vectors == [item.embedding for item in read_back.data]
    assert read_response(document).usage == {"prompt_tokens": 5, "total_tokens": 5}


@pytest.mark.parametrize("document", [None, "mark1.", [], {"data": None}, {"data": {"mark1.": 1}}])
def test_odd_answers_are_read_without_harm(document: Any) -> None:
    strip_copies(document)
    assert "mark1" not in json.dumps(document) or any("mark1" in text for text in texts_of(document))
