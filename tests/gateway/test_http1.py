"""One connection against raw sockets: what is written, what is read, silence, backpressure, and every way to end."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from guardproxy.errors import UpstreamTimeout, UpstreamUnavailable
from guardproxy.gateway.http1 import HIGH_WATER, Connection
from tests.gateway.raw_server import (
    CHUNKED,
    LAST_CHUNK,
    Talk,
    answering,
    chunk,
    on_every_loop,
    raw_server,
    read_request,
    run_on,
    sized,
    until,
)

HEAD = b"POST /v1/x HTTP/1.1\r\nhost: here\r\ncontent-length: %d\r\n\r\n"
LARGEST_READ = 256 * 1024  # of an event loop


@asynccontextmanager
async def connected(talk: Talk, *, read_s: float = 30.0) -> AsyncIterator[Connection]:
    gone: list[Connection] = []
    async with raw_server(talk) as server:
        loop = asyncio.get_running_loop()
        connection = Connection(loop, read_s, gone.append)
        await loop.create_connection(lambda: connection, "127.0.0.1", server.port)
        try:
            yield connection
        finally:
            connection.abort()
            await connection.wait_lost()
            assert gone == [connection]


async def ask(connection: Connection, body: bytes = b"{}") -> None:
    await connection.exchange(HEAD % len(body), body, bodiless=False)


async def whole(connection: Connection) -> bytes:
    parts = []
    while piece := await connection.read():
        parts.append(piece)
    return b"".join(parts)


async def says_and_waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> None:
    """Answers, then keeps the connection until the peer leaves."""
    await read_request(reader)
    writer.write(data)
    await reader.read()


@pytest.mark.parametrize("size", [0, 2, 64 * 1024 - 1, 64 * 1024, 3_000_000])
@on_every_loop
async def test_a_request_arrives_byte_for_byte_and_the_next_one_on_the_same_connection(size: int) -> None:
    asked: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            asked.append(await read_request(reader))
            writer.write(sized(b"%d" % len(asked)))

    async with connected(talk) as connection:
        body = b"x" * size
        for turn in (b"1", b"2"):
            await ask(connection, body)
            assert connection.answer.status == 200
            assert turn == await whole(connection)
            assert connection.is_reusable()
            assert connection.is_quiet()
        assert asked == [HEAD % size + body] * 2


@on_every_loop
async def test_small_writes_are_not_held_back() -> None:
    async with connected(answering(sized(b""))) as connection:
        sock = cast("asyncio.Transport", connection._transport).get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@on_every_loop
async def test_the_end_of_the_connection_ends_an_answer_of_unsaid_length() -> None:
    async with connected(answering(b"HTTP/1.1 200 OK\r\n\r\nall of it", then_close=True)) as connection:
        await ask(connection)
        assert await whole(connection) == b"all of it"
        assert not connection.is_reusable()


CUT = {
    "no answer": b"",
    "in the head": b"HTTP/1.1 200 OK\r\ncontent-le",
    "before the body": b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
    "in the body": b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhi",
    "in a chunk": CHUNKED + b"5\r\nhi",
    "between chunks": CHUNKED + chunk(b"hi"),
    "before the last line": CHUNKED + chunk(b"hi") + b"0\r\n",
}


@pytest.mark.parametrize("data", CUT.values(), ids=CUT)
@on_every_loop
async def test_an_early_end_is_broken_after_what_came_was_read(data: bytes) -> None:
    async with connected(answering(data, then_close=True)) as connection:
        got = b""
        with pytest.raises(UpstreamUnavailable) as caught:
            await ask(connection)
            while piece := await connection.read():
                got += piece
        assert caught.value.reason == "broken"
        assert got == (b"hi" if b"hi" in data else b"")
        assert not connection.is_reusable()


@pytest.mark.parametrize(
    "data", [CHUNKED + b"5\r\nhi", b"HTTP/1.1 200 OK\r\n\r\nhi"], ids=["in a chunk", "of unsaid length"]
)
@on_every_loop
async def test_a_reset_is_never_an_end(data: bytes) -> None:
    read = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(data)
        await read.wait()
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with connected(talk) as connection:
        await ask(connection)
        assert await connection.read() == b"hi"
        read.set()
        with pytest.raises(UpstreamUnavailable) as caught:
            await connection.read()
        assert caught.value.reason == "broken"


@on_every_loop
async def test_a_malformed_answer_is_refused_and_the_connection_closed_at_once() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await says_and_waits(reader, writer, CHUNKED + chunk(b"good") + b"nonsense\r\n")

    async with connected(talk) as connection:
        await ask(connection)
        assert await connection.read() == b"good"
        with pytest.raises(UpstreamUnavailable) as caught:
            await connection.read()
        assert caught.value.reason == "bad_answer"
        await connection.wait_lost()


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
@on_every_loop
async def test_silence_before_the_head_is_a_timeout(data: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await says_and_waits(reader, writer, data)

    async with connected(talk, read_s=0.02) as connection:
        with pytest.raises(UpstreamTimeout, match="did not answer"):
            await ask(connection)
        await connection.wait_lost()


@on_every_loop
async def test_silence_within_a_body_is_a_timeout() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await says_and_waits(reader, writer, CHUNKED + chunk(b"first"))

    async with connected(talk, read_s=0.02) as connection:
        await ask(connection)
        assert await connection.read() == b"first"
        with pytest.raises(UpstreamTimeout, match="fell silent"):
            await connection.read()
        await connection.wait_lost()


@pytest.mark.parametrize("data", [b"", CHUNKED + chunk(b"first")])
@on_every_loop
async def test_no_wait_goes_on_after_the_end_of_the_exchange(data: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await says_and_waits(reader, writer, data)

    async with connected(talk, read_s=1000.0) as connection:
        until = asyncio.get_running_loop().time() + 0.02
        with pytest.raises(UpstreamTimeout, match="took longer"):
            await connection.exchange(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", None, bodiless=False, until=until)
            assert await connection.read() == b"first"
            await connection.read()
        await connection.wait_lost()


class _SkippingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock can be put forward, so that no test waits and none depends on how fast it runs."""

    skipped = 0.0
    timers = 0

    def time(self) -> float:
        return super().time() + self.skipped

    def call_at(self, *arguments: Any, **options: Any) -> asyncio.TimerHandle:  # type: ignore[override]
        self.timers += 1
        return super().call_at(*arguments, **options)


