from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.wire.document import get, walk_strings
from guardproxy.wire.json_text import JsonText, is_json
from guardproxy.wire.path import Key
from tests.support.strategies import json_values


@given(json_values, st.booleans(), st.sampled_from([None, 1]))
def test_what_nobody_changes_is_what_it_was(value: object, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert JsonText(text).written({}) == json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":"))


@given(json_values)
def test_each_string_and_name_is_a_leaf_at_the_path_where_it_stands(value: object) -> None:
    read = JsonText(json.dumps(value))
    told = [(leaf.path, leaf.value) for leaf in read.leaves if leaf.value is not None]
    assert told == list(walk_strings(value, names=True))
    assert all(get(value, leaf.path) == json.loads(leaf.spelled) for leaf in read.leaves if leaf.value is None)


@given(json_values, st.text(max_size=3))
def test_changed_texts_stand_in_their_places_and_no_member_is_lost(value: object, text: str) -> None:
    read = JsonText(json.dumps(value))
    texts = [leaf for leaf in read.leaves if leaf.value is not None and not isinstance((leaf.path or ("",))[-1], Key)]
    written = json.loads(read.written({leaf.at: text for leaf in texts}))
    assert all(get(written, leaf.path) == text for leaf in texts)
    renamed = JsonText(read.written({leaf.at: "n" for leaf in read.leaves if leaf not in texts}))
    assert not renamed.repeats_names()
    assert len(renamed.leaves) == len(read.leaves)


def test_a_name_that_is_taken_gets_a_suffix() -> None:
    read = JsonText('{"a":1,"b":{"n":2,"c":3},"n":4}')
    names = {leaf.at: "n" for leaf in read.leaves if leaf.value in ("a", "b", "c")}
    assert read.written(names) == '{"n_2":1,"n_3":{"n":2,"n_2":3},"n":4}'


def test_what_only_a_lenient_reader_takes_is_written_for_everybody() -> None:
    assert JsonText('{"a": "x\n\t\x01", "b": [NaN, 1e999]}').written({}) == r'{"a":"x\n\t\u0001","b":[null,1e999]}'


@pytest.mark.parametrize("text", ["", "{", "{'a': 1}", "{} x", '{"a": 1,}', "tru"])
def test_what_is_no_json_is_told_apart(text: str) -> None:
    assert not is_json(text)
    with pytest.raises(ValueError):
        JsonText(text)


def test_what_is_too_deep_is_no_json_here() -> None:
    assert not is_json("[" * 100_000 + "]" * 100_000)


def test_repeated_names_are_noticed() -> None:
    assert JsonText('{"a":[{"b":1,"b":2}]}').repeats_names()
    assert not JsonText('{"a":[{"b":1},{"b":2}],"b":{"a":1}}').repeats_names()
