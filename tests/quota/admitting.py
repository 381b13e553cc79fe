"""A process that admits as fast as it can: `python -m tests.quota.admitting URL NAME COUNT LEASE_MS`.

Prints how many of COUNT concurrent requests were admitted, as JSON, and holds them, renewing their leases, until it is
told a line. Then every second one is settled with 1 token and the others are cancelled.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from guardproxy.core.quota import Metric, Quota
from guardproxy.quota.connect import StoreAddress, make_client
from guardproxy.quota.model import Account, Charge
from guardproxy.quota.redis_ledger import RedisLedger
from guardproxy.quota.store import Store

LIMIT = 500
TIGHT = Account("key", [Quota(Metric.REQUESTS, 86_400, LIMIT), Quota(Metric.CONCURRENCY, 0, LIMIT)])
SIBLING = Account("team", [Quota(Metric.TOKENS, 86_400, 10**9), Quota(Metric.CONCURRENCY, 0, 10**6)])
ACCOUNTS = (SIBLING, TIGHT)
TOKENS = 7


def make_ledger(url: str, lease_ms: int) -> RedisLedger:
    address = StoreAddress(url, connect_timeout_s=20.0, command_timeout_s=20.0)
    now_ms = lambda: time.time_ns() // 1_000_000  # noqa: E731
    ledger = RedisLedger(Store(make_client(address)), Store(make_client(address), 1), now_ms, lease_ms=lease_ms)
    ledger.open()
    return ledger


async def main(url: str, name: str, count: int, lease_ms: int) -> None:
    ledger = make_ledger(url, lease_ms)
    requests = [f"{name}-{number}" for number in range(count)]
    amounts: Charge = {Metric.REQUESTS: 1, Metric.TOKENS: TOKENS}
    answers = await asyncio.gather(*(ledger.admit(each, ACCOUNTS, amounts, {Metric.TOKENS: 2}) for each in requests))
    admitted = [each for each, answer in zip(requests, answers, strict=True) if answer.admitted]
    sys.stdout.write(json.dumps({"admitted": len(admitted)}) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    for number, each in enumerate(admitted):
        if number % 2:
            ledger.settle(each, {Metric.TOKENS: 1})
        else:
            ledger.cancel(each)
    await ledger.drain()


if __name__ == "__main__":
    url, name, count, lease_ms = sys.argv[1:]
    asyncio.run(main(url, name, int(count), int(lease_ms)))
