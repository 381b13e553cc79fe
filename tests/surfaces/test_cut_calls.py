"""Calls that were cut off are left out on every surface, and the log tells how many there were."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from guardproxy.core.inspection import CUT_CALLS, OutputGuard
from guardproxy.surfaces import CHAT_COMPLETIONS, MESSAGES, RESPONSES, Surface
from guardproxy.wire.sse import DONE, SseEvent
from tests.support.strategies import make_kit
from tests.surfaces.chat_completions.received import chunk, part
from tests.surfaces.messages.received import block, ending, starting
from tests.surfaces.responses.received import call
from tests.surfaces.responses.test_stream import whole

WORDS = make_kit({"word": "secret"})
CUT = '{"cmd": "rm -rf /'


def streamed(surface: Surface, documents: Sequence[Any], *, done: bool = False) -> tuple[str, dict[str, int]]:
    """What goes out of a stream, and what the log counts."""
    guard = OutputGuard(WORDS.policy())
    assert surface.open_stream is not None
    stream = surface.open_stream(guard, None)
    frames = [frame for one in documents for frame in stream.feed(SseEvent(json.dumps(one), one.get("type", "")))]
    frames += stream.feed(SseEvent(DONE)) if done else []
    return b"".join([*frames, *stream.finish()]).decode(), dict(guard.verdict().features)


def function(index: int, arguments: str) -> dict[str, Any]:
    return {"index": index, "id": f"c{index}", "type": "function", "function": {"name": "f", "arguments": arguments}}


@pytest.mark.parametrize("end", ["stop", "length", "done", "closed", "error"])
def test_of_a_chat_however_it_ends(end: str) -> None:
    calls = [function(0, CUT), function(1, '{"cm'), function(2, "{}")]
    documents: list[Any] = [chunk(part(0, {"tool_calls": calls})), chunk(part(1, {"tool_calls": calls[:1]}))]
    if end in ("stop", "length"):
        documents += [chunk(part(0, {}, end)), chunk(part(1, {}, end))]
    elif end == "error":
        documents.append({"error": {"message": "no", "type": "server_error"}})
    shown, counted = streamed(CHAT_COMPLETIONS, documents, done=end == "done")
    assert "rm -rf" not in shown
    assert counted == {CUT_CALLS: 4 if end in ("closed", "error") else 3}


def test_of_a_message() -> None:
    for reason in ("max_tokens", "tool_use"):
        events = [starting(), *block(0, "tool_use", CUT)[:-1], *ending(reason)]
        shown, counted = streamed(MESSAGES, events)
        assert ("rm -rf" in shown, counted) == (False, {CUT_CALLS: 1})
    shown, counted = streamed(MESSAGES, [starting(), *block(0, "tool_use", CUT), *ending("max_tokens")])
    assert ("rm -rf" in shown, counted) == (False, {CUT_CALLS: 1})


def test_of_a_response() -> None:
    events = call("function_call_arguments", 0, CUT, [3])
    events[-1]["item"]["status"] = "incomplete"
    for told in (whole(events, status="incomplete"), whole(events, status="incomplete")[:-3]):
        shown, counted = streamed(RESPONSES, told)
        assert ("rm -rf" in shown, counted) == (False, {CUT_CALLS: 1})


def test_a_stream_without_any_counts_none() -> None:
    documents = [chunk(part(0, {"tool_calls": [function(0, "{}")]})), chunk(part(0, {}, "tool_calls"))]
    assert streamed(CHAT_COMPLETIONS, documents)[1] == {}


@pytest.mark.parametrize("surface", [CHAT_COMPLETIONS, MESSAGES, RESPONSES])
def test_whole_answers_tell_how_many_were_left_out(surface: Surface) -> None:
    calls = [function(0, CUT), function(1, "{}")]
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": CUT, "status": "incomplete"}
    document = {
        "choices": [{"message": {"tool_calls": calls, "function_call": {"name": "f", "arguments": CUT}}}],
        "content": [{"type": "tool_use", "id": "c", "name": "f", "input": CUT}],
        "output": [item],
    }
    assert surface.drop_cut_calls is not None
    assert surface.drop_cut_calls(document) == (2 if surface is CHAT_COMPLETIONS else 1)
    assert surface.drop_cut_calls(document) == 0
