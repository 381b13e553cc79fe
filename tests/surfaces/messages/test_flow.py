from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import AnswerFields, Policy
from guardproxy.core.tools.conversation import Conversation, Definition
from guardproxy.core.tools.judge import ToolGuard
from guardproxy.core.tools.names import Names
from guardproxy.core.tools.rules import FlowRule, NameLists, ToolRules
from guardproxy.core.verdict import Action, Severity
from guardproxy.errors import UpstreamUnavailable
from guardproxy.policyfile.tool_compile import rules_of
from guardproxy.surfaces.messages import MessagesStream
from guardproxy.surfaces.messages import flow as module
from guardproxy.surfaces.messages.cleaning import Cleaner
from guardproxy.surfaces.messages.events import Edited
from guardproxy.surfaces.messages.flow import BlockFlow
from tests.support.strategies import cut_places, make_kit
from tests.surfaces.messages.received import (
    Received,
    bare,
    block,
    decoded,
    delta,
    ending,
    event,
    run,
    start,
    starting,
    stop,
    whole,
)

WORDS = make_kit({"word": "secret"})


def opened() -> BlockFlow:
    guard = OutputGuard(WORDS.policy())
    return BlockFlow(guard, Cleaner(guard))


def edited(document: dict[str, Any]) -> Edited:
    return Edited(event(document), document, changed=False)


def begin(flow: BlockFlow, index: int, kind: str) -> list[Any]:
    return decoded(flow.begin(index, edited(start(index, bare(kind)))))


def grow(flow: BlockFlow, index: int, kind: str, text: str) -> list[Any]:
    return decoded(flow.grow(index, edited(delta(index, kind, text))))


def test_a_block_goes_out_from_its_beginning_to_its_end() -> None:
    flow = opened()
    assert begin(flow, 0, "text") == [start(0, bare("text"))]
    assert grow(flow, 0, "text", "a sec") == [delta(0, "text", "a ")]
    assert list(flow.open_blocks()) == [0]
    assert flow.end(0, edited(stop(0))) == []  # the next text may go on with it
    assert (list(flow.open_blocks()), flow.characters) == ([0], 2)
    assert begin(flow, 1, "text") == []
    told = [delta(0, "text", "sec"), stop(0), start(1, bare("text")), delta(1, "text", "ond")]
    assert grow(flow, 1, "text", "ond") == told
    assert decoded(flow.end(1, edited(stop(1)))) == [stop(1)]
    assert (list(flow.open_blocks()), flow.characters) == ([], 8)


def test_thinking_waits_for_thinking_in_the_very_next_block_only() -> None:
    flow = opened()
    begin(flow, 0, "thinking")
    assert grow(flow, 0, "thinking", "sec") == [delta(0, "thinking", "")]
    assert flow.end(0, edited(stop(0))) == []
    assert begin(flow, 1, "thinking") == []
    assert grow(flow, 1, "thinking", "ret sec") == [
        delta(0, "thinking", "[WORD]"), stop(0), start(1, bare("thinking")), delta(1, "thinking", "[WORD] "),
    ]  # fmt: skip
    assert flow.end(1, edited(stop(1))) == []
    assert begin(flow, 2, "text") == [delta(1, "thinking", "sec"), stop(1), start(2, bare("text"))]
    assert begin(flow, 3, "thinking") == [start(3, bare("thinking"))]
    assert grow(flow, 3, "thinking", "ret") == [delta(3, "thinking", "[WORD]")]  # of a match, what is not out yet


@pytest.mark.parametrize("fields", AnswerFields)
def test_only_where_fields_are_sequential_a_text_ends_where_another_block_begins(fields: AnswerFields) -> None:
    guard = OutputGuard(WORDS.policy(answer_fields=fields))
    flow = BlockFlow(guard, Cleaner(guard))
    begin(flow, 0, "text")
    grow(flow, 0, "text", "sec")
    told = [delta(0, "text", "sec"), stop(0)]
    assert flow.end(0, edited(stop(0))) == []
    assert begin(flow, 1, "tool_use") == (told if fields is AnswerFields.SEQUENTIAL else [])
    assert decoded(flow.end_all("end_turn"))[: len(told)] == ([] if fields is AnswerFields.SEQUENTIAL else told)


