from __future__ import annotations

from typing import Any

import pytest

from guardproxy.core.inspection import OutputGuard
from guardproxy.errors import UpstreamUnavailable
from guardproxy.surfaces.messages import flow as module
from guardproxy.surfaces.messages.cleaning import Cleaner
from guardproxy.surfaces.messages.events import Edited
from guardproxy.surfaces.messages.flow import BlockFlow
from tests.support.strategies import make_kit
from tests.surfaces.messages.received import bare, decoded, delta, event, start, stop

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
    assert decoded(flow.end(0, edited(stop(0)))) == [delta(0, "text", "sec"), stop(0)]
    assert (list(flow.open_blocks()), flow.characters) == ([], 5)


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
    grow(flow, 0, "tool_use", "{'x'")
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
