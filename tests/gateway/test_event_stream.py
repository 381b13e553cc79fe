from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.gateway.event_stream import EVENT_STREAM, EventStream
from guardproxy.gateway.request import Request
from guardproxy.surfaces import CHAT_COMPLETIONS
from tests.gateway.test_sending import asked, received

FRAMES = st.lists(st.binary(min_size=1, max_size=20).map(lambda data: b"data: " + data + b"\n\n"), max_size=3)


class Told:
    """What other proxies are told; `known` once they were."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.known: list[str] = []

    async def write(self, ids: list[str]) -> None:
        await asyncio.sleep(0)
        self.known += ids


def opened(request: Request, told: Told) -> EventStream:
    def own(ids: Any) -> Awaitable[None]:
        told.asked += ids
        return asyncio.ensure_future(told.write(list(ids)))

    draft = SimpleNamespace(policy=None)
    running = SimpleNamespace(request=request, gateway=SimpleNamespace(scrub=bytes), draft=draft, own=own)
    return EventStream(cast("Any", running), CHAT_COMPLETIONS, {"x-of": "ours"})


@given(st.lists(st.tuples(st.booleans(), FRAMES), max_size=8))
def test_all_frames_go_out_in_order_and_none_before_others_know_what_it_tells(
    pieces: list[tuple[bool, list[bytes]]],
) -> None:
    async def run() -> None:
        request, line = asked()
        told = Told()
        stream = opened(request, told)
        sent = b""
        for number, (tells, frames) in enumerate(pieces):
            if tells:
                stream.own([f"id-{number}"])
            frames = [b"%d %b" % (number, frame) for frame in frames]
            if stream.put(frames):
                assert all(frame not in b"".join(line.written) for frame in frames)
                await stream.drained()
            if frames:
                assert told.known == told.asked
            sent += b"".join(frames)
        await stream.end()
        assert told.known == told.asked
        parser = received(line)
        assert parser.complete
        assert (parser.take() if parser.pieces else b"") == sent
        assert stream.size == len(sent)
        assert parser.headers[b"content-type"] == EVENT_STREAM.encode()

    asyncio.run(run())


async def test_its_head_goes_out_with_the_first_frames() -> None:
    request, line = asked()
    stream = opened(request, Told())
    assert not stream.started
    await stream.write([b"data: a\n\n"])
    assert stream.started
    assert line.written


async def test_what_waits_while_others_are_told_stays_before_what_comes_when_time_is_up() -> None:
    class Slow(Told):
        async def write(self, ids: list[str]) -> None:
            await asyncio.Event().wait()

    request, line = asked()
    stream = opened(request, Slow())
    stream.own(["id"])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await stream.write([b"data: first\n\n"])
    await stream.write([b"data: the error\n\n"])
    await stream.end()
    assert received(line).take() == b"data: first\n\ndata: the error\n\n"
