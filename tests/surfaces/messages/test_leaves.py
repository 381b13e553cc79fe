from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from guardproxy.core.exchange import OpaqueKind, Provenance
from guardproxy.surfaces.messages.leaves import (
    is_bytes,
    is_call,
    opaque_kind,
    opaques,
    read_leaves,
    read_member,
    segments,
)
from guardproxy.wire.document import get, walk_strings
from guardproxy.wire.path import Key
from tests.support.strategies import json_values


@given(json_values)
def test_every_string_and_name_below_a_value_that_is_no_block_is_a_text(value: Any) -> None:
    document = {"note": value}
    expected = [(path, text) for path, text in walk_strings(document, names=True)]
    assert expected == [(leaf.path, leaf.text) for leaf in read_leaves(document, every_name=True).texts]


@given(json_values)
def test_each_text_stands_where_it_was_found(value: Any) -> None:
    for leaf in read_leaves([value]).texts:
        assert leaf.text == str(get([value], leaf.path))


def test_names_of_an_answer_are_texts_unless_they_look_like_words() -> None:
    document = {"inference_geo": "eu", "vendor_note": "x", "a name": 1}
    assert [leaf.text for leaf in read_leaves(document).texts] == ["eu", "x", "a name"]
    every = [leaf.text for leaf in read_leaves(document, every_name=True).texts]
    assert every == ["eu", "vendor_note", "x", "a name"]


def test_in_the_input_of_a_call_every_name_and_long_number_is_a_text_and_no_word_is_the_apis() -> None:
    call = {"type": "tool_use", "id": "t", "input": {"zip": 1234567, "n": 5, "type": "text", "x": {"type": "image"}}}
    leaves = read_leaves(call)
    assert [leaf.text for leaf in leaves.texts] == ["t", "zip", "1234567", "n", "text", "x", "image"]
    assert leaves.opaque == []


def test_a_text_alone_is_its_own_leaf() -> None:
    assert read_leaves("x", ("a",)).texts == [(("a",), "x")]


def test_one_member_is_read_as_it_is_among_the_others() -> None:
    holder = {"type": "thinking", "signature": "QUJD", "thinking": "x", "odd one": ["y"]}
    assert read_member(holder, "signature", ()).texts == []
    assert read_member(holder, "odd one", ("p",)).texts == [
        (("p", Key("odd one")), "odd one"),
        (("p", "odd one", 0), "y"),
    ]
    call = {"type": "mcp_tool_use", "input": {"card": 4111111111111111}}
    assert [leaf.text for leaf in read_member(call, "input", ()).texts] == ["card", "4111111111111111"]


@pytest.mark.parametrize(
    ("kind", "block"),
    [
        (None, {"type": "text", "text": "x"}),
        (None, {"type": 5}),
        (None, {}),
        (None, {"type": "thinking", "thinking": "x", "signature": "QUJD"}),
        (OpaqueKind.ENCRYPTED, {"type": "thinking", "thinking": "", "signature": "QUJD"}),
        (None, {"type": "document", "source": {"type": "text", "data": "x"}}),
        (OpaqueKind.FILE, {"type": "document", "source": "x"}),
        (None, {"type": "web_search_result", "title": "x"}),
        (OpaqueKind.ENCRYPTED, {"type": "web_search_result", "encrypted_content": "QUJD"}),
        (OpaqueKind.ENCRYPTED, {"type": "encrypted_code_execution_result", "encrypted_stdout": "QUJD"}),
        (OpaqueKind.FILE, {"type": "bash_code_execution_output", "file_id": "f"}),
    ],
)
def test_what_of_a_block_cannot_be_read(kind: OpaqueKind | None, block: dict[str, Any]) -> None:
    assert opaque_kind(block) == kind


def test_bytes_are_bytes_only_in_their_place_and_only_as_base64() -> None:
    assert is_bytes("base64", "data", "QUJD\n+/=")
    assert not is_bytes("base64", "data", "a secret")
    assert not is_bytes("base64", "title", "QUJD")
    assert not is_bytes("text", "data", "QUJD")
    assert not is_bytes(None, "data", "QUJD")


def test_calls_are_told_by_their_type() -> None:
    assert all(is_call({"type": kind}) for kind in ("tool_use", "server_tool_use", "mcp_tool_use"))
    assert not any(is_call({"type": kind}) for kind in ("tool_result", "text", 5, None))


def test_leaves_become_segments_and_opaque_parts_of_one_provenance() -> None:
    leaves = read_leaves([{"type": "image", "source": {"type": "url", "url": "u"}}])
    assert [(one.text, one.provenance) for one in segments(leaves.texts, Provenance.TOOL)] == [("u", Provenance.TOOL)]
    assert [(one.kind, one.path) for one in opaques(leaves, Provenance.TOOL)] == [(OpaqueKind.IMAGE, (0,))]


@pytest.mark.parametrize("place", ["metadata", "parameters", "input_schema"])
def test_what_looks_like_a_part_of_the_api_in_data_is_data(place: str) -> None:
    sealed = {"type": "compaction", "encrypted_content": "ghpA0b1C2"}
    assert "ghpA0b1C2" not in [leaf.text for leaf in read_leaves([sealed]).texts]
    leaves = read_leaves({place: {"x": [sealed]}})
    assert "ghpA0b1C2" in [leaf.text for leaf in leaves.texts]
    assert leaves.opaque == []
