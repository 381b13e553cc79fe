from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.exchange import OpaqueKind, Provenance
from guardproxy.surfaces.responses.leaves import is_bytes, named, opaques, read_leaves, segments, without
from guardproxy.wire.document import get
from guardproxy.wire.path import Inside, Key
from tests.surfaces.responses.schema import planted

marks = st.integers(0, 999).map(lambda number: f"mark{number}.")
kinds = st.sampled_from(["message", "input_image", "image", "reasoning", "input_audio", "base64", "function_call", "x"])
names = st.one_of(
    marks, st.sampled_from(["type", "data", "image_url", "url", "arguments", "encrypted_content", "input_audio", "x"])
)
values = st.recursive(
    st.one_of(marks, kinds, st.none(), st.integers(0, 9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(names, inner, max_size=4),
        st.dictionaries(st.just("arguments"), inner.map(json.dumps), max_size=1),
    ),
    max_leaves=8,
)


@given(values)
def test_every_text_and_name_is_found_once_and_where_it_stands(value: Any) -> None:
    found = list(segments(read_leaves(value, every_name=True).texts, Provenance.USER))
    assert planted(value) == sum((planted(segment.text) for segment in found), Counter[str]())
    assert len({segment.path for segment in found}) == len(found)
    assert [segment.text for segment in found] == [str(get(value, segment.path)) for segment in found]


@given(values)
def test_without_the_names_only_words_of_an_api_are_left_out(value: Any) -> None:
    found = list(segments(read_leaves(value).texts, Provenance.USER))
    inside = [segment for segment in found if not any(isinstance(step, Inside) for step in segment.path)]
    read = sum((planted(segment.text) for segment in found), Counter[str]())
    assert planted(value) == read
    assert not [
        one for one in inside if one.path and isinstance(one.path[-1], Key) and one.text in ("type", "x", "url")
    ]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (OpaqueKind.IMAGE, {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}),
        (OpaqueKind.IMAGE, {"type": "computer_screenshot", "image_url": "data:image/png;base64,AAAA"}),
        (OpaqueKind.IMAGE, {"type": "image_generation_call", "result": "AAAA"}),
        (OpaqueKind.IMAGE, {"type": "image", "url": "data:image/png;base64,AAAA"}),
        (OpaqueKind.AUDIO, {"type": "input_audio", "input_audio": {"data": "AAAA"}}),
        (OpaqueKind.FILE, {"type": "input_file", "file_data": "data:text/plain;base64,AAAA"}),
        (OpaqueKind.FILE, {"type": "base64", "data": "AAAA"}),
        (OpaqueKind.ENCRYPTED, {"type": "reasoning", "encrypted_content": "AAAA"}),
        (OpaqueKind.ENCRYPTED, {"type": "compaction", "encrypted_content": "AAAA"}),
    ],
)
def test_bytes_are_named_and_no_text(kind: OpaqueKind, value: dict[str, Any]) -> None:
    leaves = read_leaves([value])
    assert [(one.kind, one.path) for one in opaques(leaves, Provenance.MODEL)] == [(kind, (0,))]
    assert "AAAA" not in "".join(leaf.text for leaf in leaves.texts)
    readable = json.loads(json.dumps(value).replace("AAAA", "not base 64"))
    assert any("not base 64" in leaf.text for leaf in read_leaves(readable).texts)


@pytest.mark.parametrize(
    "value",
    [{"data": "AAAA"}, {"type": "program_output", "result": "AAAA"}, {"type": "x", "encrypted_content": "AAAA"}],
)
def test_what_looks_like_bytes_in_any_other_place_is_text(value: dict[str, Any]) -> None:
    assert "AAAA" in {leaf.text for leaf in read_leaves(value).texts}
    assert not is_bytes(value.get("type"), "data", "AAAA")


def test_arguments_in_which_a_name_stands_twice_are_written_anew() -> None:
    value = {"type": "function_call", "arguments": '{"x": "first", "x": "last"}'}
    (leaf,) = [leaf for leaf in read_leaves(value).texts if leaf.arguments]
    assert leaf.text == value["arguments"] == '{"x":"last"}'


def test_a_member_nobody_has_heard_of_is_read_with_its_name() -> None:
    assert [one.text for one in named("odd", ["x"], (), Provenance.USER)] == ["odd", "x"]


def test_members_and_names_can_be_left_out() -> None:
    value = {"x": "1", "y": {"z": "2", "image": {"type": "image", "url": "u"}}, "odd": "3"}
    leaves = without(read_leaves(value, ("at",), every_name=True), ("at",), {"y"}, {"x", "y"})
    assert [leaf.text for leaf in leaves.texts] == ["1", "odd", "3"]
    assert leaves.opaque == []


@pytest.mark.parametrize("place", ["metadata", "parameters", "input_schema"])
def test_what_looks_like_a_part_of_the_api_in_data_is_data(place: str) -> None:
    sealed = {"type": "reasoning", "encrypted_content": "ghpA0b1C2"}
    assert "ghpA0b1C2" not in [leaf.text for leaf in read_leaves([sealed]).texts]
    leaves = read_leaves({place: {"x": [sealed]}})
    assert "ghpA0b1C2" in [leaf.text for leaf in leaves.texts]
    assert leaves.opaque == []
