from __future__ import annotations

import sys
from contextlib import AbstractContextManager

import pytest

from bench import BenchError
from bench.measure import measure
from bench.processes import Server, free_port, running
from bench.scenarios import SCENARIOS
from bench.subjects import Place, Subject

HEALTHY_AND_USELESS = """
import asyncio, sys
async def answer(reader, writer):
    status = b"200 OK" if (await reader.readline()).startswith(b"GET") else b"501 Not Implemented"
    writer.write(b"HTTP/1.1 " + status + b"\\r\\ncontent-length: 0\\r\\n\\r\\n")
async def serve():
    async with await asyncio.start_server(answer, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()
asyncio.run(serve())
"""


def start_useless(name: str, place: Place) -> AbstractContextManager[Server]:
    port = free_port()
    command = [sys.executable, "-c", HEALTHY_AND_USELESS, str(port)]
    url = f"http://127.0.0.1:{port}/"
    return running(name, command, port=port, ready=url, folder=place.folder, cores=place.cores)


def test_a_subject_that_does_not_answer_rightly_ends_the_run_with_its_name() -> None:
    subject = Subject("useless", None, start_useless)
    with pytest.raises(BenchError, match=r"useless: whole: .*HTTP 501 instead of 200"):
        measure([subject], [SCENARIOS["whole"]], rounds=1, seconds=0.1, say=lambda _: None)
