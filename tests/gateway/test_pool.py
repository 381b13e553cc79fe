"""The pool: what is used again, what is not, who waits how long, and that nothing is ever lost by a cancellation."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.errors import UpstreamTimeout, UpstreamUnavailable
from guardproxy.gateway.http1 import Connection
from guardproxy.gateway.pool import ConnectionPool, Origin, PoolLimits
from tests.gateway.raw_server import (
    CHUNKED,
    LAST_CHUNK,
    LOOPS,
    RawServer,
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

SAYS_HI = answering(sized(b"hi"))


@asynccontextmanager
async def pooled(
    talk: Talk = SAYS_HI, *, most: int = 2, connect_s: float = 5.0, idle_s: float = 60.0
) -> AsyncIterator[tuple[ConnectionPool, RawServer]]:
    async with raw_server(talk) as server:
        pool = ConnectionPool(Origin("127.0.0.1", server.port, None), PoolLimits(connect_s, 5.0, most, idle_s))
        try:
            yield pool, server
        finally:
            await pool.close()
            assert (pool.size, pool.idle) == (0, 0)


async def borrow(pool: ConnectionPool) -> Connection:
    return pool.borrow_idle() or await pool.borrow()


async def use(connection: Connection, path: str = "/") -> bytes:
    await connection.exchange(f"GET {path} HTTP/1.1\r\nhost: here\r\n\r\n".encode(), None, bodiless=False)
    parts = []
    while piece := await connection.read():
        parts.append(piece)
    return b"".join(parts)


async def ask(pool: ConnectionPool, path: str = "/") -> bytes:
    """A whole exchange."""
    connection = await borrow(pool)
    try:
        return await use(connection, path)
    finally:
        pool.give_back(connection)


@on_every_loop
async def test_a_connection_is_used_again() -> None:
    async with pooled() as (pool, server):
        for _ in range(5):
            assert await ask(pool) == b"hi"
        assert (server.accepted, pool.size, pool.idle) == (1, 1, 1)


@on_every_loop
async def test_the_one_used_last_is_used_next() -> None:
    async with pooled() as (pool, _):
        first, second = await borrow(pool), await borrow(pool)
        for connection in (first, second):
            await use(connection)
        pool.give_back(first)
        pool.give_back(second)
        assert await borrow(pool) is second
        assert await borrow(pool) is first


@pytest.mark.parametrize(
    "answer",
    [
        sized(b"hi", b"connection: close"),
        b"HTTP/1.1 200 OK\r\n\r\nhi",
        sized(b"hi") + b"more",
        sized(b"hi", status=b"204 No Content"),
    ],
    ids=["close", "unsaid length", "more than asked", "a body that may not be"],
)
@on_every_loop
async def test_what_may_not_be_used_again_is_not(answer: bytes) -> None:
    async with pooled(answering(answer, then_close=True)) as (pool, server):
        for _ in range(2):
            await ask(pool)
            assert pool.idle == 0
        assert server.accepted == 2


@on_every_loop
async def test_an_answer_that_was_not_read_to_its_end_closes_the_connection() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(CHUNKED + chunk(b"hi"))
        await reader.read()

    async with pooled(talk) as (pool, server):
        connection = await borrow(pool)
        await connection.exchange(b"GET / HTTP/1.1\r\n\r\n", None, bodiless=False)
        assert await connection.read() == b"hi"
        pool.give_back(connection)
        await until(lambda: pool.size == 0 and server.accepted == 1 and server.here == 0)


@on_every_loop
async def test_a_connection_closed_while_idle_is_replaced_before_anything_is_sent() -> None:
    async with pooled(answering(sized(b"hi"), then_close=True)) as (pool, server):
        for turn in range(1, 6):
            assert await ask(pool) == b"hi"
            await until(lambda: server.here == 0)
            assert server.accepted == turn


@on_every_loop
async def test_a_request_that_was_begun_is_never_sent_again() -> None:
    asked = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await read_request(reader)
        asked += 1
        if asked == 1:
            writer.write(sized(b"hi"))
            await read_request(reader)
            asked += 1

    async with pooled(talk) as (pool, server):
        assert await ask(pool) == b"hi"
        with pytest.raises(UpstreamUnavailable) as caught:
            await ask(pool)
        assert caught.value.reason == "broken"
        assert (asked, server.accepted) == (2, 1)


@on_every_loop
async def test_what_nobody_uses_is_closed() -> None:
    async with pooled(idle_s=0.01) as (pool, server):
        await asyncio.gather(ask(pool), ask(pool))
        await until(lambda: pool.size == 0 and server.here == 0)
        assert await ask(pool) == b"hi"  # and again
        await until(lambda: pool.size == 0)


@on_every_loop
async def test_there_are_never_more_connections_than_allowed_and_each_sender_gets_one() -> None:
    async with pooled(most=3) as (pool, server):
        assert await asyncio.gather(*(ask(pool) for _ in range(40))) == [b"hi"] * 40
        assert server.accepted <= 3
        assert pool.size <= 3


@pytest.mark.parametrize("answer", [sized(b"hi"), sized(b"hi", b"connection: close")], ids=["kept", "closed"])
@on_every_loop
async def test_senders_are_served_in_the_order_they_came(answer: bytes) -> None:
    served: list[int] = []
    async with pooled(answering(answer), most=1) as (pool, _):
        held = await borrow(pool)

        async def sender(number: int) -> None:
            connection = await borrow(pool)
            served.append(number)
            await use(connection)
            pool.give_back(connection)

        senders = [asyncio.ensure_future(sender(number)) for number in range(12)]
        await asyncio.sleep(0)
        senders[7].cancel()
        await use(held)
        pool.give_back(held)
        await asyncio.gather(*senders, return_exceptions=True)
        assert served == [number for number in range(12) if number != 7]


@on_every_loop
async def test_a_connection_that_dies_on_its_way_to_the_next_sender_is_replaced() -> None:
    async with pooled(most=1) as (pool, server):
        held = await borrow(pool)
        waiting = asyncio.ensure_future(borrow(pool))
        await asyncio.sleep(0)
        await use(held)
        pool.give_back(held)
        held.abort()
        assert await use(await waiting) == b"hi"
        assert server.accepted == 2


@on_every_loop
async def test_who_gives_up_waiting_leaves_the_queue() -> None:
    async with pooled(most=1) as (pool, _):
        held = await borrow(pool)
        waiting = [asyncio.ensure_future(borrow(pool)) for _ in range(5)]
        await asyncio.sleep(0)
        assert pool.waiting == 5
        for task in waiting[:4]:
            task.cancel()
        await asyncio.gather(*waiting[:4], return_exceptions=True)
        assert pool.waiting == 1
        await use(held)
        pool.give_back(held)
        assert await waiting[4] is held


@on_every_loop
async def test_closing_reaches_a_connection_that_is_just_being_opened() -> None:
    async with pooled() as (pool, server):
        opening = asyncio.ensure_future(borrow(pool))
        await asyncio.sleep(0)
        await pool.close()
        with pytest.raises(UpstreamUnavailable):
            await opening
        await until(lambda: pool.size == 0 and server.here == 0)


@on_every_loop
async def test_waiting_for_a_free_connection_ends_in_a_timeout() -> None:
    async with pooled(most=1, connect_s=0.01) as (pool, _):
        held = await borrow(pool)
        with pytest.raises(UpstreamTimeout):
            await borrow(pool)
        await use(held)
        pool.give_back(held)
        assert await borrow(pool) is held


@on_every_loop
async def test_a_port_where_nobody_listens_is_unreachable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        pool = ConnectionPool(Origin("127.0.0.1", free.getsockname()[1], None), PoolLimits(5.0, 5.0, 1))
        for _ in range(3):
            with pytest.raises(UpstreamUnavailable) as caught:
                await borrow(pool)
            assert caught.value.reason == "unreachable"
            assert pool.size == 0
        await pool.close()


@on_every_loop
async def test_a_tls_handshake_that_never_ends_is_a_timeout() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw_server(talk) as server:
        tls = ssl.create_default_context()
        pool = ConnectionPool(Origin("127.0.0.1", server.port, tls), PoolLimits(0.02, 5.0, 1))
        with pytest.raises(UpstreamTimeout):
            await borrow(pool)
        assert pool.size == 0
        await pool.close()


@on_every_loop
async def test_closing_ends_those_who_wait_and_those_who_read_and_lets_nobody_in() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with pooled(talk, most=1) as (pool, server):
        reading, waiting = (asyncio.ensure_future(ask(pool)) for _ in range(2))
        await until(lambda: server.accepted == 1)
        await pool.close()
        for ended in await asyncio.gather(reading, waiting, return_exceptions=True):
            assert isinstance(ended, UpstreamUnavailable)
        with pytest.raises(UpstreamUnavailable) as caught:
            await borrow(pool)
        assert caught.value.reason == "closed"


class Sender(NamedTuple):
    """A sender starts after so many turns of the loop, asks for a way to be answered, and may be cancelled later."""

    start: int
    way: str
    cancel_after: int | None


senders = st.builds(
    Sender,
    st.integers(0, 30),
    st.sampled_from(["/whole", "/chunks", "/close", "/cut", "/nonsense", "/never", "/reset"]),
    st.none() | st.integers(0, 60),
)


async def any_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        way = (await read_request(reader)).split(b" ")[1]
        if way == b"/whole":
            writer.write(sized(b"hi"))
        elif way == b"/chunks":
            writer.write(CHUNKED)
            for _ in range(3):
                await asyncio.sleep(0)
                writer.write(chunk(b"piece"))
            writer.write(LAST_CHUNK)
        elif way == b"/never":
            await reader.read()
            return
        elif way == b"/reset":
            writer.transport.abort()
            return
        else:
            answer = {
                b"/close": sized(b"hi", b"connection: close"),
                b"/cut": CHUNKED + b"5\r\nhi",
                b"/nonsense": b"what?",
            }
            writer.write(answer[way])
            return


async def one_sender(pool: ConnectionPool, plan: Sender) -> None:
    for _ in range(plan.start):
        await asyncio.sleep(0)
    task = asyncio.ensure_future(ask(pool, plan.way))
    if plan.cancel_after is not None or plan.way == "/never":
        for _ in range(plan.cancel_after or 50):
            await asyncio.sleep(0)
        task.cancel()
    with suppress(asyncio.CancelledError, UpstreamUnavailable):
        assert await task in (b"hi", b"piecepiecepiece")


@pytest.mark.parametrize("loop_name", LOOPS)
@settings(max_examples=60, deadline=None)
@given(plans=st.lists(senders, min_size=1, max_size=12), most=st.integers(1, 3))
def test_whoever_is_cancelled_whenever_no_connection_stays_in_use(
    loop_name: str, plans: list[Sender], most: int
) -> None:
    async def main() -> None:
        async with pooled(any_way, most=most) as (pool, server):
            await asyncio.gather(*(one_sender(pool, plan) for plan in plans))
            await until(lambda: pool.size == pool.idle)
            assert pool.size <= most
            assert pool.waiting == 0
            held = [await borrow(pool) for _ in range(most)]  # each place can be taken again
            assert len(set(held)) == most
            for connection in held:
                assert await use(connection, "/whole") == b"hi"
                pool.give_back(connection)
            await until(lambda: server.here == pool.size)

    run_on(LOOPS[loop_name], main())
