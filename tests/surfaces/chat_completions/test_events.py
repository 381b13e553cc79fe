from __future__ import annotations

from typing import Any

import pytest

from guardproxy.surfaces.chat_completions.events import is_plain, nest, own_event
from guardproxy.wire.document import decode

LABELS = {"id": "c1", "object": "chat.completion.chunk", "model": "m"}
CHOICE = {"index": 0, "delta": {"content": "x"}, "logprobs": None, "finish_reason": None}
EVENT = {**LABELS, "created": 1, "choices": [CHOICE], "usage": None}


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


def test_an_event_of_our_own_looks_like_the_last_one() -> None:
    frame = own_event({**EVENT, "usage": {"total_tokens": 1}}, 2, {"delta": {"content": "x"}}, "stop")
    choice = {"index": 2, "delta": {"content": "x"}, "finish_reason": "stop"}
    assert decode(frame.removeprefix(b"data: ").strip()) == {**LABELS, "created": 1, "choices": [choice]}


def test_a_text_is_nested_where_it_stood() -> None:
    assert nest(("delta", "details", 0, "text"), "x") == {"delta": {"details": [{"text": "x"}]}}
