from __future__ import annotations

from typing import Any

import pytest

from guardproxy.surfaces.messages.cut import drop_cut_calls

TEXT = {"type": "text", "text": "x"}
CALL = {"type": "tool_use", "id": "t", "name": "sh", "input": {"cmd": "rm -rf /"}}


@pytest.mark.parametrize("reason", ["max_tokens", "refusal", "model_context_window_exceeded", "unheard_of"])
def test_the_last_call_of_a_message_that_did_not_end_by_itself_is_dropped(reason: str) -> None:
    document: Any = {"stop_reason": reason, "content": [TEXT, CALL, CALL]}
    drop_cut_calls(document)
    assert document == {"stop_reason": reason, "content": [TEXT, CALL]}


@pytest.mark.parametrize("reason", ["tool_use", "end_turn", "pause_turn", None])
def test_calls_of_a_message_that_ended_stay(reason: str | None) -> None:
    document: Any = {"stop_reason": reason, "content": [TEXT, CALL]}
    drop_cut_calls(document)
    assert document == {"stop_reason": reason, "content": [TEXT, CALL]}


def test_a_call_whose_input_is_the_beginning_of_some_json_is_dropped_whatever_the_message_says() -> None:
    cut = {**CALL, "input": '{"cmd": "rm -rf /'}
    document: Any = {"stop_reason": "tool_use", "content": [cut, {**CALL, "input": "{}"}]}
    drop_cut_calls(document)
    assert document == {"stop_reason": "max_tokens", "content": [{**CALL, "input": "{}"}]}


@pytest.mark.parametrize("document", [None, {}, {"content": "x", "stop_reason": "max_tokens"}, {"content": []}])
def test_what_holds_no_calls_stays_as_it_is(document: Any) -> None:
    before = repr(document)
    drop_cut_calls(document)
    assert before == repr(document)
