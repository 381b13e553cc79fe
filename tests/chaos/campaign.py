"""What is done to proxies and their store while requests go on, and what must be true afterwards.

Streams are asked for without a pause and left in the middle at random, while the store is flushed of its scripts, made
slow, stopped, killed, started from an old dump or empty, and a proxy is killed. Afterwards, when nothing runs any more,
no lease is left, and every account holds exactly what the exchanges were charged.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from guardproxy.cli.open_files import allow_open_files
from guardproxy.quota.tokenizer import EstimatingTokenizer
from guardproxy.surfaces import CHAT_COMPLETIONS
from tests.chaos.fleet import KEY, Fleet, fleet, leases, standing
from tests.chaos.slowed import Slowed, slowed
from tests.support.caller import Answer, ask, calling, request
from tests.support.stores import StoreServer, store_server
from tests.support.upstream import (
    DONE,
    STREAM_END,
    STREAM_HEAD,
    Asked,
    Send,
    chunk,
    completion,
    event,
    piece,
    running_upstream,
    whole,
)

CHAT: Final = "/v1/chat/completions"
LIMIT: Final = 500
TEXT: Final = "hi"
BURST: Final = f"""
version: 1
name: burst
quotas:
  - {{metric: requests, per: day, limit: {LIMIT}}}
  - {{metric: tokens, per: month, limit: 1_000_000_000, scope: global}}
  - {{metric: requests, per: month, limit: 1_000_000_000, scope: team}}
  - {{metric: concurrency, limit: 100_000}}
"""
STEADY: Final = """
version: 1
name: steady
quotas:
  - {metric: requests, per: day, limit: 1_000_000_000}
  - {metric: requests, per: month, limit: 1_000_000_000, scope: team}
  - {metric: tokens, per: month, limit: 1_000_000_000}
  - {metric: tokens, per: month, limit: 1_000_000_000, scope: global}
  - {metric: concurrency, limit: 100_000}
"""


@dataclass
class Report:
    """`faults` are what must not be. `notes` are figures."""

    faults: list[str] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)

    def expect(self, what: str, found: object, wanted: object) -> None:
        if found != wanted:
            self.faults.append(f"{what}: {found}, expected {wanted}")


def body(**more: object) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": TEXT}], **more}).encode()


async def answers(asked: Asked, send: Send) -> None:
    """A whole answer, or a stream that takes a while and reports what it used at its end."""
    if not asked.json.get("stream"):
        await send(whole(completion()))
        return
    await send(STREAM_HEAD)
    for number in range(6):
        await send(piece(event(chunk({"content": f"part {number} of the answer, "}))))
        await asyncio.sleep(0.01)
    usage = {"prompt_tokens": 10, "completion_tokens": 36, "total_tokens": 46}
    await send(piece(event(chunk({}, finish_reason="stop"))))
    await send(piece(event({**chunk({}), "choices": [], "usage": usage})) + piece(DONE) + STREAM_END)


async def burst(kind: str, folder: Path, calls: int = 2000) -> Report:
    """All calls at once, over four proxies: exactly the limit gets through, and refusals are counted nowhere."""
    report = Report()
    with store_server(kind, folder) as store:
        async with running_upstream(answers) as upstream, fleet(folder, store.url, upstream.base_url, BURST) as proxies:
            ports = [proxies.ports[number % len(proxies.ports)] for number in range(calls)]
            at_once = asyncio.Semaphore((allow_open_files() or calls) * 2 // 3)  # the upstream's sockets are here too

            async def call(port: int) -> Answer:
                async with at_once:
                    return await ask(port, "POST", CHAT, body(), KEY)

            replies = await asyncio.gather(*(call(port) for port in ports))
            statuses = [reply.status for reply in replies]
            report.notes["calls"] = calls
            report.expect("admitted", statuses.count(200), LIMIT)
            report.expect("refused", statuses.count(429), calls - LIMIT)
            report.expect("reached the model", len(upstream.asked), LIMIT)
            await proxies.stop()
            found = await standing(store, proxies.accounts)
            tokens = completion()["usage"]["total_tokens"] * LIMIT
            wanted = {"requests/86400s": LIMIT, "requests/month@UTC": LIMIT, "tokens/month@UTC": tokens}
            report.expect("accounts", found, {**wanted, "concurrency": 0, "leases": 0})
    return report


class Scene:
    """A store, a relay before it, proxies, and callers that keep asking until they are told to stop."""

    def __init__(self, store: StoreServer, relay: Slowed, proxies: Fleet, rng: random.Random) -> None:
        self.store = store
        self.relay = relay
        self.proxies = proxies
        self.rng = rng
        self.stop = False
        self.asked = 0
        self.others: list[str] = []

    async def call_on(self) -> None:
        while not self.stop:
            with suppress(OSError, asyncio.IncompleteReadError):  # of a proxy that is killed
                await self._call(self.rng.choice(self.proxies.ports))

    async def _call(self, port: int) -> None:
        self.asked += 1
        async with calling(port) as caller:
            await caller.send(request("POST", CHAT, body(stream=True), KEY))
            status, _ = await caller.head()
            if status != 200:
                self.others.append(str(status))
                return
            if self.rng.random() < 0.5:
                await caller.rest()
                return
            for _ in range(self.rng.randrange(4)):
                await caller.chunk()
            caller.vanish()


async def scripts_are_forgotten(on: Scene) -> None:
    for _ in range(20):
        with on.store.client() as client:
            client.script_flush()
        await asyncio.sleep(0.02)


async def the_store_is_slow(on: Scene) -> None:
    on.relay.delay_s = on.rng.choice([0.1, 0.4])
    await asyncio.sleep(0.8)
    on.relay.delay_s = 0.0


async def the_store_is_stopped(on: Scene) -> None:
    on.store.pause()
    await asyncio.sleep(1.0)
    on.store.resume()


async def an_old_dump_comes_back(on: Scene) -> None:
    with on.store.client() as client:
        client.save()
    await asyncio.sleep(0.6)
    on.store.kill()
    await asyncio.to_thread(on.store.start)


async def the_store_comes_back_empty(on: Scene) -> None:
    on.store.kill()
    on.store.forget()
    await asyncio.to_thread(on.store.start)


Fault = Callable[[Scene], Awaitable[None]]
FAULTS: Final[Mapping[str, Fault]] = {
    "scripts": scripts_are_forgotten,
    "slow": the_store_is_slow,
    "stopped": the_store_is_stopped,
    "old dump": an_old_dump_comes_back,
    "empty": the_store_comes_back_empty,
}
LOSSES: Final = ("old dump", "empty")
BETWEEN_S: Final = 2.5
"""Time for all proxies to meet the store again, as their requests do, and to tell it what it lost."""


async def storm(kind: str, folder: Path, seed: int, faults: list[str], callers: int = 12) -> Report:
    """These faults, one after the other, under load; the last word is the accounts'."""
    report = Report()
    with store_server(kind, folder) as store:
        async with (
            running_upstream(answers) as upstream,
            slowed(store.port) as relay,
            fleet(folder, relay.url, upstream.base_url, STEADY, patience_s=0.3) as proxies,
        ):
            on = Scene(store, relay, proxies, random.Random(seed))
            async with under_load(on, callers, report):
                losses = 0
                for name in faults:
                    await FAULTS[name](on)
                    await asyncio.sleep(BETWEEN_S)
                    losses += len(proxies.ports) if name in LOSSES else 0
                    await proxies.put_right(losses)
            await compare(on, report)
    return report


