from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.inspection import OutputGuard
from guardproxy.surfaces.messages.block import Block
from guardproxy.surfaces.messages.calls import Call
from guardproxy.surfaces.messages.plain import pass_on
from guardproxy.wire.sse import SseDecoder, SseEvent
from tests.support.strategies import Kit, make_kit
from tests.surfaces.messages.received import as_frames, delta

WORDS = make_kit({"word": "secret"})
QUIET = make_kit({"quiet": "\ue000{3}"})


def blocks(kind: str = "text", kit: Kit = WORDS) -> dict[int, Block]:
    block = Block(0, OutputGuard(kit.policy()), announced=True)
    block.channel(kind, f"{kind}_delta")
    return {0: block}


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), st.sampled_from(["text", "thinking"]))
def test_what_takes_the_short_way_is_what_a_reader_of_json_finds(text: str, kind: str) -> None:
    (frame,) = as_frames([delta(0, kind, text)])
    told = pass_on(frame, blocks(kind, QUIET))
    if any(char in '"\\' or char < " " for char in text):
        assert told is None
        return
    assert told == (frame, len(text))
    (event,) = SseDecoder().feed(frame)
    assert isinstance(event, SseEvent)
    assert json.loads(event.data)["delta"][kind] == text


@given(st.binary(max_size=12))
def test_bytes_that_are_no_text_take_the_long_way(raw: bytes) -> None:
    frame = as_frames([delta(0, "text", "@")])[0].replace(b"@", raw)
    told = pass_on(frame, blocks(kit=QUIET))
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        assert told is None
    else:
        assert told is None or told == (frame, len(text))


def test_a_text_that_was_edited_is_put_between_what_stood_around_it() -> None:
    frame = b'event: content_block_delta\ndata: {"type": "content_block_delta", "index": 0, '
    frame += b'"delta": {"type": "text_delta", "text": "a secret \xc3\xa9"}   }\n\n'
    assert pass_on(frame, blocks()) == (frame.replace(b"secret", b"[WORD]"), len("a [WORD] é"))


@pytest.mark.parametrize(
    "data",
    [
        '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"},"note":"secret"}',
        '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x","text":"secret"}}',
        '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","thinking":"x"}}',
        '{"type":"content_block_delta","index":00,"delta":{"type":"text_delta","text":"x"}}',
        '{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"x"}}',
        '{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"x"}}',
        '{"index":0,"type":"content_block_delta","delta":{"type":"text_delta","text":"x"}}',
        '{"type":"content_block_stop","index":0}',
    ],
)
def test_any_other_event_takes_the_long_way(data: str) -> None:
    assert pass_on(f"event: content_block_delta\ndata: {data}\n\n".encode(), blocks()) is None


@pytest.mark.parametrize("piece", ["{}\n", "{}\n\n{}\n\n", "x{}\n\n", "event: x\n{}\n\n", "{}\r\n\r\n"])
def test_only_one_whole_event_takes_the_short_way(piece: str) -> None:
    (frame,) = as_frames([delta(0, "text", "x")])
    text = piece.format(*[frame.decode().removesuffix("\n\n")] * 2)
    assert pass_on(text.encode(), blocks()) is None


def test_a_text_that_has_ended_or_is_part_of_a_call_takes_the_long_way() -> None:
    (frame,) = as_frames([delta(0, "text", "x")])
    ended: Any = blocks()
    ended[0].finish()
    called = blocks()
    called[0].call = Call(None)
    assert pass_on(frame, ended) is None and pass_on(frame, called) is None
