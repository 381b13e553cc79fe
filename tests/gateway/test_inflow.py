"""What comes in is taken in order, and no more of it than there is room for."""

from __future__ import annotations

import asyncio
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.errors import RequestError
from guardproxy.gateway.inflow import HIGH_WATER, Inflow
from guardproxy.gateway.request import Request
from tests.gateway.served import Kept
from tests.support.caller import request

GET = request("GET", "/")
SHORTEST = b"GET / HTTP/1.1\r\nhost:\r\n\r\n"


class Socket:
    """A transport that is only told whether to read."""

    def __init__(self) -> None:
        self.reading = True
        self.closing = False

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        assert self.reading
        assert not self.closing
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        assert not self.closing
        self.reading = True


class Wired(Kept):
    """A wire that hands on that there is room."""

    inflow: Inflow

    def make_room(self) -> None:
        super().make_room()
        self.inflow.make_room()


def inflow() -> tuple[Inflow, Socket, list[int]]:
    """With its socket, and how long the queue was when something arrived."""
    plug, wire, lengths = Socket(), Wired(), list[int]()
    made = Inflow(wire, cast("asyncio.Transport", plug), lambda: lengths.append(len(made.queue)))
    wire.inflow = made
    return made, plug, lengths


def paths(one: Inflow) -> list[str]:
    """Take everything that was asked, one after the other, as a connection does."""
    taken: list[str] = []
    while True:
        if not one.queue:
            one.busy = False
            one.go_on()
            if not one.queue:
                return taken
        asked = one.take()
        taken.append(asked.raw_path if isinstance(asked, Request) else asked.code)


def test_each_request_arrives_once() -> None:
    one, _, lengths = inflow()
    assert one.idle
    one.receive(GET[:-3])
    assert (one.in_head, one.idle, lengths) == (True, True, [])
    one.receive(GET[-3:])
    assert (one.in_head, one.idle, lengths) == (False, False, [1])
    one.take()
    assert not one.idle
    one.busy = False
    assert one.idle


def test_behind_a_complete_request_nothing_is_parsed_until_it_is_answered() -> None:
    one, _, lengths = inflow()
    one.receive(GET)
    for n in range(100):
        one.receive(request("GET", f"/{n}"))
    one.receive(b"marzipan\r\n\r\n")
    assert lengths == [1]
    assert paths(one) == ["/", *(f"/{n}" for n in range(100)), "invalid_request"]


@given(st.integers(1, 4000), st.integers(1, 60_000))
def test_of_however_many_requests_few_are_parsed_at_a_time_and_none_is_lost(count: int, step: int) -> None:
    one, plug, lengths = inflow()
    data = SHORTEST * count
    for at in range(0, len(data), step):
        one.receive(data[at : at + step])
    assert max(lengths) <= 32 * 1024 // len(SHORTEST) + 1
    assert paths(one) == ["/"] * count
    assert plug.reading


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=100), st.integers(20_000, 300_000))
def test_requests_that_end_in_the_middle_of_what_comes_are_not_parsed_ahead_either(sizes: list[int], step: int) -> None:
    one, _, lengths = inflow()
    data = b"".join(request("POST", f"/{size}", b"x" * size) for size in sizes) * 5
    for at in range(0, len(data), step):
        one.receive(data[at : at + step])
    assert max(lengths) <= 32 * 1024 // len(request("POST", "/0", b"")) + 1
    assert paths(one) == [f"/{size}" for size in sizes] * 5


def test_more_than_there_is_room_for_is_left_with_the_caller() -> None:
    one, plug, _ = inflow()
    one.receive(GET)
    one.receive(b"x" * HIGH_WATER)
    assert plug.reading
    one.receive(b"x")
    assert not plug.reading
    assert paths(one) == ["/", "invalid_request"]
    assert plug.reading


async def test_a_body_nobody_reads_is_left_with_the_caller_until_somebody_does() -> None:
    one, plug, _ = inflow()
    one.receive(request("POST", "/", b"x" * 3 * HIGH_WATER)[: -2 * HIGH_WATER + 100])
    asked = one.queue[0]
    assert isinstance(asked, Request)
    assert not plug.reading
    assert len(await asked.content.readany()) > HIGH_WATER
    assert plug.reading


def test_a_large_body_that_came_at_once_leaves_the_socket_read_while_it_is_answered() -> None:
    one, plug, _ = inflow()
    one.receive(request("POST", "/", b"x" * 2 * HIGH_WATER))
    one.take()
    assert plug.reading  # only reading tells that a caller has left


def test_when_it_stops_everything_is_dropped_and_let_pass() -> None:
    one, plug, lengths = inflow()
    one.receive(GET * 3)
    one.receive(b"x" * 2 * HIGH_WATER)
    assert not plug.reading
    one.stop()
    assert (plug.reading, one.idle) == (True, True)
    one.receive(GET)
    assert (len(one.queue), len(lengths)) == (0, 3)


def test_a_socket_that_closes_is_left_alone() -> None:
    one, plug, _ = inflow()
    one.receive(GET)
    one.receive(b"x" * 2 * HIGH_WATER)
    plug.closing = True
    one.stop()
    assert not plug.reading
    other, closing, _ = inflow()
    closing.closing = True
    other.receive(GET)
    other.receive(b"x" * 2 * HIGH_WATER)


def test_a_fault_is_the_last_that_is_asked() -> None:
    one, _, _ = inflow()
    one.receive(b"marzipan\r\n\r\n" + GET)
    one.receive(GET)
    (fault,) = one.queue
    assert isinstance(fault, RequestError)
