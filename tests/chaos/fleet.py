"""Several proxies as they are really run, one store behind them, and what their logs say was used."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from guardproxy.core.principal import Principal
from guardproxy.policyfile.compile import load_policy
from guardproxy.quota.model import Account
from guardproxy.quota.plan import Planner
from guardproxy.quota.redis_ledger import RedisLedger
from guardproxy.quota.store import Store
from tests.support.stores import StoreServer

KEY: Final = "own-" + secrets.token_hex(16)
LEASE_S: Final = 60
_PATIENCE_S: Final = 60.0


class Replica:
    """One `guardproxy serve`. Its log goes to a file, so that nobody has to read along."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self._log = log
        self.port = 0
        self.killed = False

    def lines(self) -> Iterator[dict[str, Any]]:
        for line in self._log.read_text(encoding="utf-8").splitlines():
            if line.endswith("}"):  # what a kill cut off is no line
                yield json.loads(line)

    async def started(self) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not self.port:
            assert self.process.returncode is None, self._log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, "it does not start"
            await asyncio.sleep(0.02)
            self.port = next((line["port"] for line in self.lines() if line["event"] == "proxy_started"), 0)

    def kill(self) -> None:
        self.killed = True
        self.process.kill()

    async def stopped(self) -> None:
        """It is asked to stop, and has settled everything."""
        if self.process.returncode is None and not self.killed:
            self.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(self.process.wait(), _PATIENCE_S)


class Fleet:
    """Proxies that share a store. `accounts` are those of a request of the one key there is."""

    def __init__(self, replicas: list[Replica], accounts: tuple[Account, ...]) -> None:
        self.replicas = replicas
        self.accounts = accounts

    @property
    def ports(self) -> list[int]:
        return [replica.port for replica in self.replicas if not replica.killed]

    async def stop(self) -> None:
        await asyncio.gather(*(replica.stopped() for replica in self.replicas))

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for replica in self.replicas for line in replica.lines() if line["event"] == name]

    async def restored(self) -> None:
        """All have found the store again."""
        deadline = time.monotonic() + _PATIENCE_S
        while len(self.events("quota_store_lost")) > len(self.events("quota_store_restored")):
            assert time.monotonic() < deadline, "they do not find the store again"
            await asyncio.sleep(0.1)

    async def put_right(self, losses: int) -> None:
        """So many times a proxy has told the store what that had lost."""
        deadline = time.monotonic() + _PATIENCE_S
        while len(self.events("quota_data_lost")) < losses:
            assert time.monotonic() < deadline, "what was lost is not put right"
            await asyncio.sleep(0.1)

    def charged(self) -> dict[str, int]:
        """What all exchanges together were charged, by the logs of those who served them."""
        sums: dict[str, int] = {}
        for replica in self.replicas:
            for line in replica.lines():
                for measure, amount in line.get("charged", {}).items():
                    sums[measure] = sums.get(measure, 0) + amount
        return sums


@asynccontextmanager
async def fleet(
    folder: Path,
    store_url: str,
    upstream_url: str,
    policy: str,
    *,
    count: int = 4,
    patience_s: float = 20.0,
    lease_s: int = LEASE_S,
) -> AsyncIterator[Fleet]:
    """Started, on free ports. `patience_s` is how long they wait for the store."""
    (folder / "policy.yaml").write_text(policy, encoding="utf-8")
    patience = {"command_timeout": patience_s, "connect_timeout": patience_s}
    settings = {
        "policy": "policy.yaml",
        "quota": {"lease": lease_s, "replicas": count, "redis": {"url": store_url, **patience}},
        "log": {"format": "json", "incidents": None},
        "head_timeout": 120,
        "drain_timeout": 20,
    }
    (folder / "guardproxy.yaml").write_text(json.dumps(settings), encoding="utf-8")
    known = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    environ = {**known, "GUARDPROXY_KEY": KEY, "OPENAI_BASE_URL": upstream_url, "OPENAI_API_KEY": secrets.token_hex(16)}
    async with AsyncExitStack() as stack:
        replicas = []
        for number in range(count):
            log = folder / f"log-{number}.jsonl"
            with log.open("wb") as written:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "guardproxy", "serve", "--port", "0", "--admin-port", "0",
                    cwd=folder, env=environ, stdout=asyncio.subprocess.DEVNULL, stderr=written,
                )  # fmt: skip
            replicas.append(Replica(process, log))
            stack.push_async_callback(_end, process)
        await asyncio.gather(*(replica.started() for replica in replicas))
        principal = Principal("session", "session")
        plan = Planner().plan(load_policy(folder / "policy.yaml"), principal, "m", True)
        yield Fleet(replicas, plan.accounts)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


async def standing(store: StoreServer, accounts: tuple[Account, ...]) -> dict[str, int]:
    """What the store holds of each quota, and how many leases there are, after those of the dead are over."""
    ledger = RedisLedger(Store(store.async_client()), Store(store.async_client(), 1), lambda: time.time_ns() // 10**6)
    ledger.open()
    try:
        for turn in range(400):  # each passer-by sweeps a few
            await ledger.admit(f"passer-by-{turn}", accounts, {})
            ledger.cancel(f"passer-by-{turn}")
            await ledger.settled()
            if not leases(store):
                break
            await asyncio.sleep(0.02)
        states = await ledger.look(accounts)
    finally:
        await ledger.drain()
    return {state.quota.id: state.used for state in states} | {"leases": leases(store)}


def leases(store: StoreServer) -> int:
    with store.client() as client:
        return sum(int(client.zcard(key)) for key in client.scan_iter("*:l:*"))