def test_what_waits_behind_a_text_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 1000)
    guard = OutputGuard(make_kit({"long": "a{1,9000}b"}).policy())
    flow = BlockFlow(guard, Cleaner(guard))
    begin(flow, 0, "text")
    grow(flow, 0, "text", "a")
    flow.end(0, edited(stop(0)))
    begin(flow, 1, "text")
    with pytest.raises(UpstreamUnavailable) as raised:
        for _ in range(100):
            grow(flow, 1, "text", "a")
    assert raised.value.reason == "too_large"


def test_a_call_waits_and_so_does_what_began_behind_it() -> None:
    flow = opened()
    assert begin(flow, 0, "tool_use") + grow(flow, 0, "tool_use", '{"x"') + begin(flow, 1, "text") == []
    assert grow(flow, 1, "text", "hi") == []
    assert list(flow.open_blocks()) == []
    assert grow(flow, 0, "tool_use", ":1}") == []
    told = decoded(flow.end(0, edited(stop(0))))
    assert told == [
        start(0, bare("tool_use")), delta(0, "tool_use", '{"x"'), delta(0, "tool_use", ":1}"), stop(0),
        start(1, bare("text")), delta(1, "text", "hi"),
    ]  # fmt: skip
    assert list(flow.open_blocks()) == [1]


@pytest.mark.parametrize(
    ("reason", "shown"), [("tool_use", True), ("end_turn", True), ("max_tokens", False), (None, False)]
)
def test_why_a_message_ended_says_whether_a_call_was_cut_off(reason: str | None, shown: bool) -> None:
    flow = opened()
    begin(flow, 0, "tool_use")
    grow(flow, 0, "tool_use", "run x")
    assert flow.end(0, edited(stop(0))) == []
    assert bool(flow.end_all(reason)) is shown
    assert flow.end_all(reason) == []


def test_the_end_of_something_that_never_began_passes() -> None:
    assert decoded(opened().end(5, edited(stop(5)))) == [stop(5)]


def test_what_one_stream_may_make_us_keep_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 100)
    monkeypatch.setattr(module, "MOST_BLOCKS", 3)
    flow = opened()
    begin(flow, 0, "tool_use")
    with pytest.raises(UpstreamUnavailable) as raised:
        for _ in range(100):
            grow(flow, 0, "tool_use", "x" * 7)
    assert raised.value.reason == "too_large"
    with pytest.raises(UpstreamUnavailable):
        for index in range(1, 5):
            begin(flow, index, "text")


# ---------------------------------------------------------------- rules about tools

ALLOWED, DENIED = "look", "wipe"
RULES = ToolRules(lists=NameLists(deny=Names.of([DENIED])), max_calls=3)


def judging(rules: ToolRules = RULES) -> tuple[MessagesStream, OutputGuard]:
    offered = tuple(Definition((name,), {}) for name in (ALLOWED, DENIED))
    policy = Policy("p", "r", rules=rules_of(rules), tools=rules)
    guard = OutputGuard(policy, ToolGuard(rules, Conversation((), offered)))
    return MessagesStream(guard), guard


def play(documents: list[dict[str, Any]], rules: ToolRules = RULES) -> tuple[Received, OutputGuard]:
    stream, guard = judging(rules)
    frames = [frame for document in documents for frame in stream.feed(event(document))]
    return Received([*frames, *stream.finish()]), guard


def call(index: int, name: str, written: str = "{}", cuts: list[int] | None = None, **more: Any) -> list[Any]:
    beginning, *rest = block(index, "tool_use", written, cuts or [])
    return [start(index, {**beginning["content_block"], "name": name, **more}), *rest]


@given(cut_places)
def test_nothing_of_a_denied_call_leaves_however_it_is_cut(cuts: list[int]) -> None:
    words = [block(0, "text", "Well."), call(1, DENIED, '{"disk": "sda"}', cuts), block(2, "text", "Done.")]
    received, guard = play(whole(*words, reason="tool_use"))
    assert [one["text"] for one in received.blocks] == ["Well."]
    assert (received.reason, received.done) == ("refusal", True)
    assert [(one.rule, one.path) for one in guard.findings] == [("tools.not-allowed", ("content", 1))]
    assert "sda" not in str(received.documents)


