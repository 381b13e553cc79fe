from __future__ import annotations

import json
from typing import Any

from hypothesis import given

from guardproxy.core.exchange import Provenance
from guardproxy.surfaces.models import keep_models, read_response, read_target, strip_copies
from guardproxy.wire.document import get
from tests.support.strategies import json_values


def test_every_text_of_a_list_of_models_is_model_text() -> None:
    document = {"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "somebody"}]}
    found = read_response(document)
    assert [segment.text for segment in found.segments] == ["list", "m", "model", "somebody"]
    assert {Provenance.MODEL} == {segment.provenance for segment in found.segments}


@given(json_values)
def test_reading_finds_each_text_where_it_is_and_changes_nothing(document: Any) -> None:
    before = json.dumps(document)
    strip_copies(document)
    assert all(get(document, segment.path) == segment.text for segment in read_response(document).segments)
    assert before == json.dumps(document)


def test_the_name_of_a_model_in_the_path_is_a_text_that_leaves() -> None:
    assert [segment.text for segment in read_target("org/model:1", ()).segments] == ["org/model:1"]
    assert read_target("", ()).segments == ()


def test_a_list_keeps_the_models_its_reader_may_ask_for_however_it_names_them() -> None:
    items = [
        {"id": "a1"},
        {"id": "b"},
        {"model": "a2"},
        {"name": "a3"},
        {"id": "b", "name": "a"},
        {"id": 1},
        "a4",
        None,
    ]
    document = {"object": "list", "data": list(items), "models": list(items), "other": ["b"]}
    keep_models(document, lambda name: name.startswith("a"))
    kept = [{"id": "a1"}, {"model": "a2"}, {"name": "a3"}]
    assert document == {"object": "list", "data": kept, "models": kept, "other": ["b"]}


def test_where_a_list_names_its_ends_they_are_those_that_are_left() -> None:
    page = {"data": [{"id": name} for name in "abc"], "first_id": "a", "last_id": "c", "has_more": False}
    keep_models(page, lambda name: name == "b")
    assert page == {"data": [{"id": "b"}], "first_id": "b", "last_id": "b", "has_more": False}
    keep_models(page, lambda name: False)
    assert page == {"data": [], "first_id": None, "last_id": None, "has_more": False}


@given(json_values)
def test_an_answer_without_a_list_of_models_stays_as_it_is(value: Any) -> None:
    document = {"data": {"id": value}, "id": value}
    before = json.dumps(document)
    keep_models(document, lambda name: False)
    assert json.dumps(document) == before