def test_a_silence_begins_anew_with_every_piece_and_arms_no_timer_of_its_own() -> None:
    loop = _SkippingLoop()
    go = asyncio.Queue[bytes]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(CHUNKED)
        while True:
            writer.write(await go.get())

    async def main() -> None:
        async with connected(talk, read_s=1000.0) as connection:
            await ask(connection)
            for turn in range(20):
                reading = asyncio.ensure_future(connection.read())
                await asyncio.sleep(0)
                loop.skipped += 600
                await until_settled()
                assert not reading.done()
                go.put_nowait(chunk(b"%d" % turn))
                assert await reading == b"%d" % turn
            before = loop.timers
            for turn in range(50):
                go.put_nowait(chunk(b"%d" % turn))
                assert await connection.read()
            assert loop.timers - before <= 1
            reading = asyncio.ensure_future(connection.read())
            await asyncio.sleep(0)
            loop.skipped += 1001
            with pytest.raises(UpstreamTimeout):
                await reading

    async def until_settled() -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    run_on(lambda: loop, main())


def test_a_large_request_that_still_moves_is_no_silence() -> None:
    loop = _SkippingLoop()
    size = 40_000_000

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        left, step = size, 4_000_000
        while left:
            left -= len(await reader.readexactly(min(step, left)))
            loop.skipped += 300  # the kernel may hold three steps of which we see nothing
            await asyncio.sleep(0)
        writer.write(sized(b"got it"))
        await reader.read()

    async def main() -> None:
        async with connected(talk, read_s=1000.0) as connection:
            await ask(connection, b"x" * size)
            assert await whole(connection) == b"got it"

    run_on(lambda: loop, main())


