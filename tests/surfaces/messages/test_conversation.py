"""A request of this API as tool rules see it, and the calls of an answer."""

from __future__ import annotations

from typing import Any

import pytest

from guardproxy.core.exchange import Provenance
from guardproxy.core.tools.conversation import UNREADABLE, Forced, Found, Spoken, ToolCall, ToolResult
from guardproxy.surfaces.messages.conversation import AnswerSteps, read_calls, read_conversation
from tests.surfaces.chat_completions.golden import read
from tests.surfaces.messages.golden import golden_files

SEARCH = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"title": "page"}]}


def conversation(*content: Any, role: str = "user", operator: bool = True, **more: Any) -> Any:
    return read_conversation({"messages": [{"role": role, "content": list(content)}], **more}, operator=operator)


def test_every_block_becomes_a_step() -> None:
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            {"type": "text", "text": "ho"},
            {"type": "tool_use", "id": "t1", "name": "read", "input": {"id": 1}},
            {"type": "mcp_tool_use", "id": "m1", "server_name": "crm", "name": "list", "input": {}},
            {"type": "mcp_tool_result", "tool_use_id": "m1", "content": [{"type": "text", "text": "rows"}]},
            SEARCH,
            FOUND,
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": "a mail"},
            {"type": "tool_result", "tool_use_id": "t9", "content": "of nothing"},
            {"type": "document", "source": {"type": "text", "data": "notes"}},
            {"type": "text", "text": "go on", "citations": [{"cited_text": "quoted"}]},
        ]},
    ]  # fmt: skip
    found = read_conversation({"system": "rules", "messages": messages}, operator=True)
    assert [step for step in found.steps if not isinstance(step, Spoken)] == [
        ToolCall(("read",), {"id": 1}, ("messages", 1, "content", 2), "t1"),
        ToolCall(("mcp:crm/list", "list"), {}, ("messages", 1, "content", 3), "m1", declared=True),
        ToolResult(("mcp:crm/list", "list"), ("type", "text", "text", "rows"), ("messages", 1, "content", 4)),
        ToolCall(("web_search",), {"query": "q"}, ("messages", 1, "content", 5), "s1", declared=True),
        ToolResult(("web_search",), ("title", "page"), ("messages", 1, "content", 6)),
        ToolResult(("read",), ("a mail",), ("messages", 2, "content", 0)),
        ToolResult((), ("of nothing",), ("messages", 2, "content", 1)),
        Found(("document", "text", "notes")),
    ]
    spoken = {step.text: (step.provenance, step.asks) for step in found.steps if isinstance(step, Spoken)}
    assert spoken["rules"] == (Provenance.OPERATOR, False)
    assert spoken["hi"] == spoken["go on"] == (Provenance.USER, True)
    assert spoken["hm"] == spoken["ho"] == (Provenance.MODEL, False)
    assert spoken["quoted"] == (Provenance.DOCUMENT, False)
    assert not found.unseen


def test_system_text_is_believed_only_of_those_who_may_speak_as_the_operator() -> None:
    document = {"system": [{"type": "text", "text": "rules"}], "messages": []}
    for operator, whose in ((True, Provenance.OPERATOR), (False, Provenance.USER)):
        assert Spoken("rules", whose) in read_conversation(document, operator=operator).steps


def test_a_result_in_a_role_that_this_api_does_not_have_is_of_an_unknown_tool() -> None:
    document = {"messages": [{"role": "tool", "content": "x"}]}
    assert read_conversation(document, operator=True).steps == (ToolResult((), ("x",), ("messages", 0)),)


@pytest.mark.parametrize(
    "said", [{"thread": "t"}, {"messages": [{"role": "user", "content": [{"type": "compaction"}]}]}]
)
def test_what_the_server_keeps_was_not_seen(said: dict[str, Any]) -> None:
    assert read_conversation({"messages": [], **said}, operator=True).unseen


def names(found: Any) -> list[tuple[str, ...]]:
    return [definition.names for definition in found.definitions]


