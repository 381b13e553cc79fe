"""Settlements arrive, in order, however often it takes."""

from __future__ import annotations

import asyncio

from guardproxy.quota.scripts import Script
from guardproxy.quota.settling import Settling
from guardproxy.quota.store import Store
from tests.support.stores import StoreServer

APPEND = Script("append", "return redis.call('RPUSH', KEYS[1], ARGV[1])", "a" * 40)


def arrived(server: StoreServer) -> list[int]:
    with server.client() as client:
        found: list[bytes] = client.lrange("{k}", 0, -1)
        return [int(number) for number in found]


async def test_they_arrive_in_order_and_are_counted_until_then(server: StoreServer) -> None:
    store = Store(server.async_client(), 1)
    store.open()
    settling = Settling(store)
    for number in range(200):
        settling.add(APPEND, ["{k}"], [number])
    assert settling.waiting == 200
    settling.open()
    await settling.settled()
    assert (arrived(server), settling.waiting, settling.lost) == (list(range(200)), 0, 0)
    await settling.drain()
    await store.close()


async def test_they_wait_for_a_server_that_is_away(server: StoreServer) -> None:
    store = Store(server.async_client(timeout_s=0.2), 1)
    store.open()
    settling = Settling(store)
    settling.open()
    server.kill()
    for number in range(10):
        settling.add(APPEND, ["{k}"], [number])
    await asyncio.sleep(0.1)
    assert settling.waiting == 10
    server.start()
    await settling.settled()
    assert arrived(server) == list(range(10))
    await settling.drain()
    await store.close()


async def test_what_cannot_be_delivered_is_counted_and_holds_nobody_up(server: StoreServer) -> None:
    store = Store(server.async_client(timeout_s=0.2), 1)
    store.open()
    settling = Settling(store, give_up_s=0.0)
    settling.open()
    server.kill()
    try:
        settling.add(APPEND, ["{k}"], [1])
        await settling.settled()
        assert settling.lost == 1
    finally:
        server.start()
    patient = Settling(store)
    server.kill()
    try:
        patient.open()
        patient.add(APPEND, ["{k}"], [1])
        await patient.drain(most_s=0.1)
        assert patient.lost == 1
    finally:
        server.start()
    await settling.drain()
    await store.close()