@on_every_loop
async def test_a_slow_reader_stops_the_upstream_and_loses_nothing() -> None:
    total, sent = 48 * 1024 * 1024, 0
    part = b"x" * 65536

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % total)
        while sent < total:
            writer.write(part)
            await writer.drain()
            sent += len(part)
        await reader.read()

    async with connected(talk) as connection:
        await ask(connection)
        await until(lambda: connection.answer.unread > HIGH_WATER)
        for _ in range(2000):
            await asyncio.sleep(0)
        assert sent < total
        most = got = 0
        while True:
            most = max(most, connection.answer.unread)
            piece = await connection.read()
            if not piece:
                break
            got += len(piece)
            await asyncio.sleep(0)
        assert got == total
        assert most <= HIGH_WATER + LARGEST_READ
        assert connection.is_reusable()


@on_every_loop
async def test_cancelling_while_the_head_is_awaited_closes_the_connection() -> None:
    left = asyncio.Event()
    asked = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        asked.set()
        await reader.read()
        left.set()

    async with connected(talk) as connection:
        asking = asyncio.ensure_future(ask(connection))
        await asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await connection.wait_lost()
        async with asyncio.timeout(5):
            await left.wait()


@on_every_loop
async def test_aborting_wakes_the_reader_with_an_error() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await says_and_waits(reader, writer, CHUNKED)

    async with connected(talk) as connection:
        await ask(connection)
        reading = asyncio.ensure_future(connection.read())
        await asyncio.sleep(0)
        connection.abort()
        with pytest.raises(UpstreamUnavailable) as caught:
            await reading
        assert caught.value.reason == "broken"


@on_every_loop
async def test_a_connection_is_not_reusable_while_somebody_still_reads_from_it() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await says_and_waits(reader, writer, CHUNKED)

    async with connected(talk) as connection:
        await ask(connection)
        reading = asyncio.ensure_future(connection.read())
        await asyncio.sleep(0)
        connection.data_received(LAST_CHUNK)  # the reader is woken and has not run yet
        assert connection.answer.complete
        assert not connection.is_reusable()
        assert await reading == b""
        assert connection.is_reusable()


@pytest.mark.parametrize("more", [b"\r\n", b"x", sized(b"not asked for")])
@on_every_loop
async def test_bytes_nobody_asked_for_close_a_quiet_connection(more: bytes) -> None:
    go = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(sized(b"hi"))
        await go.wait()
        writer.write(more)
        await reader.read()

    async with connected(talk) as connection:
        await ask(connection)
        assert await whole(connection) == b"hi"
        assert connection.is_quiet()
        go.set()
        async with asyncio.timeout(5):
            await connection.wait_lost()
        assert not connection.is_quiet()
        with pytest.raises(UpstreamUnavailable):
            await ask(connection)


@pytest.mark.parametrize("more", [b"", sized(b"not asked for")], ids=["its end", "an answer"])
@on_every_loop
async def test_a_connection_is_not_quiet_before_the_loop_has_seen_why(more: bytes) -> None:
    """A thread is the server, so that something can arrive while the event loop does not run."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        loop = asyncio.get_running_loop()
        connection = Connection(loop, 30.0, lambda _: None)
        await loop.create_connection(lambda: connection, "127.0.0.1", listener.getsockname()[1])
        peer, _ = listener.accept()
        with peer:
            assert connection.is_quiet()
            if more:
                peer.sendall(more)
            else:
                peer.shutdown(socket.SHUT_WR)
            assert not connection.is_quiet()
        connection.abort()
        await connection.wait_lost()


@on_every_loop
async def test_an_answer_that_comes_early_is_read_though_the_request_was_not() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(sized(b"too large", status=b"413 Content Too Large"))
        await writer.drain()
        await asyncio.Event().wait()

    async with connected(talk) as connection:
        await ask(connection, b"x" * 40_000_000)
        assert connection.answer.status == 413
        assert await whole(connection) == b"too large"
        assert not connection.is_reusable()


def test_a_connection_that_was_never_opened_can_be_aborted() -> None:
    async def main() -> None:
        connection = Connection(asyncio.get_running_loop(), 1.0, lambda _: None)
        connection.abort()
        await connection.wait_lost()
        assert not connection.opened
        assert not connection.is_quiet()

    run_on(asyncio.new_event_loop, main())
