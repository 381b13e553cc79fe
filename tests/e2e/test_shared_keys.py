"""Proxies as they are really run, one store or file of keys behind them: what is revoked is revoked for all of them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_serve_process import UPSTREAM_KEY, Serving, _started
from tests.support.stores import StoreServer, store_server
from tests.support.upstream import Upstream, answers, completion, running_upstream, whole

# Five seconds are promised; how busy the machine is decides no test.
PATIENCE_S = 30.0


@pytest.fixture(params=["redis", "valkey"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoreServer]:
    with store_server(request.param, tmp_path) as started:
        yield started


def environment(upstream: Upstream) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": UPSTREAM_KEY,
    }  # fmt: skip


def write_settings(folder: Path, store: StoreServer, **keys: Any) -> None:
    redis = {"url": store.url, "command_timeout": 5.0, "connect_timeout": 5.0}
    (folder / "policy.yaml").write_text("version: 1\nname: tiny\n", encoding="utf-8")
    settings = {
        "policy": "policy.yaml", "keys": {"store": "redis", "poll": 0.5, **keys}, "quota": {"redis": redis},
        "log": {"incidents": None},
    }  # fmt: skip
    (folder / "guardproxy.yaml").write_text(json.dumps(settings), encoding="utf-8")


@asynccontextmanager
async def proxy(folder: Path, upstream: Upstream) -> AsyncIterator[Serving]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "guardproxy", "serve", "--port", "0", "--admin-port", "0",
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment(upstream),
    )  # fmt: skip
    try:
        yield await _started(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def keys(folder: Path, upstream: Upstream, *arguments: str) -> Any:
    """`guardproxy keys ... --json`, run as an operator does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "guardproxy", "keys", *arguments, "--json",
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment(upstream),
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)


async def until(proxies: list[Serving], token: str, refusal: tuple[int, str] | None) -> None:
    """Returns when all proxies refuse this key so, or take it (None)."""
    async with asyncio.timeout(PATIENCE_S):
        for one in proxies:
            while True:
                answer = await one.chat(token)
                if (answer.status == 200) if refusal is None else answer.status != 200 and answer.refusal == refusal:
                    break
                await asyncio.sleep(0.05)


async def test_a_key_made_rotated_and_revoked_in_the_store_is_so_at_both_proxies(
    tmp_path: Path, server: StoreServer
) -> None:
    write_settings(tmp_path, server)
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(running_upstream(answers(whole(completion()))))
        made = await keys(tmp_path, upstream, "create", "alice", "--models", "m")
        both = [await stack.enter_async_context(proxy(tmp_path, upstream)) for _ in range(2)]
        token = made["token"]
        assert [(await one.chat(token)).status for one in both] == [200, 200]
        assert (await both[0].chat(token, model="other")).refusal == (403, "model_not_allowed")

        rotated = await keys(tmp_path, upstream, "rotate", "alice", "--overlap", "1h")
        await until(both, rotated["token"], None)
        assert [(await one.chat(token)).status for one in both] == [200, 200]

        await keys(tmp_path, upstream, "revoke", "alice", "--reason", "test")
        for secret in (token, rotated["token"]):
            await until(both, secret, (401, "invalid_api_key"))

        bob = await keys(tmp_path, upstream, "create", "bob")
        await until(both, bob["token"], None)
        server.kill()
        assert [(await one.chat(bob["token"])).status for one in both] == [200, 200]
        await until(both, token, (503, "key_store_unavailable"))
        assert [(await one.chat(bob["token"])).status for one in both] == [200, 200]


async def test_a_running_proxy_takes_over_what_changes_in_its_file(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("version: 1\nname: tiny\n", encoding="utf-8")
    settings = {"policy": "policy.yaml", "keys": {"file": "keys.yaml", "poll": 0.5}, "log": {"incidents": None}}
    (tmp_path / "guardproxy.yaml").write_text(json.dumps(settings), encoding="utf-8")
    async with running_upstream(answers(whole(completion()))) as upstream:
        alice = await keys(tmp_path, upstream, "create", "alice")
        async with proxy(tmp_path, upstream) as one:
            assert (await one.chat(alice["token"])).status == 200
            bob = await keys(tmp_path, upstream, "create", "bob")
            await until([one], bob["token"], None)
            await keys(tmp_path, upstream, "revoke", "alice")
            await until([one], alice["token"], (401, "invalid_api_key"))
            assert (await one.chat(bob["token"])).status == 200