@given(cut_places)
def test_calls_that_may_go_on_go_out_as_without_rules(cuts: list[int]) -> None:
    documents = whole(call(0, ALLOWED, '{"a": "b"}', cuts), call(1, ALLOWED), block(2, "text", "x"), reason="tool_use")
    received, guard = play(documents)
    assert guard.findings == []
    assert received.documents == run(WORDS.policy(), documents).documents


def test_calls_are_counted_over_the_whole_answer() -> None:
    received, guard = play(whole(*(call(index, ALLOWED) for index in range(5)), reason="tool_use"))
    assert len(received.blocks) == 3
    assert [one.rule for one in guard.findings] == ["tools.too-many-calls"]


@pytest.mark.parametrize(
    "documents",
    [
        [starting(content=[{"type": "tool_use", "id": "t", "name": DENIED, "input": {"disk": "sda"}}])],
        [starting(content=[{"type": "tool_use", "id": "t", "name": DENIED, "input": {}}]), delta(0, "tool_use", "{}")],
        [starting(), *call(0, ALLOWED, '{"disk": "sda"'), *ending("tool_use")],
        [starting(), start(0, bare("text")), delta(0, "tool_use", '{"disk": "sda"}'), stop(0), *ending()],
        [starting(), delta(0, "tool_use", '{"disk": "sda"}'), stop(0), *ending()],
        [starting(), start(0, bare("compaction")), delta(0, "tool_use", '{"disk": "sda"}'), stop(0), *ending()],
    ],
)
def test_a_call_in_another_form_is_judged_too(documents: list[dict[str, Any]]) -> None:
    received, guard = play(documents)
    assert guard.blocked is not None
    assert "sda" not in str(received.documents)


def test_of_two_inputs_that_a_call_brings_either_may_be_what_a_client_acts_on() -> None:
    rule = FlowRule(
        "tools.big", Severity.HIGH, Action.BLOCK, Names.of([ALLOWED]), schema={"properties": {"a": {"maxLength": 3}}}
    )
    rules = ToolRules(rules=(rule,))
    for announced, written, good in (("x" * 9, '{"a":"x"}', 0), ("x", '{"a":"xxxxxxxxx"}', 0), ("x", '{"a":"xx"}', 1)):
        received, guard = play(whole(call(0, ALLOWED, written, input={"a": announced}), reason="tool_use"), rules)
        assert (guard.blocked is None, len(received.blocks)) == (bool(good), good)


def test_what_a_tool_of_the_server_said_counts_for_the_calls_behind_it() -> None:
    rule = FlowRule("tools.after", Severity.HIGH, Action.BLOCK, Names.of([ALLOWED]), after=Names.of(["web_*"]))
    found = start(0, {"type": "web_search_tool_result", "tool_use_id": "before", "content": []})
    for first, blocks in ((found, True), (start(0, bare("text")), False)):
        _, guard = play(whole([first, stop(0)], call(1, ALLOWED), reason="tool_use"), ToolRules(rules=(rule,)))
        assert (guard.blocked is not None) is blocks


def test_a_call_is_judged_by_what_the_model_wrote_and_shown_without_what_is_hidden() -> None:
    rule = FlowRule("tools.open", Severity.HIGH, Action.BLOCK, Names.of([ALLOWED]), schema={"required": ["secret"]})
    rules = ToolRules(rules=(rule,))
    policy = replace(WORDS.policy(), rules={**WORDS.policy().rules, **rules_of(rules)}, tools=rules)
    guard = OutputGuard(policy, ToolGuard(rules, Conversation((), (Definition((ALLOWED,), {}),))))
    stream = MessagesStream(guard)
    documents = whole(call(0, ALLOWED, "", input={"secret": 1}), reason="tool_use")
    received = Received([frame for document in documents for frame in stream.feed(event(document))])
    assert guard.blocked is None
    assert received.blocks[0]["input"] == {"[WORD]": 1}


def test_a_compaction_is_no_call() -> None:
    received, guard = play(whole([start(0, {"type": "compaction", "content": "so far"}), stop(0)]))
    assert guard.findings == []
    assert received.blocks[0]["content"] == "so far"
