"""A short campaign: what `make chaos` does at length, once."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.chaos.campaign import burst, cut_off, death, storm
from tests.chaos.slowed import slowed


async def test_of_two_thousand_calls_at_once_over_four_proxies_exactly_the_limit_passes(tmp_path: Path) -> None:
    assert (await burst("redis", tmp_path)).faults == []


async def test_a_proxy_killed_in_its_streams_leaves_its_input_charged_and_no_lease(tmp_path: Path) -> None:
    assert (await death("valkey", tmp_path)).faults == []


async def test_streams_that_outlive_their_leases_are_charged_what_they_used(tmp_path: Path) -> None:
    assert (await cut_off("valkey", tmp_path)).faults == []


async def test_streams_left_at_random_while_the_store_is_stopped_and_set_back_are_charged_exactly(
    tmp_path: Path,
) -> None:
    report = await storm("redis", tmp_path, 1, ["scripts", "stopped", "old dump"], callers=6)
    assert report.faults == []
    assert report.notes["lost"] >= 1


async def test_a_relay_passes_everything_on_and_later_when_it_is_told() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(4))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, slowed(server.sockets[0].getsockname()[1]) as relay:
        relay.delay_s = 0.2
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        started = time.monotonic()
        writer.write(b"ping")
        assert await reader.readexactly(4) == b"ping"
        assert time.monotonic() - started >= 0.39
        writer.close()
        await writer.wait_closed()
