from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.inspection import OutputGuard
from guardproxy.surfaces.chat_completions.plain import OpenChoice, ShortWay, is_plain
from guardproxy.wire.path import Path
from guardproxy.wire.sse import SseDecoder, SseEvent, encode_event
from tests.support.strategies import Kit, make_kit, texts

LABELS = {"id": "c1", "object": "chat.completion.chunk", "model": "m"}
CHOICE = {"index": 0, "delta": {"content": "x"}, "logprobs": None, "finish_reason": None}
EVENT = {**LABELS, "created": 1, "choices": [CHOICE], "usage": None}
WORDS = make_kit({"word": "secret{1,3}"})


def short_way(kit: Kit = WORDS) -> ShortWay:
    """In the middle of a stream: one choice is open, with a channel for its content."""
    choice = OpenChoice()
    choice.channels["delta", "content"] = OutputGuard(kit.policy()).open(("choices", 0, "delta", "content"))
    return ShortWay({0: choice}, LABELS)


def sent(text: str, **more: Any) -> SseEvent:
    choice = {**CHOICE, "delta": {"content": text}}
    return SseEvent(json.dumps({**EVENT, **more, "choices": [choice]}, ensure_ascii=False))


def text_of(frame: bytes) -> str:
    (item,) = SseDecoder().feed(frame)
    assert isinstance(item, SseEvent)
    content = json.loads(item.data)["choices"][0]["delta"]["content"]
    assert isinstance(content, str)
    return content


@given(st.lists(texts, min_size=1))
def test_a_repeated_event_is_what_parsing_it_gives(pieces: list[str]) -> None:
    with_template, parsing = short_way(), short_way()
    for piece in pieces:
        event = sent(piece)
        short = with_template.repeat(event) or with_template.edit(json.loads(event.data), event)
        long = parsing.edit(json.loads(event.data), event)
        assert short and long
        assert (text_of(short[0]), short[1]) == (text_of(long[0]), long[1])


@given(st.lists(texts, min_size=1))
def test_bytes_that_are_one_event_are_what_taking_it_apart_gives(pieces: list[str]) -> None:
    whole, apart = short_way(), short_way()
    for way in (whole, apart):
        way.edit(json.loads(sent("").data), sent(""))
    for piece in pieces:
        event = sent(piece)
        passed = whole.pass_on(encode_event(event.data)) or whole.edit(json.loads(event.data), event)
        assert passed == (apart.repeat(event) or apart.edit(json.loads(event.data), event))


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame[:-1],
        lambda frame: frame[1:],
        lambda frame: frame + frame,
        lambda frame: b"event: x\n" + frame,
        lambda frame: frame.replace(b"hello", b"he\nllo"),
        lambda frame: frame.replace(b"hello", b"\xff"),
        lambda frame: frame.replace(b"hello", b'"'),
        lambda frame: frame.replace(b"hello", b"\\n"),
        lambda frame: frame.replace(b"data: ", b"data:"),
    ],
)
def test_other_bytes_are_left_alone(change: Callable[[bytes], bytes]) -> None:
    way = short_way()
    way.edit(json.loads(sent("a").data), sent("a"))
    frame = encode_event(sent("hello").data)
    assert way.pass_on(frame)
    assert way.pass_on(change(frame)) is None


def test_a_repeated_event_without_a_match_goes_out_byte_for_byte() -> None:
    way = short_way()
    way.edit(json.loads(sent("a").data), sent("a"))
    again = way.repeat(sent("Grüße"))
    assert again
    assert again[0].decode() == f"data: {sent('Grüße').data}\n\n"


def test_a_repeated_event_with_a_match_goes_out_with_the_rest_of_its_text() -> None:
    way = short_way()
    way.edit(json.loads(sent("a").data), sent("a"))
    again = way.repeat(sent("a secret b"))
    assert again
    assert text_of(again[0]) == "a [WORD] b"


def test_an_event_with_escapes_leaves_the_known_form_known() -> None:
    way = short_way()
    way.edit(json.loads(sent("a").data), sent("a"))
    assert way.repeat(sent("\n")) is None
    assert way.edit(json.loads(sent("\n").data), sent("\n"))
    assert way.repeat(sent("b"))


@pytest.mark.parametrize("more", [{"model": "other"}, {"created": 2}, {"note": "x"}])
def test_an_event_with_another_frame_is_no_repeat(more: dict[str, Any]) -> None:
    way = short_way()
    way.edit(json.loads(sent("a").data), sent("a"))
    assert way.repeat(sent("b"))
    assert way.repeat(sent("b", **more)) is None


def test_a_named_event_is_no_repeat() -> None:
    way = short_way()
    way.edit(json.loads(sent("a").data), sent("a"))
    assert way.repeat(SseEvent(sent("b").data, "note")) is None


def test_nothing_repeats_in_a_finished_choice() -> None:
    choice = OpenChoice()
    choice.channels["delta", "content"] = OutputGuard(WORDS.policy()).open(("choices", 0, "delta", "content"))
    way = ShortWay({0: choice}, LABELS)
    way.edit(json.loads(sent("a").data), sent("a"))
    choice.finished = True
    assert way.repeat(sent("b")) is None


def test_in_order_only_the_first_text_of_all_and_what_follows_it_goes_the_short_way() -> None:
    for spoke, short in ((set[Path](), True), ({("delta", "reasoning_content")}, False)):
        choice = OpenChoice(ordered=True)
        choice.channels["delta", "content"] = OutputGuard(WORDS.policy()).open(("choices", 0, "delta", "content"))
        if spoke:
            choice.grown |= spoke
            assert not list(choice.take_ended())
        way = ShortWay({0: choice}, LABELS)
        assert way.edit(json.loads(sent("").data), sent("")) is None  # no text
        assert (way.edit(json.loads(sent("a").data), sent("a")) is not None) is short
        assert (way.repeat(sent("b")) is not None) is short


def test_an_event_of_known_labels_numbers_and_nothing_is_plain() -> None:
    assert is_plain(EVENT, CHOICE, LABELS)


@pytest.mark.parametrize(
    "more",
    [
        {"model": "other"},
        {"note": "x"},
        {"note": None},
        {"usage": {}},
        {"created": 1.5},
        {"object": ""},
        {"AKIA": None},
    ],
)
def test_an_event_with_anything_else_is_not(more: dict[str, Any]) -> None:
    assert not is_plain({**EVENT, **more}, CHOICE, LABELS)


@pytest.mark.parametrize("more", [{"logprobs": {}}, {"finish_reason": "stop"}, {"note": None}, {"text": "x"}])
def test_a_choice_with_anything_else_is_not(more: dict[str, Any]) -> None:
    assert not is_plain(EVENT, {**CHOICE, **more}, LABELS)
