from __future__ import annotations

from typing import Any

import pytest

from guardproxy.surfaces.responses.cut import blank_call, cut_off, drop_cut_calls


@pytest.mark.parametrize(
    ("expected", "whole", "item"),
    [
        (True, True, {"type": "function_call", "status": "incomplete"}),
        (True, True, {"type": "shell_call", "status": "in_progress"}),
        (True, False, {"type": "custom_tool_call"}),
        (False, True, {"type": "custom_tool_call"}),
        (False, False, {"type": "function_call", "status": "completed"}),
        (True, True, {"type": "computer_call", "status": "incomplete"}),
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


@pytest.mark.parametrize("status", ["completed", "incomplete", None])
def test_a_whole_answer_has_no_call_that_was_cut_off(status: str | None) -> None:
    said = {"type": "message", "status": "incomplete", "content": []}
    done = {"type": "function_call", "status": "completed", "arguments": "{}"}
    cut = [
        {"type": "function_call", "status": "incomplete", "arguments": '{"cmd": "rm -rf /'},
        {"type": "shell_call", "status": "in_progress", "action": {"commands": ["rm -rf /"]}},
        {"type": "computer_call", "status": "incomplete", "action": {"type": "click"}},
    ]
    hosted = {"type": "code_interpreter_call", "status": "incomplete", "code": "rm -rf /"}
    document: Any = {"status": status, "output": [said, cut[0], done, *cut[1:], hosted, "odd"]}
    drop_cut_calls(document)
    assert document == {"status": status, "output": [said, done, {**hosted, "code": ""}, "odd"]}


def test_a_call_without_a_status_is_as_whole_as_its_response() -> None:
    call = {"type": "function_call", "arguments": "run x"}
    for status, output in (("incomplete", []), ("completed", [call])):
        document: Any = {"status": status, "output": [dict(call)]}
        drop_cut_calls(document)
        assert document["output"] == output
    open_still: Any = {"status": "completed", "output": [{**call, "arguments": '{"x": 1'}]}
    assert drop_cut_calls(open_still) == 1
    assert open_still["output"] == []


@pytest.mark.parametrize("document", [None, [], {}, {"output": None}, {"output": []}])
def test_what_holds_no_calls_stays_as_it_is(document: Any) -> None:
    before = repr(document)
    drop_cut_calls(document)
    assert before == repr(document)