async def failover(kind: str, folder: Path, seed: int, callers: int = 12) -> Report:
    """Sentinels name a replica that was behind when its master died."""
    report = Report()
    with ExitStack() as stack:
        for name in ("master", "replica", "sentinel"):
            (folder / name).mkdir()
        master = stack.enter_context(store_server(kind, folder / "master"))
        replica = stack.enter_context(store_server(kind, folder / "replica", "--replicaof", f"127.0.0.1 {master.port}"))
        config = folder / "sentinel.conf"
        quick = ("down-after-milliseconds main 500", "failover-timeout main 3000")
        lines = [f"monitor main 127.0.0.1 {master.port} 1", *quick]
        config.write_text("".join(f"sentinel {line}\n" for line in lines), encoding="utf-8")
        sentinel = stack.enter_context(store_server(kind, folder / "sentinel", config=config))
        url = f"redis+sentinel://127.0.0.1:{sentinel.port}/main"
        async with (
            running_upstream(answers) as upstream,
            fleet(folder, url, upstream.base_url, STEADY, patience_s=0.3) as proxies,
        ):
            on = Scene(replica, Slowed(0), proxies, random.Random(seed))
            async with under_load(on, callers, report):
                with replica.client() as client, sentinel.client() as watching:
                    while not client.keys("gp:*") or not watching.execute_command("SENTINEL", "REPLICAS", "main"):
                        await asyncio.sleep(0.05)
                    replica.pause()
                    await asyncio.sleep(0.3)
                    master.kill()
                    replica.resume()
                    while client.execute_command("ROLE")[0] != b"master":
                        await asyncio.sleep(0.05)
                await asyncio.sleep(2 * BETWEEN_S)
            await compare(on, report)
    return report


@asynccontextmanager
async def under_load(on: Scene, callers: int, report: Report) -> AsyncIterator[None]:
    load = [asyncio.create_task(on.call_on()) for _ in range(callers)]
    await asyncio.sleep(0.5)
    try:
        yield
    finally:
        await on.proxies.restored()
        on.stop = True
        for ended in await asyncio.gather(*load, return_exceptions=True):
            if isinstance(ended, BaseException):
                report.faults.append(f"a caller: {ended!r}")
        await on.proxies.stop()


