"""A chat as tool rules see it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.exchange import Provenance
from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import Policy
from guardproxy.core.tools.conversation import UNREADABLE, Conversation, Forced, Spoken, ToolCall, ToolResult
from guardproxy.core.tools.judge import ToolGuard
from guardproxy.core.tools.names import Names
from guardproxy.core.tools.rules import NameLists, ToolRules
from guardproxy.core.verdict import Action
from guardproxy.policyfile.tool_compile import rules_of
from guardproxy.surfaces.chat_completions import ChatStream, read_calls, read_conversation
from guardproxy.wire.sse import SseEvent


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


def test_a_call_that_a_whole_answer_cut_off_is_not_judged_and_one_the_model_ended_is() -> None:
    message = {"tool_calls": [call("a"), {"function": {"name": "b", "arguments": "{"}}]}
    for reason, names in (("length", [("a",)]), ("tool_calls", [("a",), ("b",)])):
        calls = read_calls({"choices": [{"message": message, "finish_reason": reason}]})
        assert [one.names for one in calls] == names


# ---------------------------------------------------------------- calls of a stream

RULES = ToolRules(lists=NameLists(deny=Names.of(["wipe"])), max_calls=3, not_offered=Action.ALLOW)
POLICY = Policy("p", "r", rules=rules_of(RULES), tools=RULES)
CALLS = st.lists(st.tuples(st.sampled_from(["look", "wipe"]), st.sampled_from(['{"k": "quince"}', "{}"])), max_size=4)


def output_guard() -> OutputGuard:
    return OutputGuard(POLICY, ToolGuard(RULES, Conversation()))


def streamed(calls: list[tuple[str, str]], cuts: int, reason: str | None) -> tuple[str, OutputGuard]:
    """Everything that leaves a stream whose calls come in pieces of `cuts` characters."""
    guard = output_guard()
    editor = ChatStream(guard)
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "Well."}]
    for index, (name, arguments) in enumerate(calls):
        deltas.append({"tool_calls": [{"index": index, **call(name, "", f"c{index}")}]})
        for at in range(0, len(arguments), cuts):
            piece = {"index": index, "function": {"arguments": arguments[at : at + cuts]}}
            deltas.append({"tool_calls": [piece]})
    events: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    events += [{"index": 0, "delta": {}, "finish_reason": reason}] if reason else []
    head = {"id": "x", "object": "chat.completion.chunk", "model": "m"}
    frames = [frame for one in events for frame in editor.feed(SseEvent(json.dumps({**head, "choices": [one]})))]
    frames += editor.feed(SseEvent("[DONE]"))
    return b"".join([*frames, *editor.finish()]).decode(), guard


@given(CALLS, st.integers(1, 20), st.sampled_from(["tool_calls", "stop", None]))
def test_of_a_denied_answer_no_call_leaves_and_of_an_allowed_one_all_do(
    calls: list[tuple[str, str]], cuts: int, reason: str | None
) -> None:
    message = {"tool_calls": [call(name, arguments) for name, arguments in calls]}
    found = ToolGuard(RULES, Conversation()).judge(read_calls({"choices": [{"message": message}]}))
    sent, guard = streamed(calls, cuts, reason)
    assert [one.rule for one in guard.findings] == [one.rule for one in found]
    if found:
        assert not any(word in sent for word in ("look", "wipe", "quince", "tool_calls"))
        assert '"content_filter"' in sent
        assert guard.action is Action.BLOCK
    else:
        assert (sent.count("look"), sent.count("quince")) == (
            len(calls),
            sum("quince" in arguments for _, arguments in calls),
        )
        assert guard.blocked is None


def test_a_call_that_was_cut_off_is_neither_judged_nor_sent() -> None:
    sent, guard = streamed([("wipe", '{"k": "qui')], 3, "length")
    assert guard.blocked is None
    assert "wipe" not in sent
