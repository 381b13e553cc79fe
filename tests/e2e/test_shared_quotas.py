"""Two proxies as they are really run, one store behind them: one account, also when one of them dies."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.test_serve_process import CHAT, OWN_KEY, UPSTREAM_KEY, Serving, _started, chat
from tests.support.caller import calling, request
from tests.support.stores import StoreServer, store_server
from tests.support.upstream import (
    STREAM_HEAD,
    Asked,
    Send,
    Upstream,
    chunk,
    completion,
    event,
    piece,
    running_upstream,
    whole,
)

POLICY = """
version: 1
name: shared
quotas:
  - {metric: requests, per: day, limit: 10}
  - {metric: concurrency, limit: 3}
"""


@pytest.fixture(params=["redis", "valkey"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoreServer]:
    with store_server(request.param, tmp_path) as started:
        yield started


@asynccontextmanager
async def proxy(folder: Path, upstream: Upstream, store: StoreServer) -> AsyncIterator[Serving]:
    """`guardproxy serve` with the store and the shortest lease there is."""
    (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    redis = {"url": store.url, "command_timeout": 5.0, "connect_timeout": 5.0}
    settings = {"policy": "policy.yaml", "quota": {"lease": 3, "redis": redis}, "log": {"incidents": None}}
    (folder / "guardproxy.yaml").write_text(json.dumps(settings), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "guardproxy", "serve", "--port", "0", "--admin-port", "0",
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={
            "PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), "GUARDPROXY_KEY": OWN_KEY,
            "OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": UPSTREAM_KEY,
        },
    )  # fmt: skip
    try:
        yield await _started(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def endless_streams(asked: Asked, send: Send) -> None:
    """A stream never ends; another answer is there at once."""
    if asked.json.get("stream"):
        await send(STREAM_HEAD + piece(event(chunk({"content": "x"}))))
        await asyncio.Event().wait()
    await send(whole(completion()))


async def test_proxies_share_one_account_and_a_killed_one_frees_its_places(tmp_path: Path, server: StoreServer) -> None:
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(running_upstream(endless_streams))
        one = await stack.enter_async_context(proxy(tmp_path, upstream, server))
        other = await stack.enter_async_context(proxy(tmp_path, upstream, server))
        for _ in range(3):
            caller = await stack.enter_async_context(calling(one.port))
            await caller.send(request("POST", CHAT, chat(stream=True), OWN_KEY))
            await caller.head()
        denied = await other.chat(OWN_KEY)
        assert denied.refusal == (429, "concurrency_limit_exceeded")
        assert denied.headers["x-ratelimit-remaining-requests"] == "7"
        one.process.kill()
        admitted = 0
        while True:
            answer = await other.chat(OWN_KEY)
            if answer.status == 200:
                admitted += 1
            elif answer.refusal != (429, "concurrency_limit_exceeded"):
                break
            else:
                await asyncio.sleep(0.1)  # the lease of the dead one still runs
        assert answer.refusal == (429, "rate_limit_exceeded")
        assert admitted == 7