def test_tools_are_known_by_the_name_under_which_they_are_called() -> None:
    told = {"name": "evil", "custom": {"name": "good"}, "function": {"name": "good"}}
    tools = [told, {"type": "web_search_20250305", "name": "web_search"}, {"type": "computer_20250124"}, "odd"]
    found = conversation(tools=tools)
    assert names(found) == [("evil",), ("web_search",), ("computer_20250124",)]
    assert found.definitions[0].document == told


def test_a_server_of_tools_is_one_definition_with_the_choice_made_among_them() -> None:
    server = {"type": "url", "name": "crm", "url": "https://crm.example"}
    toolset = {"type": "mcp_toolset", "mcp_server_name": "crm", "configs": {"wipe": {"enabled": False}}}
    lost = {"type": "mcp_toolset", "mcp_server_name": "lost"}
    found = conversation(mcp_servers=[{**server, "authorization_token": "t"}], tools=[toolset, lost])
    assert names(found) == [("mcp:crm",), ("mcp:lost",)]
    assert found.definitions[0].document == {**server, "toolset": toolset}
    assert conversation(mcp_servers=[server]).definitions[0].document == server


def test_tools_that_come_in_the_middle_of_a_conversation_are_offered_too() -> None:
    added = {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": {"name": "sing"}}}
    several = {"type": "tool_addition", "tool_changes": [added, {"tool": {"definition": {"name": "hum"}}}]}
    assert names(conversation(added, several, role="system")) == [("sing",), ("sing",), ("hum",)]


def test_a_choice_demands_a_tool_only_by_its_name() -> None:
    assert conversation(tool_choice={"type": "tool", "name": "read"}).forced == (Forced("read", ("tool_choice",)),)
    for choice in ({"type": "any"}, {"type": "auto"}, {"type": "none"}, {"name": 7}, None):
        assert conversation(tool_choice=choice).forced == ()


def test_the_calls_of_an_answer_come_with_what_the_servers_tools_said() -> None:
    content = [
        {"type": "text", "text": "I look."},
        SEARCH,
        FOUND,
        {"type": "web_fetch_tool_result", "tool_use_id": "before", "content": "page"},
        {"type": "mcp_tool_result", "tool_use_id": "before", "content": "rows"},
        {"type": "tool_use", "id": "t", "name": "send", "input": {"to": "me"}},
        {"type": "future_tool_use", "id": "f", "name": "jump", "input": None},
        "odd",
    ]
    assert read_calls({"content": content}) == [
        ToolCall(("web_search",), {"query": "q"}, ("content", 1), "s1", declared=True),
        ToolResult(("web_search",), ("title", "page"), ("content", 2)),
        ToolResult(("web_fetch",), ("page",), ("content", 3)),
        ToolResult((), ("rows",), ("content", 4)),
        ToolCall(("send",), {"to": "me"}, ("content", 5), "t"),
        ToolCall(("jump",), {}, ("content", 6), "f"),
    ]
    for odd in ({"input_tokens": 7}, {"content": "text"}, 7):
        assert read_calls(odd) == []


def test_input_that_a_stream_wrote_is_decoded() -> None:
    call = {"type": "tool_use", "id": "t", "name": "send"}
    (good,) = AnswerSteps().of({**call, "input": '{"to":"me"}'}, ())
    (bad,) = AnswerSteps().of({**call, "input": '{"to":'}, ())
    assert isinstance(good, ToolCall) and isinstance(bad, ToolCall)
    assert (good.arguments, bad.arguments) == ({"to": "me"}, UNREADABLE)


def test_nothing_of_a_long_request_is_lost() -> None:
    """Each text that the guard reads in messages is in some step or definition."""
    (file,) = [file for file in golden_files("request") if "every-block" in file.stem]
    request = read(file)["request"]
    told = str(read_conversation(request, operator=True))
    for text in ("Be kind.", "Some notes.", "From now on in German.", "Sings.", "Go on.", "Tells the weather."):
        assert text in told
