"""A chat as tool rules see it."""

from __future__ import annotations

from typing import Any

from guardproxy.core.exchange import Provenance
from guardproxy.core.tools.conversation import UNREADABLE, Forced, Spoken, ToolCall, ToolResult
from guardproxy.surfaces.chat_completions import read_calls, read_conversation


def call(name: str, arguments: str = "{}", call_id: str = "c1") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


MESSAGES = [
    {"role": "system", "content": "rules"},
    {"role": "user", "content": [{"type": "text", "text": "hi"}]},
    {"role": "assistant", "content": None, "tool_calls": [call("read", '{"id": 1}')]},
    {"role": "tool", "tool_call_id": "c1", "content": "text"},
    {"role": "tool", "tool_call_id": "c2", "name": "contacts", "content": "text"},
    {"role": "assistant", "content": "", "function_call": {"name": "old", "arguments": "{"}},
    {"role": "function", "name": "old", "content": "text"},
]


def test_every_turn_becomes_a_step() -> None:
    found = read_conversation({"messages": MESSAGES}, operator=True)
    assert found.steps == (
        Spoken("rules", Provenance.OPERATOR),
        Spoken("text", Provenance.USER, asks=True),
        Spoken("hi", Provenance.USER, asks=True),
        ToolCall(("read",), {"id": 1}, ("messages", 2, "tool_calls", 0), "c1"),
        ToolResult(("read",), ("text",), ("messages", 3)),
        ToolResult((), ("text",), ("messages", 4)),
        Spoken("", Provenance.MODEL),
        ToolCall(("old",), UNREADABLE, ("messages", 5, "function_call")),
        ToolResult(("old",), ("text",), ("messages", 6)),
    )
    assert not found.unseen
    assert read_conversation({"messages": MESSAGES}, operator=False).steps[0] == Spoken("rules", Provenance.USER)


def test_definitions_and_demands_are_read() -> None:
    document = {
        "messages": [],
        "tools": [{"type": "function", "function": {"name": "a"}}, 7],
        "functions": [{"name": "b"}],
        "tool_choice": {"type": "function", "function": {"name": "a"}},
        "web_search_options": {},
    }
    found = read_conversation(document, operator=False)
    assert [(d.names, d.path) for d in found.definitions] == [(("a",), ("tools", 0)), (("b",), ("functions", 0))]
    assert found.forced == (Forced("a", ("tool_choice",)),)
    assert found.unseen


def test_calls_of_all_choices_are_read() -> None:
    custom = {"id": "c2", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}
    answer = {"choices": [{"message": {"tool_calls": [call("a"), 7]}}, 7, {"message": {"tool_calls": [custom]}}]}
    assert read_calls(answer) == [
        ToolCall(("a",), {}, ("choices", 0, "message", "tool_calls", 0), "c1"),
        ToolCall(("sql",), "select 1", ("choices", 2, "message", "tool_calls", 0), "c2"),
    ]
    assert read_calls([]) == read_calls({"choices": 1}) == []
