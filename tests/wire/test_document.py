from __future__ import annotations

import copy
import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from guardproxy.wire.document import (
    MAX_DEPTH,
    UndecodableJson,
    decode,
    encode,
    get,
    is_deeper_than,
    is_long_number,
    repeats_names,
    replace,
    walk_strings,
)
from guardproxy.wire.path import INSIDE_JSON, Key, Path

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
any_text = st.text(max_size=6) | st.just("\ud800")
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts


def documents(leaves: st.SearchStrategy[Any], names: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=12
    )


values = documents(scalars, texts)


@given(values)
def test_decode_and_encode_lose_nothing(value: Any) -> None:
    raw = json.dumps(value)
    assert raw == json.dumps(decode(raw)) == json.dumps(decode(raw.encode())) == json.dumps(decode(encode(value)))


@given(documents(scalars | any_text, any_text))
@example({"\ud800": ["\udfff", 10**300]})
def test_whatever_the_text_encode_writes_utf8_that_reads_back_the_same(value: Any) -> None:
    assert value == json.loads(encode(value).decode())


def test_encode_is_compact_and_does_not_escape_what_utf8_can_say() -> None:
    assert '{"a":["é→😀",1.0,null]}'.encode() == encode({"a": ["é→😀", 1.0, None]})


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"<html>", b'{"a":1', b"[1,]", b"NaN", b"1e400", b'"\\ud800"', b'"\xff"', b"1 2", b"\xef\xbb\xbf1"),
        *(b"[" * 100_000, b"[" * 5000 + b"]" * 5000, b"[" * 257 + b"]" * 257, '"\ud800"', "[" * 257 + "]" * 257),
        b"9" * 5000,
    ],
)
def test_what_cannot_be_decoded_is_an_error_that_quotes_nothing(raw: bytes | str) -> None:
    with pytest.raises(UndecodableJson) as caught:
        decode(raw)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_decode_accepts_the_depth_it_promises() -> None:
    raw = b"[" * MAX_DEPTH + b" " * 300 + b"]" * MAX_DEPTH
    assert not is_deeper_than(MAX_DEPTH, decode(raw))
    assert is_deeper_than(MAX_DEPTH - 1, decode(raw))


@pytest.mark.parametrize(
    ("expected", "raw"),
    [(False, '{"a":[{"b":1},{"b":2}],"b":{"a":1}}'), (True, '[{"a":1,"\\u0061":2}]'), (True, b'{"x":{"a":1,"a":1}}')],
)
def test_a_name_given_twice_in_one_object_is_known(expected: bool, raw: bytes | str) -> None:
    assert expected is repeats_names(raw)


def naive_strings(value: Any, path: Path, names: bool) -> list[tuple[Path, str]]:
    if isinstance(value, str):
        return [(path, value)]
    found: list[tuple[Path, str]] = []
    if isinstance(value, dict):
        for name, child in value.items():
            found += [((*path, Key(name)), name)] if names else []
            found += naive_strings(child, (*path, name), names)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            found += naive_strings(child, (*path, index), names)
    return found


@given(values, st.booleans())
def test_the_walk_finds_every_string_in_document_order(value: Any, names: bool) -> None:
    assert naive_strings(value, ("at", 1), names) == list(walk_strings(value, ("at", 1), names=names))


@given(values)
def test_the_walk_finds_every_long_number_where_it_is_asked_to(value: Any) -> None:
    strings, with_numbers = list(walk_strings([value])), list(walk_strings([value], numbers=True))
    numbers = [found for found in with_numbers if found not in strings]
    assert strings == [found for found in with_numbers if found not in numbers]
    for path, text in numbers:
        number = get([value], path)
        assert (type(number) in (int, float), text) == (True, str(number))
        assert abs(number) >= 100_000
    assert is_long_number(value) == ([path for path, _ in numbers if len(path) == 1] == [(0,)])


@given(values)
def test_get_finds_what_the_walk_found(value: Any) -> None:
    for path, text in walk_strings(value, names=True):
        assert text == get(value, path)


def test_the_walk_needs_no_recursion() -> None:
    value: Any = "deep"
    for _ in range(2000):
        value = [value]
    assert [text for _, text in walk_strings(value)] == ["deep"]


@given(st.dictionaries(texts, values, max_size=3), st.data())
def test_an_edit_changes_what_it_points_at_and_nothing_else(document: dict[str, Any], data: st.DataObject) -> None:
    strings = list(walk_strings(document))
    edits = {path: text + "!" for path, text in strings if data.draw(st.booleans())}
    before = copy.deepcopy(document)
    replace(document, edits)
    assert [edits.get(path, text) for path, text in strings] == [text for _, text in walk_strings(document)]
    replace(document, {path: get(before, path) for path in edits})
    assert json.dumps(before) == json.dumps(document)


