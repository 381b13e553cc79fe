from __future__ import annotations

from typing import Any

from guardproxy.core.inspection import OutputGuard
from guardproxy.surfaces.responses.channels import Channels
from guardproxy.surfaces.responses.cleaning import Cleaner
from guardproxy.surfaces.responses.ending import end_blocked
from guardproxy.surfaces.responses.families import key_of
from guardproxy.surfaces.responses.shown import Shown
from tests.support.strategies import make_kit

KIT = make_kit({"word": "§"})
STOPPED = "Stopped."


def fed(*texts: tuple[str, dict[str, Any], str]) -> Channels:
    guard = OutputGuard(KIT.policy())
    channels = Channels(guard)
    for family, where, text in texts:
        event = {"type": f"response.{family}.delta", "item_id": f"i{where['output_index']}", **where}
        channel = channels.open(key_of(family, event), event)
        channels.feed(channel, text)
        channel.finish(Cleaner(guard))
    return channels


def announce(shown: Shown, index: int, kind: str, **more: Any) -> None:
    item = {"id": f"i{index}", "type": kind, "status": "in_progress", **more}
    shown.take({"output_index": index, "item": item}, "added")


def test_everything_open_is_closed_with_what_was_sent_and_calls_are_not_mentioned() -> None:
    shown = Shown()
    shown.take({"response": {"id": "r", "object": "response", "status": "in_progress", "output": []}}, "created")
    announce(shown, 0, "reasoning", summary=[], encrypted_content="QUJD")
    announce(shown, 1, "message", role="assistant", content=[])
    announce(shown, 2, "function_call", arguments="")
    channels = fed(
        ("reasoning_summary_text", {"output_index": 0, "summary_index": 0}, "so"),
        ("output_text", {"output_index": 1, "content_index": 0}, "well"),
        ("output_text", {"output_index": 1, "content_index": 1}, "then"),
    )
    events = list(
        end_blocked(shown, channels, {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}, STOPPED)
    )
    assert [event["type"].removeprefix("response.") for event in events] == [
        "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done",
        "output_text.done", "content_part.done", "output_text.done", "content_part.done",
        "content_part.added", "refusal.delta", "refusal.done", "content_part.done", "output_item.done", "incomplete",
    ]  # fmt: skip
    envelope = events[-1]["response"]
    assert (envelope["id"], envelope["status"]) == ("r", "incomplete")
    thought, told = envelope["output"]
    assert (thought["summary"], thought["encrypted_content"]) == ([{"type": "summary_text", "text": "so"}], None)
    assert [part.get("text", part.get("refusal")) for part in told["content"]] == ["well", "then", STOPPED]
    assert (envelope["usage"]["input_tokens"], envelope["usage"]["total_tokens"]) == (1, 3)


def test_without_anything_a_message_of_our_own_says_it() -> None:
    events = list(end_blocked(Shown(), fed(), None, STOPPED))
    assert events[0]["type"] == "response.output_item.added"
    (item,) = events[-1]["response"]["output"]
    assert item["content"] == [{"type": "refusal", "refusal": STOPPED}]
    assert "usage" not in events[-1]["response"]


def test_items_nobody_announced_are_made_up_for() -> None:
    channels = fed(("output_text", {"output_index": 3, "content_index": 0}, "well"), ("x", {"output_index": 9}, "y"))
    events = list(end_blocked(Shown(), channels, None, STOPPED))
    (item,) = events[-1]["response"]["output"]
    assert (item["id"], item["role"], item["content"][0]["text"]) == ("i3", "assistant", "well")


def test_usage_may_have_the_names_of_either_api() -> None:
    for usage in ({"input_tokens": 1, "output_tokens": 2}, {"prompt_tokens": 1, "completion_tokens": 2}):
        (*_, last) = end_blocked(Shown(), fed(), usage, STOPPED)
        told = last["response"]["usage"]
        assert (told["input_tokens"], told["output_tokens"], told["total_tokens"]) == (1, 2, 3)