async def compare(on: Scene, report: Report) -> None:
    """When nothing runs any more: no lease, and every account is the sum of what the exchanges were charged."""
    charged, found = on.proxies.charged(), await standing(on.store, on.proxies.accounts)
    report.notes.update(asked=on.asked, **charged, lost=len(on.proxies.events("quota_data_lost")))
    report.expect("answers other than 200", on.others, [])
    report.expect("leases", (found["leases"], found["concurrency"]), (0, 0))
    for measure in ("requests", "tokens"):
        report.expect(f"{measure} of the month", found[f"{measure}/month@UTC"], charged[measure])
    report.expect("requests of the day", found["requests/86400s"], charged["requests"])


def read_by_one() -> int:
    """What a request's input is supposed to take, which is what an orphan is charged."""
    assert CHAT_COMPLETIONS.read_request is not None
    reading = CHAT_COMPLETIONS.read_request(json.loads(body()), operator=True)
    return EstimatingTokenizer().count("m", [segment.text for segment in reading.segments])


async def death(kind: str, folder: Path, streams: int = 20) -> Report:
    """A proxy is killed in the middle of its streams: its places are free after a lease, its input is charged."""
    report = Report()

    async def endless(asked: Asked, send: Send) -> None:
        await send(STREAM_HEAD + piece(event(chunk({"content": "x"}))))
        await asyncio.Event().wait()

    with store_server(kind, folder) as store:
        async with (
            running_upstream(endless) as upstream,
            fleet(folder, store.url, upstream.base_url, STEADY, count=2, lease_s=3) as both,
        ):
            dying, other = both.replicas
            opened = [calling(dying.port) for _ in range(streams)]
            callers = [await each.__aenter__() for each in opened]
            for caller in callers:
                await caller.send(request("POST", CHAT, body(stream=True, max_completion_tokens=900), KEY))
                await caller.head()
            dying.kill()
            for each in opened:
                await each.__aexit__(None, None, None)
            upstream.script = answers
            status = (await ask(other.port, "POST", CHAT, body(), KEY)).status
            report.expect("the other one answers", status, 200)
            await both.stop()
            await asyncio.sleep(3.2)  # the leases of the dead one
            found = await standing(store, both.accounts)
            tokens = completion()["usage"]["total_tokens"] + streams * read_by_one()
            report.expect("leases", (found["leases"], found["concurrency"]), (0, 0))
            report.expect("requests", found["requests/month@UTC"], streams + 1)
            report.expect("tokens", found["tokens/month@UTC"], tokens)
    return report


async def cut_off(kind: str, folder: Path, streams: int = 10) -> Report:
    """A proxy stands still for longer than its leases, and its streams go on: they are charged what they used."""
    report = Report()
    go_on = asyncio.Event()

    async def long(asked: Asked, send: Send) -> None:
        if not asked.json.get("stream"):
            await send(whole(completion()))
            return
        await send(STREAM_HEAD + piece(event(chunk({"content": "x"}))))
        await go_on.wait()
        usage = {"prompt_tokens": 10, "completion_tokens": 36, "total_tokens": 46}
        await send(piece(event(chunk({}, finish_reason="stop"))))
        await send(piece(event({**chunk({}), "choices": [], "usage": usage})) + piece(DONE) + STREAM_END)

    with store_server(kind, folder) as store:
        async with (
            running_upstream(long) as upstream,
            fleet(folder, store.url, upstream.base_url, STEADY, count=2, lease_s=3) as both,
            AsyncExitStack() as opened,
        ):
            standing_still, other = both.replicas
            callers = [await opened.enter_async_context(calling(standing_still.port)) for _ in range(streams)]
            for caller in callers:
                await caller.send(request("POST", CHAT, body(stream=True), KEY))
                await caller.head()
            standing_still.process.send_signal(signal.SIGSTOP)
            try:
                await asyncio.sleep(3.5)
                for _ in range(3):  # each sweeps a few
                    report.expect("the other one", (await ask(other.port, "POST", CHAT, body(), KEY)).status, 200)
                report.notes["leases"] = leases(store)
            finally:
                standing_still.process.send_signal(signal.SIGCONT)
            go_on.set()
            await asyncio.gather(*(caller.rest() for caller in callers))
            await both.stop()
            found = await standing(store, both.accounts)
            report.expect("leases while it stood still", report.notes["leases"], 0)
            report.expect("requests", found["requests/month@UTC"], streams + 3)
            report.expect("tokens", found["tokens/month@UTC"], 46 * streams + 3 * completion()["usage"]["total_tokens"])
    return report
