"""The connection: nothing is cancelled in flight, nothing is lost, and a failure is one kind of error."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from guardproxy.quota.scripts import Script, load_scripts
from guardproxy.quota.store import Store, StoreUnreachable
from tests.support.stores import StoreServer

ECHO = Script("echo", "return {KEYS[1], ARGV[1]}", "e" * 40)  # never known by this digest: always brought by EVAL
LOOK = load_scripts().look


async def test_replies_reach_who_asked_also_when_many_travel_together(server: StoreServer) -> None:
    store = Store(server.async_client(), 2)
    store.open()
    answers = await asyncio.gather(*(store.run(ECHO, ["{k}"], [number]) for number in range(300)))
    assert [int(answer[1]) for answer in answers] == list(range(300))
    await store.close()


async def test_a_caller_who_stops_waiting_changes_nothing_for_the_others(server: StoreServer) -> None:
    store = Store(server.async_client(), 1)
    store.open()
    for number in range(50):
        waiting = [asyncio.create_task(store.run(ECHO, ["{k}"], [f"{number}.{n}"])) for n in range(4)]
        await asyncio.sleep(0)
        waiting[number % 4].cancel()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        for n, answer in enumerate(answers):
            if n == number % 4:
                assert isinstance(answer, asyncio.CancelledError)
            else:
                assert not isinstance(answer, BaseException)
                assert answer[1] == f"{number}.{n}".encode()
    await store.close()


async def test_an_error_of_one_command_is_not_that_of_its_companions(server: StoreServer) -> None:
    store = Store(server.async_client(), 1)
    store.open()
    broken = Script("broken", "return redis.call('INCR', KEYS[1], 'secret-looking')", "b" * 40)
    good, bad = store.ask(LOOK, ["{k}1", "{k}2"], [0]), store.ask(broken, ["{k}"], [])
    assert (await good)[0] == 1
    with pytest.raises(StoreUnreachable) as raised:
        await bad
    assert "secret" not in str(raised.value)
    await store.close()


async def test_a_server_that_does_not_answer_in_time_is_unreachable_and_later_fine_again(server: StoreServer) -> None:
    store = Store(server.async_client(timeout_s=0.2), 1)
    store.open()
    server.pause()
    try:
        with pytest.raises(StoreUnreachable, match="TimeoutError"):
            await store.run(ECHO, ["{k}"], [1])
    finally:
        server.resume()
    assert await answered(store) == [b"{k}", b"2"]
    await store.close()


async def answered(store: Store) -> Any:
    """An answer once the server has woken up, however busy the machine is."""
    for _ in range(50):
        with suppress(StoreUnreachable):
            return await store.run(ECHO, ["{k}"], [2])
    raise AssertionError("the server does not wake up")


async def test_a_server_that_was_restarted_is_found_again(server: StoreServer) -> None:
    store = Store(server.async_client(), 1)
    store.open()
    await store.run(ECHO, ["{k}"], [1])
    server.kill()
    server.start()
    assert await store.run(ECHO, ["{k}"], [2]) == [b"{k}", b"2"]
    with server.client() as client:
        client.script_flush()
    assert (await store.run(LOOK, ["{k}1", "{k}2"], [0]))[0] == 1
    await store.close()


async def test_plain_commands_fail_the_same_way(server: StoreServer) -> None:
    store = Store(server.async_client(), 1)
    assert await store.command("PING")
    with pytest.raises(StoreUnreachable):
        await store.command("NOSUCHCOMMAND")
    await store.close()
