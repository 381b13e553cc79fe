from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from guardproxy.surfaces.facts import references_at
from guardproxy.surfaces.responses.state import is_reference, made, server_state
from guardproxy.wire.document import get
from guardproxy.wire.path import Path
from tests.support.strategies import json_values


@pytest.mark.parametrize(
    ("path", "document"),
    [
        (("previous_response_id",), {"previous_response_id": "resp_1"}),
        (("conversation",), {"conversation": "conv_1"}),
        (("conversation",), {"conversation": {"id": "conv_1"}}),
        (("prompt", "id"), {"prompt": {"id": "pmpt_1", "variables": {"x": "y"}}}),
        (("prompt", "variables", "x", "file_id"), {"prompt": {"variables": {"x": {"file_id": "f"}}}}),
        (("background_options", "continuation_id"), {"background_options": {"continuation_id": "c"}}),
        (("prompt_cache_options", "comparison_response_id"), {"prompt_cache_options": {"comparison_response_id": "r"}}),
        (("input", 0), {"input": [{"type": "item_reference", "id": "msg_1"}]}),
        (("input", 0), {"input": [{"id": "msg_1"}]}),
        (("input", 0, "content", 0, "file_id"), {"input": [{"content": [{"type": "input_image", "file_id": "f"}]}]}),
        (("input", 0, "container_id"), {"input": [{"type": "code_interpreter_call", "container_id": "c"}]}),
        (("tools", 0, "vector_store_ids"), {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]}),
        (("tools", 0, "container"), {"tools": [{"type": "code_interpreter", "container": "cntr_1"}]}),
        (("tools", 0, "container", "file_ids"), {"tools": [{"container": {"type": "auto", "file_ids": ["f"]}}]}),
        (("tools", 0, "environment", "container_id"), {"tools": [{"environment": {"container_id": "c"}}]}),
        (("image", "file_id"), {"image": {"file_id": "f"}}),
        (("input", 0), {"input": [{"type": "image_generation_call", "id": "ig_1"}]}),
        (("input", 0), {"input": [{"type": "image_generation_call", "id": "ig_1", "size": "auto", "result": None}]}),
        (("input", 0), {"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}),
        (("input", 0), {"input": [{"type": "reasoning", "id": "rs_1", "summary": [{"text": "a part of it"}]}]}),
        (("input", 0), {"input": [{"type": "compaction", "id": "cmp_1", "created_by": "me"}]}),
        (("input", 0), {"input": [{"type": "web_search_call", "id": "ws_1", "status": "completed", "action": None}]}),
        (("input", 0), {"input": [{"type": "message", "role": "user", "id": "msg_1"}]}),
        (("input", 0), {"input": [{"type": "of_another_day", "id": "x_1", "results": []}]}),
        (("input", 0, "tools", 0, "vector_store_ids"), {"input": [{"tools": [{"vector_store_ids": ["v"]}]}]}),
    ],
)  # fmt: skip
def test_what_is_stored_on_the_server_is_named(path: Path, document: dict[str, Any]) -> None:
    assert server_state({"model": "m", **document}) == [path]


@pytest.mark.parametrize(
    "document",
    [
        {"input": "text", "previous_response_id": None, "conversation": None},
        {"input": [{"role": "user", "content": "x", "id": "msg_1"}]},
        {"tools": [{"type": "function", "parameters": {"properties": {"file_id": {"type": "string"}}}}]},
        {"tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": []}}]},
        {"input": [{"type": "tool_search_call", "arguments": {"file_id": "f"}}]},
        {"input": [{"content": [{"type": "output_text", "text": "x", "annotations": [{"file_id": "f"}]}]}]},
        {"metadata": {"file_id": "f"}},
        {"input": [{"type": "image_generation_call", "id": "ig_1", "result": "aGk="}]},
        {"input": [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}]},
        {"input": [{"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text"}]}]},
        {"input": [{"type": "reasoning", "summary": []}]},
        {"input": [{"type": "message", "role": "assistant", "id": "msg_1", "content": []}]},
        {"input": [{"type": "function_call_output", "id": "fc_1", "call_id": "c", "output": ""}]},
        {"input": [{"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "x"}}]},
    ],
)
def test_a_request_that_says_all_by_itself_names_nothing(document: dict[str, Any]) -> None:
    assert server_state(document) == []


@given(json_values)
def test_any_document_can_be_asked(document: Any) -> None:
    assert all(get(document, path) is not None for path in server_state(document))
    assert not is_reference(document) or isinstance(document, dict)
    places = server_state(document)
    assert {item.path for item in references_at(document, places)} <= set(places)


@pytest.mark.parametrize(
    ("ids", "document"),
    [
        (["resp_1"], {"previous_response_id": "resp_1"}),
        (["conv_1"], {"conversation": {"id": "conv_1"}}),
        (["msg_1"], {"input": [{"id": "msg_1"}]}),
        (["vs_1", "vs_2"], {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1", "vs_2"]}]}),
        ([""], {"previous_response_id": 7}),
        ([], {"input": "text"}),
    ],
)
def test_the_ids_that_stand_there_are_told(ids: list[str], document: dict[str, Any]) -> None:
    assert [item.id for item in references_at(document, server_state(document))] == ids


def test_a_response_and_its_items_can_be_referred_to_later() -> None:
    items = [{"id": "msg_1", "type": "message"}, {"type": "message"}, "text", {"id": 3}]
    assert list(made({"id": "resp_1", "output": items})) == ["resp_1", "msg_1"]


@pytest.mark.parametrize("key", ["container_id", "environment"])
def test_a_container_a_response_worked_in_can_be_referred_to_later(key: str) -> None:
    where: Any = "cntr_1" if key == "container_id" else {"type": "container_reference", "container_id": "cntr_1"}
    item = {"type": "code_interpreter_call", "id": "ci_1", "code": "1", key: where}
    assert list(made({"id": "resp_1", "output": [item]})) == ["resp_1", "ci_1", "cntr_1"]
    assert list(made(item)) == ["ci_1", "cntr_1"]
    asked = {"input": [item]}
    assert {one.id for one in references_at(asked, server_state(asked))} <= set(made(item))


@given(json_values)
def test_of_any_answer_it_can_be_asked_what_it_made(document: Any) -> None:
    assert all(isinstance(one, str) for one in made(document))
