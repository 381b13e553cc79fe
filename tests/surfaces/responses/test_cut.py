from __future__ import annotations

from typing import Any

import pytest

from guardproxy.surfaces.responses.cut import blank_call, cut_off


@pytest.mark.parametrize(
    ("expected", "whole", "item"),
    [
        (True, True, {"type": "function_call", "status": "incomplete"}),
        (True, True, {"type": "shell_call", "status": "in_progress"}),
        (True, False, {"type": "custom_tool_call"}),
        (False, True, {"type": "custom_tool_call"}),
        (False, False, {"type": "function_call", "status": "completed"}),
        (False, False, {"type": "message", "status": "incomplete"}),
        (False, False, {"type": ["function_call"]}),
        (False, False, {}),
    ],
)
def test_a_call_is_cut_off_if_its_item_or_its_response_says_so(expected: bool, whole: bool, item: Any) -> None:
    assert cut_off(item, whole=whole) is expected


@pytest.mark.parametrize(
    ("item", "blank"),
    [
        (
            {"type": "function_call", "arguments": "{", "name": "f"},
            {"type": "function_call", "arguments": "", "name": "f"},
        ),
        ({"type": "custom_tool_call", "input": "rm"}, {"type": "custom_tool_call", "input": ""}),
        ({"type": "code_interpreter_call", "code": None}, {"type": "code_interpreter_call", "code": None}),
        (
            {"type": "shell_call", "action": {"commands": ["rm", "ls"], "n": 1}},
            {"type": "shell_call", "action": {"commands": ["", ""], "n": 1}},
        ),
        (
            {"type": "apply_patch_call", "operation": {"type": "update_file", "path": "x", "diff": "+"}},
            {"type": "apply_patch_call", "operation": {"type": "update_file", "path": "", "diff": ""}},
        ),
        ({"type": "message", "content": "x"}, {"type": "message", "content": "x"}),
    ],
)
def test_what_a_call_would_do_is_taken_out(item: dict[str, Any], blank: dict[str, Any]) -> None:
    blank_call(item)
    assert item == blank
