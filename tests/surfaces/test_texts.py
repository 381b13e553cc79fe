from __future__ import annotations

import json
from typing import Any

import pytest

from guardproxy.core.exchange import Provenance
from guardproxy.surfaces.texts import read_call, walk
from guardproxy.wire.path import INSIDE_JSON, Key

TOOL = Provenance.TOOL


def texts_of(call: dict[str, Any]) -> list[str]:
    return [segment.text for segment in read_call(call, (), TOOL)]


def test_a_walk_finds_every_leaf_and_every_name() -> None:
    found = walk({"a": ["b", 1, None], "c": {}}, ("x",), TOOL)
    assert [("a", ("x", Key("a"))), ("b", ("x", "a", 0)), ("c", ("x", Key("c")))] == [(s.text, s.path) for s in found]
    assert {TOOL} == {segment.provenance for segment in found}


def test_a_walk_without_names_finds_the_leaves() -> None:
    assert [segment.text for segment in walk({"a": ["b"]}, (), TOOL, names=False)] == ["b"]


@pytest.mark.parametrize(("count", "value"), [(1, "text"), (0, 5), (0, None), (0, True)])
def test_a_walk_over_a_scalar_finds_it_if_it_is_text(count: int, value: Any) -> None:
    assert count == len(walk(value, ("x",), TOOL))


def test_arguments_are_read_decoded() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"k\\u0065y": ["v\\n", 1]}'}}
    assert texts_of(call) == ["c", "f", "key", "v\n"]
    paths = [segment.path for segment in read_call(call, ("calls", 0), TOOL)]
    assert paths[-1] == ("calls", 0, "function", "arguments", INSIDE_JSON, "key", 0)


@pytest.mark.parametrize(("text", "arguments"), [('{"a": "\n', '{"a": "\\n'), ("AB,}", "\\u0041B,}"), ("", "")])
def test_arguments_that_are_not_json_are_one_text_with_its_escapes_read(text: str, arguments: str) -> None:
    assert texts_of({"arguments": arguments}) == [text]


@pytest.mark.parametrize("member", ["arguments", "input"])
def test_arguments_that_are_no_string_are_read_with_their_names_and_long_numbers(member: str) -> None:
    call = {"function": {"name": "f", member: {"name": "v", "key": [123456, 1], "id": {"index": 1234567}}}}
    assert texts_of(call) == ["f", "name", "v", "key", "123456", "id", "index", "1234567"]
    assert texts_of({member: 123456}) == ["123456"]


def test_arguments_with_a_name_twice_become_what_was_read() -> None:
    call = {"arguments": '{"a": "first", "a": "last"}'}
    assert texts_of(call) == ["a", "last"]
    assert json.loads(call["arguments"]) == {"a": "last"}
    assert "first" not in call["arguments"]


def test_arguments_without_a_name_twice_are_not_written_anew() -> None:
    call = {"arguments": '{ "a": 1.0, "b": {"a": 2} }'}
    texts_of(call)
    assert call == {"arguments": '{ "a": 1.0, "b": {"a": 2} }'}


@pytest.mark.parametrize(
    "call",
    [
        {"type": "find me"},
        {"type": ["find me"]},
        {"find me": 1},
        {"odd": {"find me": None}},
        {"function": {"find me": True}},
        {"function": {"arguments": {"find me": 1}}},
        {"custom": {"input": "find me"}},
        {"function": {"name": ["find me"]}},
        {"function": "find me"},
    ],
)
def test_no_text_of_a_call_hides(call: dict[str, Any]) -> None:
    assert "find me" in texts_of(call)
