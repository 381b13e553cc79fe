from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import AnswerFields
from guardproxy.core.verdict import Action
from guardproxy.surfaces.responses.cleaning import Cleaner
from guardproxy.surfaces.responses.flow import TextFlow
from tests.support.strategies import Kit, make_kit

WORDS = make_kit({"word": "secret{1,3}"})
AT = {"output_index": 0, "item_id": "i", "content_index": 0}


def flow(kit: Kit = WORDS) -> TextFlow:
    guard = OutputGuard(kit.policy())
    return TextFlow(guard, Cleaner(guard))


def delta(text: Any, family: str = "output_text") -> dict[str, Any]:
    return {"type": f"response.{family}.delta", **AT, "delta": text}


def grown(one: TextFlow, text: Any, family: str = "output_text") -> Any:
    document = delta(text, family)
    one.grow(family, document)
    return document["delta"]


ENDS: list[Callable[[TextFlow], object]] = [
    lambda one: one.end_text("output_text", {**AT, "text": "a se"}),
    lambda one: one.end_part(AT),
    lambda one: one.end_item({"type": "message", "id": "i"}, 0, whole=True),
    lambda one: one.end_all(),
]


@pytest.mark.parametrize("end", ENDS)
def test_what_is_held_goes_out_before_the_end_of_text_part_and_item(end: Callable[[TextFlow], object]) -> None:
    one = flow()
    assert grown(one, "a se") == "a "
    end(one)
    assert len(one.before) == 1  # what follows is put behind it
    one.end_all()
    assert [event["delta"] for event in one.before] == ["se"]
    assert not one.undecided
    assert one.characters == len("a se")


@pytest.mark.parametrize("fields", AnswerFields)
def test_only_where_fields_are_sequential_a_text_ends_where_something_else_begins(fields: AnswerFields) -> None:
    guard = OutputGuard(WORDS.policy(answer_fields=fields))
    one = TextFlow(guard, Cleaner(guard))
    assert grown(one, "a se") == "a "
    one.end_text("output_text", {**AT, "text": "a se"})
    one.let_go()
    assert one.undecided is (fields is not AnswerFields.SEQUENTIAL)
    one.end_all()
    assert [event["delta"] for event in one.before] == ["se"]


def test_an_announcement_begins_a_text_once() -> None:
    one = flow()
    item: dict[str, Any] = {"type": "message", "id": "i", "content": [{"type": "output_text", "text": "a sec"}]}
    assert one.begin_item(item, {"output_index": 0}) == {("content", 0, "text")}
    assert item["content"][0]["text"] == "a "
    assert one.begin("output_text", AT, "anything else") == "a "
    assert grown(one, "ret") == "[WORD]"
    one.end_all()
    assert one.before == []


def test_sealed_reasoning_with_text_held_back_is_announced_without_its_seal() -> None:
    item: dict[str, Any] = {"type": "reasoning", "summary": [{"text": "a sec"}], "encrypted_content": "QUJD"}
    flow().begin_item(item, {"output_index": 0})
    assert item["encrypted_content"] is None


def test_an_object_of_texts_is_several_texts() -> None:
    one = flow()
    family = "shell_call_output_content"
    assert grown(one, {"stdout": "a sec", "stderr": "se"}, family) == {"stdout": "a ", "stderr": ""}
    assert grown(one, {"stdout": "ret", "stderr": "ns"}, family) == {"stdout": "[WORD]", "stderr": "sen"}
    assert grown(one, {"a secret": "x"}, family) == {"a [WORD]": "x"}


def test_the_end_of_arguments_that_are_no_json_waits_for_its_item() -> None:
    family = "function_call_arguments"
    for status, told in (("completed", ["run x", "response.function_call_arguments.done"]), ("incomplete", [])):
        one = flow()
        grown(one, "run x", family)
        assert not one.end_text(family, {"type": "response.function_call_arguments.done", **AT, "arguments": "run x"})
        item = {"type": "function_call", "status": status, "arguments": "run x"}
        assert one.end_item(item, 0, whole=True) is (not told)
        assert [event.get("delta", event["type"]) for event in one.before] == told


def test_a_call_the_policy_stops_is_not_sent() -> None:
    one = flow(make_kit({"stop": "bad"}, actions={"stop": Action.BLOCK}))
    grown(one, '{"x":"bad"}', "function_call_arguments")
    assert one.end_text("function_call_arguments", {"type": "x.done", **AT, "arguments": '{"x":"bad"}'})
    assert one.before == []
