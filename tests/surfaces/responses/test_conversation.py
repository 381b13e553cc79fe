"""A `/responses` request as tool rules see it."""

from __future__ import annotations

from typing import Any

import pytest

from guardproxy.core.exchange import Provenance
from guardproxy.core.tools.conversation import Forced, Spoken, ToolCall, ToolResult
from guardproxy.surfaces.responses import read_calls, read_conversation


def conversation(*items: Any, **more: Any) -> Any:
    return read_conversation({"input": list(items), **more}, operator=True)


def test_every_item_becomes_a_step() -> None:
    found = conversation(
        {"role": "user", "content": "hi"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "ho"}]},
        {"type": "function_call", "call_id": "c1", "name": "read", "arguments": '{"id": 1}'},
        {"type": "function_call_output", "call_id": "c1", "output": "text"},
        {"type": "function_call_output", "call_id": "c9", "output": "text"},
        {"type": "mcp_call", "server_label": "crm", "name": "list", "arguments": "{}", "output": "rows"},
        instructions="rules",
        tool_choice={"type": "function", "name": "read"},
    )
    assert found.steps == (
        Spoken("rules", Provenance.OPERATOR),
        Spoken("hi", Provenance.USER, asks=True),
        Spoken("output_text", Provenance.MODEL),
        Spoken("ho", Provenance.MODEL),
        ToolCall(("read",), {"id": 1}, ("input", 2), "c1"),
        ToolResult(("read",), ("output", "text"), ("input", 3)),
        ToolResult((), ("output", "text"), ("input", 4)),
        ToolCall(("mcp:crm/list", "list"), {}, ("input", 5), declared=True),
        ToolResult(("mcp:crm/list", "list"), ("rows",), ("input", 5)),
    )
    assert found.forced == (Forced("read", ("tool_choice",)),)
    assert not found.unseen


@pytest.mark.parametrize(
    "more", [{"previous_response_id": "r"}, {"conversation": "c"}, {"prompt": {"id": "p"}}, {"input": [{"id": "x"}]}]
)
def test_what_the_server_keeps_was_not_seen(more: dict[str, Any]) -> None:
    assert read_conversation({"input": "hi", **more}, operator=False).unseen
    assert read_conversation({"input": [{"type": "compaction"}]}, operator=False).unseen


def test_tools_that_come_with_an_item_are_offered_too() -> None:
    tools = [{"type": "function", "name": "b"}]
    found = conversation({"type": "additional_tools", "tools": tools}, tools=[{"type": "function", "name": "a"}])
    assert {definition.names for definition in found.definitions} == {("a",), ("b",)}
    space = {"type": "namespace", "name": "crm", "tools": tools}
    found = conversation(tools=[space])
    assert [(one.names, one.path) for one in found.definitions] == [
        (("crm",), ("tools", 0)),
        (("b",), ("tools", 0, "tools", 0)),
    ]


def test_a_tool_message_nobody_can_place_is_a_result_of_an_unknown_tool() -> None:
    assert conversation({"role": "tool", "content": "x"}).steps == (ToolResult((), ("x",), ("input", 0)),)


def test_calls_of_an_answer_come_with_what_hosted_tools_said() -> None:
    output = [
        {"type": "message", "content": []},
        {"type": "web_search_call", "action": {"query": "q"}, "results": ["r"]},
        {"type": "shell_call", "call_id": "s", "action": {"commands": ["ls"]}},
        {"type": "custom_tool_call", "name": "sql", "input": "select 1"},
        {"type": "future_call", "x": 1},
        {"type": "function_call", "name": "f", "arguments": ""},
    ]
    assert read_calls({"output": output}) == [
        ToolCall(("web_search",), {"query": "q"}, ("output", 1), declared=True),
        ToolResult(("web_search",), ("r",), ("output", 1)),
        ToolCall(("shell",), {"commands": ["ls"]}, ("output", 2), "s", declared=True),
        ToolCall(("sql",), "select 1", ("output", 3)),
        ToolCall(("future",), {"type": "future_call", "x": 1}, ("output", 4)),
        ToolCall(("f",), {}, ("output", 5)),
    ]
    assert read_calls({"data": output[-1:]}) == [ToolCall(("f",), {}, ("output", 0))]
    assert read_calls(7) == []
