"""An open loop: what comes is sent once, in order, on a connection that is free."""

from __future__ import annotations

import asyncio
import time

from hypothesis import given
from hypothesis import strategies as st

from bench.pace import Queue


class Connection:
    """Answers when it is told to."""

    def __init__(self, queue: Queue, sent: list[float | None]) -> None:
        self._queue, self._sent = queue, sent
        self.busy = False

    def start(self, since: float | None = None) -> None:
        assert not self.busy
        self.busy = True
        self._sent.append(since)

    def answer(self) -> None:
        self.busy = False
        self._queue.freed(self)


@given(st.integers(1, 3), st.lists(st.one_of(st.none(), st.integers(0, 2)), max_size=40))
def test_each_request_is_sent_once_and_waits_its_turn(number: int, happens: list[int | None]) -> None:
    queue, sent = Queue(0), list[float | None]()
    connections = [Connection(queue, sent) for _ in range(number)]
    queue._free.extend(connections)
    came = 0
    for answered in happens:
        if answered is None:
            queue.ask()
            came += 1
        elif answered < number and connections[answered].busy:
            connections[answered].answer()
        busy = sum(connection.busy for connection in connections)
        assert len(sent) + len(queue._waiting) == came
        assert not queue._waiting or busy == number
    while busy_ones := [connection for connection in connections if connection.busy]:
        busy_ones[0].answer()
    assert len(sent) == came
    waited = [since for since in sent if since is not None]
    assert waited == sorted(waited)


async def test_pacing_ends_when_all_is_answered_and_is_the_same_each_time() -> None:
    async def run() -> int:
        queue, sent = Queue(7), list[float | None]()
        connection = Connection(queue, sent)
        pacing = asyncio.create_task(queue.pace([connection], 1000, 0.05))
        while not pacing.done():
            await asyncio.sleep(0)
            if connection.busy:
                connection.answer()
        await pacing
        assert not connection.busy
        return len(sent)

    first = await run()
    assert 20 < first < 90
    assert await run() == first


async def test_what_waits_counts_from_when_it_came() -> None:
    queue, sent = Queue(0), list[float | None]()
    connection = Connection(queue, sent)
    queue._free.append(connection)
    before = time.monotonic()
    queue.ask()
    queue.ask()
    connection.answer()
    assert sent[0] is None
    assert sent[1] is not None
    assert before <= sent[1] <= time.monotonic()
