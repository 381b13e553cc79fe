"""A secret cut in two between texts that clients join is hidden in both, in the answers of all APIs with parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.inspection import inspect
from guardproxy.surfaces import CHAT_COMPLETIONS, MESSAGES, RESPONSES, Surface
from tests.support.strategies import make_kit

KIT = make_kit({"word": "s-[0-9]{6}-t"})
SECRET = "s-123456-t"


def message(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": list(parts)}


def text(said: str) -> dict[str, Any]:
    return {"type": "output_text", "text": said, "annotations": []}


def thought(one: str, other: str) -> dict[str, Any]:
    summary = [{"type": "summary_text", "text": said} for said in (one, other)]
    return {"output": [{"id": "r", "type": "reasoning", "summary": summary}]}


JOINED: list[tuple[Surface, Callable[[str, str], dict[str, Any]]]] = [
    (RESPONSES, lambda one, other: {"output": [message(text(one), text(other))]}),
    (RESPONSES, lambda one, other: {"output": [message(text(one)), {"type": "x"}, message(text(other))]}),
    (RESPONSES, thought),
    (MESSAGES, lambda one, other: {"content": [{"type": "text", "text": said} for said in (one, other)]}),
    (
        MESSAGES,
        lambda one, other: {
            "content": [{"type": "text", "text": one}, {"type": "web_search_tool_result", "content": []},
                        {"type": "text", "text": other}],
        },
    ),
    (
        CHAT_COMPLETIONS,
        lambda one, other: {
            "choices": [{"message": {"content": [{"type": "text", "text": said} for said in (one, other)]}}]
        },
    ),
]  # fmt: skip


def texts_of(value: Any) -> list[str]:
    match value:
        case dict():
            return [one for name, below in value.items() for one in ([below] if name == "text" else texts_of(below))]
        case list():
            return [one for below in value for one in texts_of(below)]
    return []


@pytest.mark.parametrize(("surface", "answer"), JOINED, ids=range(len(JOINED)))
@given(st.integers(1, len(SECRET) - 1))
def test_a_secret_cut_in_two_between_joined_texts_is_hidden_in_both(
    surface: Surface, answer: Callable[[str, str], dict[str, Any]], at: int
) -> None:
    document = answer(f"it is {SECRET[:at]}", f"{SECRET[at:]}, keep it")
    surface.edit(document, inspect(KIT.policy(), surface.read_response(document).segments).edits)
    assert texts_of(document) == ["it is [WORD]", "[WORD], keep it"]


def test_texts_that_nobody_joins_are_texts_of_their_own() -> None:
    halves = SECRET[:4], SECRET[4:]
    choices = [{"message": {"content": [{"type": "text", "text": half}]}} for half in halves]
    apart = [
        (CHAT_COMPLETIONS, {"choices": choices}),
        (RESPONSES, {"output": [thought(half, "")["output"][0] for half in halves]}),
    ]
    for surface, document in apart:
        assert inspect(KIT.policy(), surface.read_response(document).segments).edits == {}
