"""Nothing of a call leaves a stream before the whole call was judged."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import Policy
from guardproxy.core.tools.conversation import Conversation, Definition
from guardproxy.core.tools.judge import ToolGuard
from guardproxy.core.tools.names import Names
from guardproxy.core.tools.rules import FlowRule, NameLists, ToolRules
from guardproxy.core.verdict import Action, Severity
from guardproxy.errors import UpstreamUnavailable
from guardproxy.policyfile.tool_compile import rules_of
from guardproxy.surfaces.responses import ResponsesStream
from guardproxy.surfaces.responses import call_gate as module
from guardproxy.surfaces.responses.call_gate import CallGate, Outgoing
from guardproxy.wire.sse import SseDecoder, SseEvent
from tests.support.strategies import make_kit

RULES = ToolRules(lists=NameLists(deny=Names.of(["wipe"])))
ALLOWED, DENIED = "look", "wipe"


def output_guard(rules: ToolRules | None = RULES) -> OutputGuard:
    offered = tuple(Definition((name,), {}) for name in (ALLOWED, DENIED))
    policy = Policy("p", "r", rules=rules_of(rules), tools=rules)
    return OutputGuard(policy, None if rules is None else ToolGuard(rules, Conversation((), offered)))


def call_events(name: str, index: int = 0, *, ends: bool = True) -> list[dict[str, Any]]:
    at = {"output_index": index, "item_id": f"fc_{index}"}
    item = {"type": "function_call", "id": f"fc_{index}", "call_id": f"c{index}", "name": name, "arguments": ""}
    whole = {**item, "arguments": '{"a": "secret-b"}', "status": "completed"}
    events = [
        {"type": "response.output_item.added", **at, "item": {**item, "status": "in_progress"}},
        {"type": "response.function_call_arguments.delta", **at, "delta": '{"a": '},
        {"type": "response.function_call_arguments.delta", **at, "delta": '"secret-b"}'},
        {"type": "response.function_call_arguments.done", **at, "arguments": '{"a": "secret-b"}'},
        {"type": "response.output_item.done", **at, "item": whole},
    ]
    return events if ends else events[:-1]


TEXT = [
    {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "m", "content": []}},
    {"type": "response.output_text.delta", "output_index": 0, "item_id": "m", "content_index": 0, "delta": "Hello"},
]


def play(*documents: dict[str, Any], rules: ToolRules | None = RULES) -> tuple[list[list[dict[str, Any]]], OutputGuard]:
    """What each event becomes, and what comes at the end of the stream."""
    guard = output_guard(rules)
    stream = ResponsesStream(guard)
    numbered = [{**document, "sequence_number": at} for at, document in enumerate(documents)]
    frames = [stream.feed(SseEvent(json.dumps(one), one["type"])) for one in numbered]
    return [_decoded(some) for some in [*frames, stream.finish()]], guard


def _decoded(frames: list[bytes]) -> list[dict[str, Any]]:
    return [
        json.loads(item.data) for frame in frames for item in SseDecoder().feed(frame) if isinstance(item, SseEvent)
    ]


def test_an_allowed_call_goes_out_whole_at_its_end_and_as_without_rules() -> None:
    events = [*TEXT, *call_events(ALLOWED, 1)]
    held, guard = play(*events)
    free, _ = play(*events, rules=None)
    assert [len(some) for some in held[2:6]] == [0, 0, 0, 0]
    assert [one for some in held for one in some] == [one for some in free for one in some]
    assert guard.findings == []


def test_of_a_denied_call_not_even_the_name_goes_out() -> None:
    sent, guard = play(*TEXT, *call_events(DENIED, 1), *call_events(ALLOWED, 2))
    flat = [one for some in sent for one in some]
    assert guard.blocked is not None
    assert DENIED not in json.dumps(flat)
    assert "secret-b" not in json.dumps(flat)
    assert flat[-1]["type"] == "response.incomplete"
    assert flat[-1]["response"]["incomplete_details"] == {"reason": "content_filter"}
    assert [item["type"] for item in flat[-1]["response"]["output"]] == ["message"]
    assert any(one["type"] == "response.refusal.done" for one in flat)


def stopping(*documents: dict[str, Any]) -> tuple[list[list[dict[str, Any]]], OutputGuard]:
    """The same where no rule is about tools, and one blocks `secret-b`."""
    guard = OutputGuard(make_kit({"b": "secret-b"}, actions={"b": Action.BLOCK}).policy())
    stream = ResponsesStream(guard)
    numbered = [{**document, "sequence_number": at} for at, document in enumerate(documents)]
    frames = [stream.feed(SseEvent(json.dumps(one), one["type"])) for one in numbered]
    return [_decoded(some) for some in [*frames, stream.finish()]], guard


@pytest.mark.parametrize("ends", [True, False])
def test_of_a_call_that_is_blocked_for_its_arguments_not_even_the_name_goes_out(ends: bool) -> None:
    sent, guard = stopping(*TEXT, *call_events(DENIED, 1, ends=ends))
    flat = [one for some in sent for one in some]
    assert guard.blocked is not None
    assert DENIED not in json.dumps(flat)
    assert flat[-1]["type"] == "response.incomplete"
    assert [item["type"] for item in flat[-1]["response"]["output"]] == ["message"]
    assert [one["sequence_number"] for one in flat] == list(range(len(flat)))


def test_what_waited_behind_a_blocked_call_and_is_about_something_else_goes_out() -> None:
    fine, bad = call_events(ALLOWED, 1), call_events(DENIED, 2)
    fine = json.loads(json.dumps(fine).replace("secret-b", "other"))
    sent, _ = stopping(bad[0], *TEXT, fine[0], *fine[1:], *bad[1:])
    flat = [one for some in sent for one in some]
    assert DENIED not in json.dumps(flat)
    assert [item["type"] for item in flat[-1]["response"]["output"]] == ["message", "function_call"]
    assert [one["delta"] for one in flat if one["type"] == "response.output_text.delta"] == ["Hello"]


def test_without_rules_about_tools_only_calls_of_the_caller_wait_and_one_without_end_is_never_shown() -> None:
    sent, _ = stopping(*call_events(ALLOWED, ends=False)[:1])
    assert [len(some) for some in sent] == [0, 0]
    hosted = {"type": "web_search_call", "id": "ws_1", "status": "in_progress"}
    sent, _ = stopping({"type": "response.output_item.added", "output_index": 0, "item": hosted})
    assert [len(some) for some in sent] == [1, 0]


def test_what_waits_behind_a_call_keeps_its_order() -> None:
    first, second = call_events(ALLOWED, 0), call_events(ALLOWED, 1)
    mixed = [first[0], second[0], *first[1:], *second[1:]]
    sent, _ = play(*mixed)
    free, _ = play(*mixed, rules=None)
    flat = [one for some in sent for one in some]
    assert flat == [one for some in free for one in some]
    assert sent[len(mixed) - 2] == []


@pytest.mark.parametrize("name", [ALLOWED, DENIED])
def test_a_call_that_never_ends_is_never_shown(name: str) -> None:
    sent, guard = play(*TEXT, *call_events(name, 1, ends=False))
    assert "secret-b" not in json.dumps(sent)
    assert name not in json.dumps(sent)
    assert guard.blocked is None


@pytest.mark.parametrize(("name", "shown"), [(ALLOWED, True), (DENIED, False)])
def test_a_call_that_only_the_response_holds_is_judged_there(name: str, shown: bool) -> None:
    item = call_events(name)[-1]["item"]
    ended = {"type": "response.completed", "response": {"status": "completed", "output": [item]}}
    sent, guard = play(ended)
    assert ("secret-b" in json.dumps(sent)) is shown
    assert (guard.blocked is None) is shown


@pytest.mark.parametrize("at", [2, 3, 4])
def test_a_call_that_is_told_in_two_ways_is_judged_in_both(at: int) -> None:
    rule = FlowRule(
        "tools.big", Severity.HIGH, Action.BLOCK, Names.of(["look"]), schema={"properties": {"a": {"maxLength": 8}}}
    )
    events = call_events(ALLOWED)
    long = '{"a": "secret-b and more"}'
    changed: dict[int, dict[str, Any]] = {
        2: {"delta": '"secret-b and more"}'},
        3: {"arguments": long},
        4: {"item": {**events[4]["item"], "arguments": long}},
    }
    events[at] = {**events[at], **changed[at]}
    sent, guard = play(*events, rules=replace(RULES, rules=(rule,)))
    assert guard.blocked is not None
    assert "secret-b" not in json.dumps(sent)
    assert play(*call_events(ALLOWED), rules=replace(RULES, rules=(rule,)))[1].blocked is None


def test_a_call_nobody_announced_waits_too() -> None:
    sent, guard = play(*call_events(DENIED)[1:])
    assert guard.blocked is not None
    assert "secret-b" not in json.dumps(sent)


def test_too_much_may_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_HELD", 3)
    gate = CallGate(output_guard())
    gate.see(call_events(ALLOWED)[0], "output_item", "added")
    assert gate.waits
    with pytest.raises(UpstreamUnavailable, match="too large"):
        gate.pass_on([Outgoing(None, {}, "")] * 4)


def test_a_stopped_stream_forgets_what_waited() -> None:
    gate = CallGate(output_guard())
    gate.see(call_events(ALLOWED)[0], "output_item", "added")
    assert gate.pass_on([Outgoing(None, {}, "")]) == []
    gate.drop()
    assert gate.pass_on([]) == []
