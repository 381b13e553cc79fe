from __future__ import annotations

from typing import Any

import pytest

from guardproxy.core.exchange import Provenance
from guardproxy.surfaces.responses import read_request
from guardproxy.surfaces.responses.items import ITEM_MEMBERS, ITEMS
from guardproxy.surfaces.responses.words import ITEM_TYPES
from tests.surfaces.responses.schema import INPUT_ITEMS

USER, TOOL, OPERATOR = Provenance.USER, Provenance.TOOL, Provenance.OPERATOR


def test_every_item_type_but_the_message_is_in_the_table() -> None:
    assert {*ITEMS, "message"} == ITEM_TYPES


def test_every_member_of_the_official_items_is_known() -> None:
    members = {field.alias or name for model in INPUT_ITEMS for name, field in model.model_fields.items()}
    assert members <= ITEM_MEMBERS


OUTPUTS = [
    {"type": "function_call_output", "call_id": "1", "output": "TEXT"},
    {"type": "function_call_output", "call_id": "1", "output": [{"type": "input_text", "text": "TEXT"}]},
    {"type": "custom_tool_call_output", "call_id": "1", "output": "TEXT"},
    {"type": "local_shell_call_output", "id": "1", "output": "TEXT"},
    {"type": "shell_call_output", "call_id": "1", "output": [{"stdout": "TEXT", "stderr": "TEXT"}]},
    {"type": "apply_patch_call_output", "call_id": "1", "output": "TEXT"},
    {"type": "program_output", "call_id": "1", "result": "TEXT"},
    {"type": "code_interpreter_call", "code": "x", "outputs": [{"type": "logs", "logs": "TEXT"}]},
    {"type": "file_search_call", "queries": ["TEXT"], "results": [{"text": "TEXT", "attributes": {"TEXT": "TEXT"}}]},
    {"type": "web_search_call", "action": {"type": "search", "query": "TEXT"}},
    {"type": "computer_call_output", "output": {"type": "computer_screenshot"}, "note": "x", "x": {"y": "TEXT"}},
    {"type": "mcp_call", "arguments": "{}", "output": "TEXT", "error": {"content": [{"text": "TEXT"}]}},
    {"type": "mcp_list_tools", "tools": [{"name": "x", "description": "TEXT", "input_schema": {"title": "TEXT"}}]},
    {"type": "tool_search_output", "tools": [{"type": "function", "name": "x", "description": "TEXT"}]},
]
CALLS = [
    {"type": "function_call", "name": "f", "arguments": '{"x": "TEXT"}'},
    {"type": "custom_tool_call", "name": "f", "input": "TEXT"},
    {"type": "mcp_call", "name": "f", "arguments": '{"x": "TEXT"}', "output": "x"},
    {"type": "mcp_approval_request", "name": "f", "arguments": '["TEXT"]'},
    {"type": "mcp_approval_response", "approve": False, "reason": "TEXT"},
    {"type": "tool_search_call", "arguments": {"query": "TEXT"}},
    {"type": "code_interpreter_call", "code": "TEXT", "outputs": []},
    {"type": "shell_call", "action": {"commands": ["TEXT"]}},
    {"type": "local_shell_call", "action": {"command": ["TEXT"], "env": {"X": "TEXT"}}},
    {"type": "apply_patch_call", "operation": {"type": "update_file", "diff": "TEXT", "path": "x"}},
    {"type": "computer_call", "action": {"type": "type", "text": "TEXT"}},
    {"type": "program", "code": "TEXT", "fingerprint": "x"},
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "TEXT"}]},
    {"type": "image_generation_call", "revised_prompt": "TEXT"},
]
CLAIMS = [
    {"type": "additional_tools", "role": "developer", "tools": [{"type": "function", "description": "TEXT"}]},
    {"type": "configuration_update", "text": {"format": {"type": "json_schema", "schema": {"title": "TEXT"}}}},
]


@pytest.mark.parametrize(
    ("whose", "item"),
    [*((TOOL, one) for one in OUTPUTS), *((USER, one) for one in CALLS), *((OPERATOR, one) for one in CLAIMS)],
    ids=lambda value: str(value)[:60],
)
def test_the_type_of_an_item_says_whose_text_it_is(whose: Provenance, item: dict[str, Any]) -> None:
    found = read_request({"model": "m", "input": [item]}, operator=True)
    assert {whose} == {segment.provenance for segment in found.segments if segment.text == "TEXT"}


@pytest.mark.parametrize("item", CLAIMS, ids=lambda item: str(item["type"]))
def test_who_may_not_speak_as_the_operator_may_not_bring_tools_in_the_middle_either(item: dict[str, Any]) -> None:
    found = read_request({"model": "m", "input": [item]}, operator=False)
    assert [(turn.role, turn.path) for turn in found.turns] == [("developer", ("input", 0))]
    assert {segment.provenance for segment in found.segments} == {USER}
