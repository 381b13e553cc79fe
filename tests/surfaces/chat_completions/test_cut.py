from __future__ import annotations

from typing import Any

import pytest

from guardproxy.surfaces.chat_completions.cut import drop_cut_calls, is_whole

ENDED = ["tool_calls", "function_call", "stop"]
CUT_OFF = ["length", "content_filter", "", None, 7, ["stop"]]


def function(arguments: Any) -> dict[str, Any]:
    return {"id": "a", "type": "function", "function": {"name": "sh", "arguments": arguments}}


CUSTOM = {"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls /"}}


@pytest.mark.parametrize("reason", [*ENDED, *CUT_OFF])
def test_arguments_show_themselves_whether_anything_is_missing(reason: Any) -> None:
    for arguments in ('{"cmd": "rm -rf /', "{", '{"a": 1', '["a"', '"a', "{'a': 1", '{"a": 1}{', "[" * 100_000):
        assert not is_whole(function(arguments), reason)
    deep, long = "[" * 5000 + "]" * 5000, "[" + "1" * 5000 + "]"
    for arguments in ("{}", ' {"a": "x"} ', '{"a": "two\nlines"}', '["a"]', '"a"', "null", "{'a': 1}", deep, long):
        assert is_whole(function(arguments), reason)


@pytest.mark.parametrize("call", [
    function(""), function(" "), function("12"), function("rm -rf /"), function('{"a":1}{"b":2}'), function("{} x"),
    function({"a": 1}), CUSTOM, {"id": "a"},
])  # fmt: skip
def test_what_does_not_show_it_is_whole_if_the_model_says_so(call: dict[str, Any]) -> None:
    assert all(is_whole(call, reason) for reason in ENDED)
    assert not any(is_whole(call, reason) for reason in CUT_OFF)


def test_whole_arguments_do_not_vouch_for_an_input_beside_them() -> None:
    assert not is_whole({**CUSTOM, **function("{}")}, "length")


def answer(message: dict[str, Any], reason: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": message, "finish_reason": reason}]}


def dropped(message: dict[str, Any], reason: Any) -> dict[str, Any]:
    document = answer(message, reason)
    drop_cut_calls(document)
    choice: dict[str, Any] = document["choices"][0]
    return choice


def test_a_whole_answer_goes_out_without_the_calls_that_were_cut_off() -> None:
    calls = [function("{}"), function('{"cmd": "rm -rf /')]
    assert dropped({"content": "x", "tool_calls": calls}, "length") == {
        "index": 0,
        "message": {"content": "x", "tool_calls": calls[:1]},
        "finish_reason": "length",
    }


@pytest.mark.parametrize("message", [{"tool_calls": [function("{")]}, {"function_call": {"arguments": "{"}}])
def test_an_answer_that_lost_its_calls_says_that_it_was_cut_off(message: dict[str, Any]) -> None:
    for reason in (*ENDED, "length"):
        assert dropped({"content": None, **message}, reason) == {
            "index": 0,
            "message": {"content": None},
            "finish_reason": "length",
        }
    assert dropped(dict(message), None)["finish_reason"] is None


def test_without_a_reason_nothing_says_that_a_whole_answer_was_cut_off() -> None:
    message = {"tool_calls": [CUSTOM, function("")]}
    for reason in (None, ""):
        assert dropped(dict(message), reason)["message"] == message


@pytest.mark.parametrize("reason", ENDED)
def test_an_answer_with_whole_calls_stays_what_it_is(reason: str) -> None:
    message = {"tool_calls": [function("{}"), CUSTOM, "odd"], "function_call": {"name": "f", "arguments": ""}}
    assert {"index": 0, "message": dict(message), "finish_reason": reason} == dropped(message, reason)


@pytest.mark.parametrize("document", [None, [], {}, {"choices": {}}, {"choices": [1, {"message": "x"}, {}]}])
def test_odd_answers_are_left_alone(document: Any) -> None:
    before = repr(document)
    drop_cut_calls(document)
    assert repr(document) == before


def test_an_empty_list_of_calls_stays() -> None:
    assert dropped({"tool_calls": [], "function_call": None}, "stop")["message"] == {
        "tool_calls": [],
        "function_call": None,
    }
