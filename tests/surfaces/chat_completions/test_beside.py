from __future__ import annotations

import json
from typing import Any

from guardproxy.core.inspection import OutputGuard
from guardproxy.surfaces.chat_completions.beside import Beside, append_rest, rest_of
from guardproxy.surfaces.chat_completions.cleaning import Cleaner
from guardproxy.surfaces.chat_completions.plain import OpenChoice
from guardproxy.wire.path import Path
from guardproxy.wire.sse import SseDecoder, SseEvent
from tests.support.strategies import make_kit

KIT = make_kit({"key": "KEY[0-9]{4}", "word": "chat"})


def beside() -> Beside:
    guard = OutputGuard(KIT.policy())
    labels: dict[str, str] = {}

    def grow(choice: OpenChoice, key: Path, text: str) -> str:
        return choice.channels.setdefault(key, guard.open(key)).feed(text)

    return Beside(guard, Cleaner(guard, labels), grow, labels, "chat.chunk")


def documents(frames: list[bytes]) -> list[Any]:
    items = [item for frame in frames for item in SseDecoder().feed(frame)]
    return [json.loads(item.data) for item in items if isinstance(item, SseEvent)]


def test_labels_and_what_arrives_whole_are_looked_at_and_the_rest_grows() -> None:
    one = beside()
    event: dict[str, Any] = {
        "id": "KEY1234", "object": "chat.chunk", "citations": ["KEY1234"], "x": "a KE", "choices": [{"x": "KEY1234"}],
    }  # fmt: skip
    one.edit(event)
    assert event == {
        "id": "[KEY]", "object": "chat.chunk", "citations": ["[KEY]"], "x": "a ", "choices": [{"x": "KEY1234"}],
    }  # fmt: skip
    assert documents(one.end({"id": "i"})) == [{"id": "i", "choices": [], "x": "KE"}]
    assert one.end({}) == []


def test_what_ends_with_an_event_goes_out_in_it() -> None:
    one, event = beside(), {"x": "a KE", "choices": ["KE"]}
    one.edit(event)
    one.edit_odd(event["choices"], 0)  # type: ignore[arg-type]
    assert one.end({}, event) == []
    assert event == {"x": "a KE", "choices": ["KE"]}


def test_the_rest_of_a_choice_is_what_was_held() -> None:
    guard, choice = OutputGuard(KIT.policy()), OpenChoice()
    for name in ("x", "y"):
        choice.channels[(name,)] = guard.open((name,))
        choice.channels[(name,)].feed("KE")
    event = {"x": ""}
    assert append_rest(choice, event, {("x",): ("x",)}) == 2
    assert event == {"x": "KE"}
    assert list(rest_of(choice, {("x",): ("x",)})) == [(("y",), "KE")]
