"""Connections of a listener end together, and none is left."""

from __future__ import annotations

import asyncio

import pytest

from guardproxy.gateway.request import Request
from guardproxy.gateway.sending import Answer
from tests.gateway.raw_server import on_every_loop, until
from tests.gateway.served import served
from tests.support.caller import calling, request

GET = request("GET", "/")


@on_every_loop
async def test_idle_connections_close_at_once_and_a_running_exchange_is_let_end() -> None:
    running, go = asyncio.Event(), asyncio.Event()

    async def slow(asked: Request) -> Answer:
        if asked.raw_path == "/slow":
            running.set()
            await go.wait()
        return Answer(200, {}, b"done")

    async with served(slow) as (port, serving), calling(port) as idle, calling(port) as used, calling(port) as busy:
        await used.send(GET)
        assert (await used.answer()).status == 200
        await busy.send(request("GET", "/slow"))
        await running.wait()
        closing = asyncio.ensure_future(serving.shutdown(5))
        assert await idle.ended()
        assert await used.ended()
        await until(lambda: serving.open == 1)
        assert not closing.done()
        go.set()
        answer = await busy.answer()
        assert (answer.body, answer.headers["connection"]) == (b"done", "close")
        assert await busy.ended()
        await closing
        assert serving.open == 0


@on_every_loop
async def test_what_does_not_end_in_time_is_ended() -> None:
    cancelled = asyncio.Event()

    async def never(asked: Request) -> Answer:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        raise AssertionError

    async with served(never) as (port, serving), calling(port) as caller:
        await caller.send(GET + GET)
        await until(lambda: serving.open == 1)
        await asyncio.sleep(0.02)
        await serving.shutdown(0.05)
        assert (cancelled.is_set(), serving.open) == (True, 0)
        assert await caller.ended()


@on_every_loop
async def test_an_exchange_that_loses_a_cancellation_is_told_again() -> None:
    told = 0

    async def deaf(asked: Request) -> Answer:
        nonlocal told
        while told < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                told += 1
        return Answer(200, {}, b"")

    async with served(deaf) as (port, serving), calling(port) as caller:
        await caller.send(GET)
        await until(lambda: serving.open == 1)
        await asyncio.sleep(0.02)
        async with asyncio.timeout(5):
            await serving.shutdown(0)
        assert (told, serving.open) == (2, 0)


@on_every_loop
async def test_a_caller_who_reads_nothing_does_not_hold_a_stop_up() -> None:
    async def large(asked: Request) -> Answer:
        return Answer(200, {}, b"x" * 10**8)

    async with served(large) as (port, serving), calling(port, limit=1000) as caller:
        await caller.send(GET)
        await caller.head()
        async with asyncio.timeout(5):
            await serving.shutdown(0.05)
        assert serving.open == 0


@on_every_loop
async def test_who_is_only_read_to_let_its_bytes_pass_is_not_waited_for() -> None:
    async def refuse(asked: Request) -> Answer:
        return Answer(413, {}, b"", closes=True)

    async with served(refuse) as (port, serving), calling(port) as caller:
        await caller.send(request("POST", "/", b"x" * 100)[:-1])
        assert (await caller.answer()).status == 413
        assert serving.open == 1
        async with asyncio.timeout(5):
            await serving.shutdown(60)


async def test_without_connections_there_is_nothing_to_wait_for() -> None:
    async def answer(asked: Request) -> Answer:
        return Answer(200, {}, b"")

    async with served(answer) as (port, serving):
        await serving.shutdown(60)
        async with calling(port) as caller:
            await caller.send(GET)
            assert (await caller.answer()).status == 200
            assert serving.open == 1


@pytest.mark.parametrize("count", [1, 20])
@on_every_loop
async def test_no_task_is_left_of_connections_that_came_and_went(count: int) -> None:
    async def answer(asked: Request) -> Answer:
        return Answer(200, {}, b"")

    before = asyncio.all_tasks()
    async with served(answer) as (port, serving):
        for _ in range(count):
            async with calling(port) as caller:
                await caller.send(GET)
                await caller.answer()
        await until(lambda: serving.open == 0)
        assert asyncio.all_tasks() <= before
