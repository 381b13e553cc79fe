from __future__ import annotations

import json
from typing import Any

from hypothesis import given

from guardproxy.core.exchange import Provenance
from guardproxy.surfaces.models import read_response, read_target, strip_copies
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
