"""A body arrives and is read, in whatever order the two happen."""

from __future__ import annotations

import asyncio

import pytest
from multidict import CIMultiDict

from guardproxy.errors import InvalidRequest
from guardproxy.gateway.request import CONTINUE, Request, RequestBody
from tests.gateway.served import Kept


def request(*, minor: int = 1, **headers: str) -> tuple[Request, Kept]:
    wire = Kept()
    return Request(wire, "POST", "/", CIMultiDict(headers), minor=minor), wire


def test_what_has_arrived_is_read_once() -> None:
    body = RequestBody(Kept())
    assert body.read_nowait() == b""
    body.feed(b"a")
    body.feed(b"b")
    assert (body.unread, body.is_eof(), body.read_nowait()) == (2, False, b"ab")
    body.feed(b"c")
    body.end()
    assert (body.unread, body.is_eof(), body.read_nowait(), body.read_nowait()) == (1, True, b"c", b"")


async def test_a_reader_waits_for_what_has_not_arrived_and_makes_room() -> None:
    wire = Kept()
    body = RequestBody(wire)
    reading = asyncio.ensure_future(body.readany())
    await asyncio.sleep(0)
    assert not reading.done()
    body.feed(b"a")
    body.feed(b"b")
    assert (await reading, wire.rooms) == (b"ab", 1)
    reading = asyncio.ensure_future(body.readany())
    await asyncio.sleep(0)
    body.end()
    assert (await reading, await body.readany()) == (b"", b"")


async def test_what_came_before_a_fault_is_read_and_then_the_fault() -> None:
    body = RequestBody(Kept())
    reading = asyncio.ensure_future(body.readany())
    await asyncio.sleep(0)
    body.feed(b"a")
    body.fail(InvalidRequest("broken"))
    assert await reading == b"a"
    for _ in range(2):
        with pytest.raises(InvalidRequest, match="broken"):
            await body.readany()


async def test_a_fault_reaches_who_already_waits() -> None:
    body = RequestBody(Kept())
    reading = asyncio.ensure_future(body.readany())
    await asyncio.sleep(0)
    body.fail(InvalidRequest("broken"))
    with pytest.raises(InvalidRequest):
        await reading


async def test_a_reader_who_gave_up_is_not_woken() -> None:
    body = RequestBody(Kept())
    reading = asyncio.ensure_future(body.readany())
    await asyncio.sleep(0)
    reading.cancel()
    body.feed(b"a")
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await body.readany() == b"a"


async def test_of_a_rest_that_nobody_wants_nothing_is_kept() -> None:
    wire = Kept()
    body = RequestBody(wire)
    body.feed(b"a")
    dropping = asyncio.ensure_future(body.drop_rest())
    await asyncio.sleep(0)
    assert (body.unread, wire.rooms) == (0, 1)
    body.feed(b"b" * 100)
    assert body.unread == 0
    assert not dropping.done()
    body.end()
    await dropping


async def test_who_waits_to_be_invited_is_invited_unless_it_would_not_understand() -> None:
    one, wire = request(expect="100-continue")
    assert one.may_not_come
    await one.invite()
    assert (one.may_not_come, wire.written) == (False, [CONTINUE])
    old, wire = request(minor=0, expect="100-continue")
    await old.invite()
    assert wire.written == []


def test_a_body_that_is_there_does_not_wait_for_anything() -> None:
    one, _ = request(expect="100-continue")
    one.content.end()
    assert not one.may_not_come
    assert not request()[0].may_not_come


def test_a_request_comes_from_where_its_connection_comes_from() -> None:
    assert request()[0].remote == "192.0.2.1"


def test_what_was_no_request_cannot_be_followed_by_one() -> None:
    assert not Request.unread(Kept()).keep_alive
