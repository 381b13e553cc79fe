"""Puts clients through the exchanges, in front of a real proxy, and holds what they saw against what they must see."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, NamedTuple

from tests.conformance.exchanges import SECRET, Exchange, OnBlock, Surface
from tests.conformance.expectations import (
    ANTHROPIC_HELPER,
    ANTHROPIC_RAW,
    PYTHON_HELPER,
    PYTHON_RAW,
    expected,
)
from tests.conformance.session import Seen, Session
from tests.e2e.scene import POLICY
from tests.support.answers import response
from tests.support.proxy import SESSION_KEY, Proxy, running_proxy
from tests.support.upstream import Upstream, answers, running_upstream, whole

ROOT: Final = Path(__file__).parents[2]
_SETTINGS: Final = ("ANTHROPIC_", "LANGCHAIN_", "LANGSMITH_", "OPENAI_")
_NO_PROXY: Final = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class Client(NamedTuple):
    """A client as it is used in one way: the program, and the folder that it runs in."""

    name: str
    way: str
    command: Sequence[str]
    folder: Path
    surfaces: Sequence[Surface] = ("chat", "responses")


# What the official OpenAI clients have of which there is no helper.
PLAIN: Final[Sequence[Surface]] = ("chat", "responses", "completions", "embeddings", "moderations", "models")


def python_clients() -> list[Client]:
    """Those that the development environment has."""
    openai = [sys.executable, "-m", "tests.conformance.clients.openai_python"]
    anthropic = [sys.executable, "-m", "tests.conformance.clients.anthropic_python"]
    return [
        Client(PYTHON_RAW, "raw", openai, ROOT, PLAIN),
        Client(PYTHON_HELPER, "helper", openai, ROOT),
        Client(ANTHROPIC_RAW, "raw", anthropic, ROOT, ("messages",)),
        Client(ANTHROPIC_HELPER, "helper", anthropic, ROOT, ("messages",)),
    ]


class Outcome(NamedTuple):
    client: str
    exchange: str
    expected: str
    seen: str

    @property
    def agrees(self) -> bool:
        return self.expected == self.seen


class Stage(NamedTuple):
    upstream: Upstream
    proxies: Mapping[OnBlock, Proxy]


async def conform(clients: Sequence[Client], played: Sequence[Exchange], folder: Path) -> list[Outcome]:
    """What each of the clients saw of each exchange."""
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(running_upstream(answers(whole(response()))))
        proxies: dict[OnBlock, Proxy] = {}
        for on_block in ("finish", "error"):
            (own := folder / on_block).mkdir()
            policy = POLICY + f"answers: {{on_block: {on_block}}}\n"
            proxies[on_block] = await stack.enter_async_context(running_proxy(upstream.base_url, own, policy=policy))
        stage = Stage(upstream, proxies)
        return [outcome for client in clients for outcome in await _put_through(client, played, stage)]


async def _put_through(client: Client, played: Sequence[Exchange], stage: Stage) -> list[Outcome]:
    session = Session(client.command, client.folder, _environ())
    try:
        return [await _play(client, one, session, stage) for one in played if one.surface in client.surfaces]
    finally:
        await session.close()


def _environ() -> dict[str, str]:
    """The one of this process, without what would send a client elsewhere than to the proxy on this machine."""
    kept = {name: value for name, value in os.environ.items() if name.lower() not in _NO_PROXY}
    return {name: value for name, value in kept.items() if not name.startswith(_SETTINGS)}


async def _play(client: Client, exchange: Exchange, session: Session, stage: Stage) -> Outcome:
    began = asyncio.Event()
    proxy = stage.proxies[exchange.on_block]
    stage.upstream.script = exchange.script(began)
    stage.upstream.asked.clear()
    before = len(_exchanges(proxy))
    order = {
        "base_url": proxy.base_url, "key": SESSION_KEY, "surface": exchange.surface, "stream": exchange.stream,
        "way": client.way, "says": exchange.says, "retries": exchange.retries,
    }  # fmt: skip
    seen = await session.ask(order, began.set)
    faults = _faults(exchange, stage.upstream, len(_exchanges(proxy)) - before, seen)
    return Outcome(client.name, exchange.name, str(expected(client.name, exchange)), "; ".join([str(seen), *faults]))


def _exchanges(proxy: Proxy) -> list[object]:
    return [record for record in proxy.events() if "request_id" in record]


def _faults(exchange: Exchange, upstream: Upstream, sent: int, seen: Seen) -> list[str]:
    """What must hold of an exchange, whichever client it was that asked."""
    faults = []
    if sent > 1:
        faults.append(f"the client asked {sent} times")
    if len(upstream.asked) != exchange.leaves:
        faults.append(f"the upstream was asked {len(upstream.asked)} times")
    if any(SECRET.encode() in asked.body for asked in upstream.asked):
        faults.append("the upstream was told the secret")
    if SECRET in str(seen):
        faults.append("the client was told the secret")
    return faults


def report(outcomes: Sequence[Outcome]) -> str:
    """A table of exchanges by clients, and below it each difference in full."""
    clients = list(dict.fromkeys(outcome.client for outcome in outcomes))
    cells = {(outcome.exchange, outcome.client): outcome for outcome in outcomes}
    names = list(dict.fromkeys(outcome.exchange for outcome in outcomes))
    wide = max(len(name) for name in names)
    lines = [f"{chr(ord('A') + place)}  {client}" for place, client in enumerate(clients)]
    lines += ["", " " * wide + "".join(f"{chr(ord('A') + place):^9}" for place in range(len(clients))).rstrip()]
    for name in names:
        marks = "".join(f"{_mark(cells.get((name, client))):^9}" for client in clients)
        lines.append(f"{name:{wide}}{marks}".rstrip())
    differing = [outcome for outcome in outcomes if not outcome.agrees]
    for each in differing:
        lines += ["", f"{each.client}, {each.exchange}", f"  expected  {each.expected}", f"  seen      {each.seen}"]
    agreeing = len(outcomes) - len(differing)
    return "\n".join([*lines, "", f"{agreeing} of {len(outcomes)} as expected, {len(differing)} differ"])


def _mark(outcome: Outcome | None) -> str:
    if outcome is None:
        return "-"
    return "ok" if outcome.agrees else "DIFFERS"
