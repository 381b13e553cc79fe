from __future__ import annotations

from typing import Any

import pytest

from guardproxy.core.inspection import OutputGuard
from guardproxy.errors import UpstreamUnavailable
from guardproxy.surfaces.responses import channels as module
from guardproxy.surfaces.responses.channels import Channel, Channels
from guardproxy.surfaces.responses.cleaning import Cleaner
from guardproxy.surfaces.responses.families import key_of
from tests.support.strategies import make_kit

WORDS = make_kit({"word": "secret{1,3}"})


def opened(kind: str, **more: Any) -> tuple[Channels, Channel, Cleaner]:
    guard = OutputGuard(WORDS.policy())
    channels = Channels(guard)
    event = {"type": f"response.{kind}.delta", "output_index": 1, "delta": "x", "sequence_number": 3, **more}
    return channels, channels.open(key_of(kind, event), event), Cleaner(guard)


def test_a_text_goes_out_as_it_becomes_safe() -> None:
    channels, channel, cleaner = opened("refusal", content_index=2, logprobs=[{"token": "x"}])
    assert [channels.feed(channel, piece) for piece in ("a sec", "ret, se")] == ["a ", "[WORD], "]
    assert channel.finish(cleaner) == "se"
    assert channel.shown == "a [WORD], se"
    assert cleaner.text("a secret, se", ()) == channel.shown
    assert channel.path == ("output", 1, "content", 2, "refusal")
    assert channel.part == ("content", 2)
    event = {"type": "response.refusal.delta", "output_index": 1, "content_index": 2, "logprobs": [], "delta": "y"}
    assert channel.event("y") == event


def test_a_text_that_is_joined_with_others_is_filled_in_when_it_is_decided() -> None:
    channels, channel, cleaner = opened("output_text")
    assert (channels.feed(channel, "a sec"), channel.finish(cleaner), channel.holds) == ("a ", "", True)
    channel.waits = True
    part: dict[str, Any] = {"text": "a sec", "annotations": [{"start_index": 2, "end_index": 5}]}
    channel.repeat(part, "text", part)
    assert part["text"] == ""
    assert channel.run is not None
    channel.run.finish()
    assert (channel.take(), channel.holds) == ("sec", False)
    channel.settled()
    assert part == {"text": "a sec", "annotations": [{"start_index": 2, "end_index": 5}]}
    assert channels.told(channel.key, "a sec") is channel
    assert cleaner.text("a sec", ()) == "a sec"


def test_a_call_goes_out_whole() -> None:
    channels, channel, cleaner = opened("function_call_arguments")
    assert [channels.feed(channel, piece) for piece in ('{"x":"\\u0073ec', 'ret"}')] == ["", ""]
    assert channel.finish(cleaner) == ""
    assert (channel.looks_whole(), channel.is_complete) == (True, True)
    assert channel.settle(cleaner) == '{"x":"[WORD]"}' == channel.shown
    assert channel.part is None


def test_what_the_end_of_a_call_says_counts_more_than_its_pieces() -> None:
    channels, channel, cleaner = opened("custom_tool_call_input")
    channels.feed(channel, "a se")
    assert (channel.looks_whole(), channel.is_complete) == (True, False)
    assert channel.settle(cleaner, "a secret") == "a [WORD]"


def test_a_call_that_was_cut_off_has_no_text() -> None:
    channels, channel, _ = opened("function_call_arguments")
    channels.feed(channel, '{"x":')
    assert not channel.looks_whole()
    channel.cut_off()
    assert (channel.cut, channel.finished, channel.shown, channel.raw) == (True, True, "", "")


def test_a_text_that_goes_on_after_its_end_is_not_believed() -> None:
    channels, channel, cleaner = opened("output_text")
    channel.finish(cleaner)
    assert channels.feed(channel, "") == ""
    with pytest.raises(UpstreamUnavailable):
        channels.feed(channel, "x")


def test_a_stream_may_not_make_us_keep_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CHARACTERS", 10)
    monkeypatch.setattr(module, "MOST_CHANNELS", 2)
    channels, channel, _ = opened("custom_tool_call_input")
    channels.feed(channel, "x" * 10)
    with pytest.raises(UpstreamUnavailable) as raised:
        channels.feed(channel, "x")
    assert raised.value.reason == "too_large"
    with pytest.raises(UpstreamUnavailable):
        for index in range(5):
            channels.open(key_of("output_text", {"output_index": index}), {})


def test_a_text_within_an_object_comes_in_one() -> None:
    guard = OutputGuard(WORDS.policy())
    channels = Channels(guard)
    event = {"type": "response.shell_call_output_content.delta", "output_index": 0, "delta": {}}
    channel = channels.open(key_of("shell_call_output_content", event, ("stdout",)), event)
    assert channel.event("x")["delta"] == {"stdout": "x"}
    assert channel.path == ("output", 0, "output", 0, "stdout")
    assert [one is channel for one in channels] == [True]
    assert channels.get(channel.key) is channel
