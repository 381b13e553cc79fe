from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.load import drive
from bench.processes import Server
from bench.scenarios import SCENARIOS
from bench.subjects import Place, start_floor, start_upstream


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("floor")
    with start_upstream(folder, None) as upstream, start_floor("floor", Place(folder, upstream.port, None)) as server:
        yield server


async def test_whole_replies_pass_unchanged(floor: Server) -> None:
    report = await drive(replace(SCENARIOS["whole32k"], clients=2), floor.port, "key", seconds=0.05)
    assert report.requests >= 2


async def test_streams_pass_unchanged(floor: Server) -> None:
    report = await drive(replace(SCENARIOS["stream"], clients=2), floor.port, "key", seconds=0.1)
    assert report.chunks == 2 * 200


async def test_an_error_of_the_upstream_passes_with_its_status(floor: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", floor.port)
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}")
    assert (await reader.readline()).startswith(b"HTTP/1.1 400")
    writer.close()
    await writer.wait_closed()
