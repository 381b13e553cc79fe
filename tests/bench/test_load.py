from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.load import NOTED, BadReply, check_reply, drive, read_reply, run_job
from bench.processes import free_port
from bench.scenarios import SCENARIOS, reply_text
from bench.upstream import Endpoint, Replies

WHOLE = replace(SCENARIOS["whole"], clients=4)
PACED = replace(SCENARIOS["paced"], clients=4, rate=500.0)
STREAM = replace(SCENARIOS["stream"], clients=3, gap_s=0.0005)


@asynccontextmanager
async def serving(protocol: Callable[[], asyncio.Protocol]) -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def upstream(gap_s: float = 0.0005) -> Callable[[], asyncio.Protocol]:
    replies = Replies(gap_s)
    return lambda: Endpoint(replies)


class Says(asyncio.Protocol):
    """Answers everything with the same bytes, and hangs up where told to."""

    def __init__(self, answer: bytes, hang_up: bool) -> None:
        self._answer, self._hang_up = answer, hang_up

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(self._answer)
        if self._hang_up:
            self._transport.close()


async def test_whole_replies_are_checked_and_counted() -> None:
    async with serving(upstream()) as port:
        report = await drive(WHOLE, port, "key", seconds=0.05)
    assert report.requests >= WHOLE.clients
    assert report.chunks == 0
    assert report.arrivals == []


async def test_requests_come_at_their_own_rate_and_each_is_timed() -> None:
    async with serving(upstream()) as port:
        report = await drive(PACED, port, "key", seconds=0.2)
    assert len(report.times) == report.requests
    assert 0 < report.requests < 2 * PACED.rate * 0.2
    assert all(took > 0 for took in report.times)


async def test_a_paced_run_against_a_broken_upstream_is_a_failure() -> None:
    async with serving(lambda: Says(b"", hang_up=True)) as port:
        with pytest.raises(BadReply, match="connection was closed"):
            await drive(PACED, port, "key", seconds=5.0)


async def test_every_client_gets_its_streams_complete() -> None:
    async with serving(upstream()) as port:
        report = await drive(STREAM, port, "key", seconds=0.2)
    assert report.requests == 2 * STREAM.clients
    assert report.chunks == 2 * STREAM.clients * STREAM.chunks


async def test_of_every_stream_it_is_noted_when_its_first_content_came() -> None:
    async with serving(upstream()) as port:
        report = await drive(STREAM, port, "key", seconds=0.1)
    assert len(report.arrivals) == STREAM.clients
    for arrived in report.arrivals:
        assert len(arrived) == NOTED
        assert arrived == sorted(arrived)
        assert arrived[0] > 0


RIGHT_LENGTH = b"HTTP/1.1 200 OK\r\ncontent-length: 26\r\n\r\n" + b'{"content":"a wrong text."}'[:26]


@pytest.mark.parametrize(
    ("answer", "hang_up", "says"),
    [
        (b"HTTP/1.1 500 Oh\r\ncontent-length: 4\r\n\r\noops", False, "HTTP 500 instead of 200: oops"),
        (RIGHT_LENGTH, False, "not the text that was sent"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nnot all", True, "connection was closed after 46 bytes"),
        (b"HTTP/1.1 200 OK\r\n\r\nno length", False, "without content-length or chunks"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\ntoo much", False, "7 bytes after the end"),
        (b"HTTP/1.1 two hundred\r\n\r\n", False, "request 1 of a connection"),
        (b"", True, "connection was closed after 0 bytes"),
    ],
)
async def test_a_broken_upstream_is_a_failure_and_never_a_number(answer: bytes, hang_up: bool, says: str) -> None:
    async with serving(lambda: Says(answer, hang_up)) as port:
        with pytest.raises(BadReply, match=says):
            await drive(WHOLE, port, "key", seconds=0.05)


async def test_an_upstream_that_never_answers_is_a_failure() -> None:
    async with serving(lambda: Says(b"", hang_up=False)) as port:
        with pytest.raises(BadReply, match="no complete reply in time; 0 requests"):
            await drive(WHOLE, port, "key", seconds=0.01, grace_s=0.05)


async def test_an_upstream_that_is_not_there_is_a_failure() -> None:
    with pytest.raises(BadReply, match="cannot connect"):
        await drive(WHOLE, free_port(), "key", seconds=0.05)


def test_a_job_that_fails_answers_with_the_reason() -> None:
    job = {"port": free_port(), "key": "key", "scenario": "whole", "seconds": 0.05}
    answer = run_job(json.dumps(job))
    assert list(answer) == ["error"]
    assert "cannot connect" in answer["error"]


def test_a_stream_without_its_end_is_not_right() -> None:
    with pytest.raises(BadReply, match=r"without \[DONE\]"):
        check_reply("a", 200, b'data: {"content":"a"}\n\n', streamed=True)


def test_a_reply_to_another_request_is_not_right() -> None:
    text = reply_text(WHOLE)
    with pytest.raises(BadReply, match="from character 7"):
        check_reply("abcdefgh" + text, 200, json.dumps({"content": "abcdefgx" + text}).encode(), streamed=False)


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=5), st.data())
def test_a_chunked_reply_is_read_at_its_last_byte_and_not_before(pieces: list[bytes], data: st.DataObject) -> None:
    frames = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n" % frames
    assert read_reply(raw) == (200, b"".join(pieces))
    assert read_reply(raw[: data.draw(st.integers(0, len(raw) - 1))]) is None


@given(st.binary(max_size=60), st.data())
def test_a_reply_with_a_length_is_read_at_its_last_byte_and_not_before(body: bytes, data: st.DataObject) -> None:
    raw = b"HTTP/1.1 404 No\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    assert read_reply(raw) == (404, body)
    assert read_reply(raw[: data.draw(st.integers(0, len(raw) - 1))]) is None