@given(st.dictionaries(texts, values, max_size=3), st.data())
def test_edits_inside_a_string_are_those_of_the_value_it_holds(arguments: dict[str, Any], data: st.DataObject) -> None:
    document = {"function": {"arguments": json.dumps(arguments)}}
    here = ("function", "arguments", INSIDE_JSON)
    found = list(walk_strings(arguments, names=False))
    edits = {path: f'"{text}\\\n' for path, text in found if data.draw(st.booleans())}
    replace(document, {(*here, *path): text for path, text in edits.items()})
    replace(arguments, edits)
    assert json.dumps(arguments) == json.dumps(json.loads(document["function"]["arguments"]))
    assert all(text == get(document, (*here, *path)) for path, text in edits.items())


def test_a_string_inside_a_string_inside_a_string_can_be_edited() -> None:
    document = [json.dumps({"inner": json.dumps(["a", "b"])})]
    replace(document, {(0, INSIDE_JSON, "inner", INSIDE_JSON, 1): 'x"', (0, INSIDE_JSON, "inner", INSIDE_JSON, 0): "y"})
    assert json.loads(json.loads(document[0])["inner"]) == ["y", 'x"']


def test_a_string_that_holds_only_a_string_or_a_number_can_be_replaced_from_inside() -> None:
    document = {"text": '"a"', "number": "4111"}
    replace(document, {("text", INSIDE_JSON): "b", ("number", INSIDE_JSON): "c"})
    assert document == {"text": '"b"', "number": '"c"'}


def test_a_number_becomes_a_quoted_text() -> None:
    document = {"arguments": '{"card": 4111, "n": 12345678901234567890123, "ok": true}'}
    replace(document, {("arguments", INSIDE_JSON, "card"): "[CARD]"})
    assert document["arguments"] == '{"card":"[CARD]","n":12345678901234567890123,"ok":true}'


def test_a_member_is_renamed_where_it_stands_and_its_value_edited_by_the_old_name() -> None:
    document = {"a": {"x": 1, "secret": ["old"], "z": 3}}
    replace(document, {("a", Key("secret")): "[HIDDEN]", ("a", "secret", 0): "new"})
    assert json.dumps(document) == '{"a": {"x": 1, "[HIDDEN]": ["new"], "z": 3}}'


def test_a_member_called_like_the_step_into_json_is_only_renamed() -> None:
    document = {"json": "1"}
    replace(document, {(Key("json"),): "text"})
    assert document == {"text": "1"}


@given(st.dictionaries(st.sampled_from("abcdef") | st.just("x_2"), st.integers(), min_size=1), st.data())
def test_renaming_never_loses_a_member(document: dict[str, int], data: st.DataObject) -> None:
    before = list(document.items())
    new_names = st.sampled_from(["x", "a", "b", "x_2"])
    edits: dict[Path, str] = {(Key(name),): data.draw(new_names) for name, _ in before if data.draw(st.booleans())}
    replace(document, edits)
    assert [value for _, value in before] == list(document.values())
    for (old, _), new in zip(before, document, strict=True):
        wanted = edits.get((Key(old),), old)
        assert new == wanted or ((Key(old),) in edits and new.startswith(f"{wanted}_"))


def test_ten_thousand_members_can_get_the_same_name() -> None:
    document = {str(i): i for i in range(10_000)}
    replace(document, {(Key(str(i)),): "[HIDDEN]" for i in range(10_000)})
    assert list(range(10_000)) == list(document.values())
    assert list(document)[:3] == ["[HIDDEN]", "[HIDDEN]_2", "[HIDDEN]_3"]


@pytest.mark.parametrize(
    "path",
    [
        *(
            ("b",),
            ("list", 2),
            ("list", -1),
            ("list", "0"),
            (Key("b"),),
            (Key("list"), "x"),
            ("list", Key("a")),
            ("text", 0),
            (0,),
        ),
        *(("text", "x"), ("list", INSIDE_JSON, "a"), ("list", 0, "deeper")),
    ],
)
def test_a_path_to_nothing_is_an_error_that_names_no_member(path: Path) -> None:
    document: dict[str, Any] = {"list": [1, 2], "text": "abc"}
    with pytest.raises(LookupError, match="stands at this path of the document"):
        replace(document, {path: "new"})
    with pytest.raises(LookupError, match="stands at this path of the document"):
        get(document, path)


@pytest.mark.parametrize(
    "edits",
    [
        {(): "new"},
        {("list",): "new"},
        {("arguments",): "new", ("arguments", INSIDE_JSON, "a"): "b"},
        {("arguments", INSIDE_JSON, "a"): "b", ("arguments",): "new"},
    ],
)
def test_edits_that_contradict_each_other_or_would_drop_a_container_are_refused(edits: dict[Path, str]) -> None:
    with pytest.raises(ValueError, match=r"document itself|another edit"):
        replace({"list": [1], "arguments": '{"a": 1}'}, edits)


def test_an_edit_inside_a_string_that_holds_no_json_is_refused() -> None:
    with pytest.raises(UndecodableJson):
        replace({"arguments": '{"a": '}, {("arguments", INSIDE_JSON, "a"): "b"})


def test_a_whole_document_that_is_a_string_is_walked_but_not_replaced() -> None:
    assert list(walk_strings("text", names=True)) == [((), "text")]
    assert list(walk_strings(math.pi)) == []
