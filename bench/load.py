"""The driver: keeps a number of connections busy for a while and checks every reply.

    echo '{"port": 8080, "key": "any", "scenario": "whole", "seconds": 2}' | python -m bench.load

A job a line on its input, a `Report` a line on its output. A closed loop: each connection sends its next request when
its reply is complete. Or, where the scenario has a rate, an open one (`bench.pace`). Raw HTTP on `asyncio.Protocol`, so
that the driver is cheap and never hides a retry. Anything but a complete, right reply to every request, on a connection
that stays open, is a `BadReply`: its message takes the report's place, and there is no number.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, cast

import uvloop

from bench import BenchError
from bench.pace import Queue
from bench.scenarios import SCENARIOS, Scenario, reply_text, request_parts, tags

GRACE_S: Final = 20.0
LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
# The texts of a bench are plain ASCII without quotes or backslashes, so a content needs no JSON reader.
CONTENT: Final = re.compile(rb'"content": ?"([^"]*)"')
SOME_CONTENT: Final = re.compile(rb'"content": ?"[^"]')
# Of each stream, how many pieces of content are noted when they arrive.
NOTED: Final = 6


class BadReply(BenchError):
    """A reply that is not what was asked for."""


@dataclass(slots=True)
class Report:
    """What was done: complete `requests`, their `chunks` as the upstream sent them, `reads` that brought them.

    `arrivals`: for each stream, when its first pieces of content arrived, in seconds since the request was sent.
    `times`: how long each whole request took, in the order of the replies.
    """

    requests: int = 0
    chunks: int = 0
    reads: int = 0
    seconds: float = 0.0
    arrivals: list[list[float]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)


def read_reply(buffer: bytes | bytearray) -> tuple[int, bytes] | None:
    """Status and body of the one reply in `buffer`, or None while it is not complete."""
    head_end = buffer.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    status, start = int(buffer[9:12]), head_end + 4
    if CHUNKED.search(buffer, 0, head_end + 2):
        body = _read_chunked(buffer, start) if buffer.endswith(b"0\r\n\r\n") else None
        return None if body is None else (status, body)
    length = LENGTH.search(buffer, 0, head_end + 2)
    if not length:
        raise BadReply(f"HTTP {status} without content-length or chunks")
    end = start + int(length[1])
    if len(buffer) > end:
        raise BadReply(f"{len(buffer) - end} bytes after the end of a reply")
    return (status, bytes(buffer[start:])) if len(buffer) == end else None


def _read_chunked(buffer: bytes | bytearray, start: int) -> bytes | None:
    pieces: list[bytes] = []
    while (line_end := buffer.find(b"\r\n", start)) >= 0:
        size = int(buffer[start:line_end], 16)
        start = line_end + 2
        if size == 0:
            return b"".join(pieces)
        pieces.append(bytes(buffer[start : start + size]))
        start += size + 2
    return None


def check_reply(expected: str, status: int, body: bytes, *, streamed: bool) -> None:
    """Raise BadReply unless this is a whole reply with exactly the `expected` content."""
    if status != 200:
        raise BadReply(f"HTTP {status} instead of 200: {body[:300].decode(errors='replace')}")
    if streamed and not body.endswith(b"data: [DONE]\n\n"):
        raise BadReply(f"the stream ended without [DONE]: {body[-200:].decode(errors='replace')}")
    text = b"".join(CONTENT.findall(body)).decode()
    if text != expected:
        same = next((at for at in range(len(text)) if text[: at + 1] != expected[: at + 1]), len(text))
        raise BadReply(f"not the text that was sent, from character {same}: {text[same : same + 60]!r}")


class Drive:
    """One run of the driver, shared by its connections."""

    def __init__(self, scenario: Scenario, port: int, key: str, seconds: float) -> None:
        self.scenario = scenario
        self.report = Report()
        self._before, self._after = request_parts(scenario)
        self._reply = reply_text(scenario)
        self._head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {key}\r\n"
            "accept: application/json\r\ncontent-type: application/json\r\nuser-agent: bench\r\n"
        ).encode()
        self._tags = tags()
        self._deadline = time.monotonic() + seconds
        # Streams are counted, not timed: one more stream begun just before the deadline would double a short slice.
        self._streams = max(1, round(seconds / (scenario.chunks * scenario.gap_s))) if scenario.streamed else 0
        self.queue = Queue(seed=0) if scenario.rate else None

    def next_request(self) -> tuple[str, bytes]:
        """A new tag and the request that carries it."""
        tag = next(self._tags)
        body = self._before + tag.encode() + self._after
        return tag, b"%bcontent-length: %d\r\n\r\n%b" % (self._head, len(body), body)

    def check(self, tag: str, status: int, body: bytes) -> None:
        """Count the reply to the request with this tag. Raises BadReply if it is not right."""
        check_reply(tag + self._reply, status, body, streamed=self.scenario.streamed)
        self.report.requests += 1
        self.report.chunks += self.scenario.chunks

    def wants_more(self, done: int) -> bool:
        """Whether a connection with that many complete requests sends another."""
        return done < self._streams if self.scenario.streamed else time.monotonic() < self._deadline


class Client(asyncio.Protocol):
    """One connection. `finished` is done when it sent and received all it should, or failed."""

    def __init__(self, drive: Drive) -> None:
        self._drive = drive
        self._buffer = bytearray()
        self._done = 0
        self._tag = ""
        self._sent_at = 0.0
        self._arrived: list[float] = []
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass

    def start(self, since: float | None = None) -> None:
        """Send a request; it may have waited for this connection `since` then."""
        self._tag, request = self._drive.next_request()
        self._arrived = []
        self._sent_at = time.monotonic() if since is None else since
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._drive.report.reads += 1
        self._buffer += data
        if self._drive.scenario.streamed and len(self._arrived) < NOTED:
            self._note()
        try:
            if reply := read_reply(self._buffer):
                self._drive.check(self._tag, *reply)
                self._buffer.clear()
                self._replied()
        except (BadReply, ValueError) as error:
            self._fail(BadReply(f"request {self._done + 1} of a connection: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(BadReply(f"the connection was closed after {len(self._buffer)} bytes of a reply ({exc})"))

    def _note(self) -> None:
        """Note when content arrived that was not there before."""
        there = min(len(SOME_CONTENT.findall(self._buffer)), NOTED)
        elapsed = round(time.monotonic() - self._sent_at, 6)
        self._arrived += [elapsed] * (there - len(self._arrived))

    def _replied(self) -> None:
        self._done += 1
        if self._arrived:
            self._drive.report.arrivals.append(self._arrived)
        else:
            self._drive.report.times.append(round(time.monotonic() - self._sent_at, 6))
        if self._drive.queue is not None:
            self._drive.queue.freed(self)
        elif self._drive.wants_more(self._done):
            self.start()
        elif not self.finished.done():
            self.finished.set_result(None)

    def _fail(self, error: BadReply) -> None:
        if not self.finished.done():
            self.finished.set_exception(error)

    def close(self) -> None:
        self.finished.cancel()
        self._transport.close()


async def drive(scenario: Scenario, port: int, key: str, seconds: float, grace_s: float = GRACE_S) -> Report:
    """Drive 127.0.0.1:`port` for about `seconds`. Raises BadReply at the first reply that is not right.

    The last replies may take three times the time planned and `grace_s` on top.
    """
    loop = asyncio.get_running_loop()
    started = time.monotonic()
    run = Drive(scenario, port, key, seconds)
    clients: list[Client] = []
    try:
        for _ in range(scenario.clients):
            _, client = await loop.create_connection(lambda: Client(run), "127.0.0.1", port)
            clients.append(client)
        nominal = max(seconds, scenario.chunks * scenario.gap_s)
        await asyncio.wait_for(_answered(run, clients, seconds), 3 * nominal + grace_s)
    except TimeoutError:
        raise BadReply(f"no complete reply in time; {run.report.requests} requests were answered") from None
    except OSError as error:
        raise BadReply(f"cannot connect to 127.0.0.1:{port}: {error}") from None
    finally:
        for client in clients:
            client.close()
    run.report.seconds = time.monotonic() - started
    return run.report


async def _answered(run: Drive, clients: Sequence[Client], seconds: float) -> None:
    """Send all requests; returns when all are answered."""
    finished = [client.finished for client in clients]
    if run.queue is not None:
        pace = asyncio.create_task(_paced(run.queue, clients, run.scenario.rate, seconds))
        try:
            await asyncio.gather(pace, *finished)
        finally:
            pace.cancel()
        return
    gap_s = run.scenario.gap_s
    for client in clients:
        # A gap and a bit apart: the streams do not all speak in the same millisecond, and no request queues behind
        # fifty others, which would show as a late first chunk.
        client.start()
        await asyncio.sleep(gap_s * (1 + 1 / len(clients)))
    await asyncio.gather(*finished)


async def _paced(queue: Queue, clients: Sequence[Client], rate: float, seconds: float) -> None:
    await queue.pace(clients, rate, seconds)
    for client in clients:
        client.finished.set_result(None)


def run_job(line: str) -> dict[str, Any]:
    """What one line of the driver's input asks for, as a `Report`, or why it failed."""
    job = json.loads(line)
    scenario = SCENARIOS[job["scenario"]]
    try:
        return asdict(uvloop.run(drive(scenario, job["port"], job["key"], job["seconds"])))
    except BadReply as error:
        return {"error": str(error)}


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(run_job(line)), flush=True)


if __name__ == "__main__":
    main()
