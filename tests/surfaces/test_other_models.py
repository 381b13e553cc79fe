from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from guardproxy.core.exchange import NamedModel
from guardproxy.surfaces import SURFACES
from guardproxy.surfaces.other_models import other_models
from guardproxy.wire.document import get
from tests.support.strategies import json_values

SAID = [{"role": "user", "content": "x"}]
ADVISOR = {"type": "advisor_20260301", "name": "advisor", "model": "dear"}


@pytest.mark.parametrize(
    ("path", "members"),
    [
        ("/chat/completions", {"messages": SAID, "moderation": {"model": "dear"}}),
        ("/chat/completions", {"messages": SAID, "models": ["dear"]}),
        ("/responses", {"input": "x", "moderation": {"model": "dear"}}),
        ("/responses", {"input": "x", "tools": [{"type": "image_generation", "model": "dear"}]}),
        ("/responses", {"input": "x", "tools": [{"type": "namespace", "tools": [{"type": "x", "model": "dear"}]}]}),
        ("/messages", {"messages": SAID, "max_tokens": 5, "tools": [{"type": "bash_20250124"}, ADVISOR]}),
        ("/messages", {"messages": SAID, "max_tokens": 5, "fallbacks": [{"model": "dear"}]}),
    ],
)
def test_a_request_says_which_other_models_it_names(path: str, members: dict[str, Any]) -> None:
    read = SURFACES["POST", path].read_request
    assert read is not None
    document = {"model": "cheap", **members}
    [found] = read(document, operator=False).other_models
    assert (found.name, get(document, found.path)) == ("dear", "dear")


def test_what_is_said_and_what_a_schema_says_names_no_model() -> None:
    schema = {"type": "object", "properties": {"model": {"type": "string"}}, "default": {"model": "x"}}
    document = {
        "model": "cheap",
        "messages": [{"role": "user", "content": "x", "model": "y"}],
        "input": [{"model": "y"}],
        "metadata": {"model": "y"},
        "tools": [{"type": "function", "name": "f", "parameters": schema}],
        "stop": ["dear"],
    }
    assert other_models(document) == ()


@given(json_values)
def test_whatever_stands_there_each_model_is_where_it_is_said_to_be(value: Any) -> None:
    document = {"tools": value, "models": value}
    for found in other_models(document):
        assert found == NamedModel(get(document, found.path), found.path)
