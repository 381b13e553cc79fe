"""A body is read whole, or refused as soon as it is clear that it will not be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from guardproxy.errors import RequestError
from guardproxy.gateway.answers import error_answer
from guardproxy.gateway.body import read_body
from guardproxy.gateway.draft import Draft
from guardproxy.gateway.request import Request
from guardproxy.gateway.sending import Answer
from tests.gateway.served import served
from tests.support.caller import Answer as Told
from tests.support.caller import Caller, calling, request
from tests.support.upstream import piece

LIMIT = 100_000
BODY = b"0123456789" * 5_000


@asynccontextmanager
async def reader(timeout_s: float = 60.0) -> AsyncIterator[Caller]:
    """A connection to a server that answers with the body it read, or with why it did not."""

    async def answer(incoming: Request) -> Answer:
        try:
            return Answer(200, {}, await read_body(incoming, LIMIT, timeout_s))
        except RequestError as error:
            return error_answer(error, Draft("req_1"), {})

    async with served(answer) as (port, _), calling(port) as caller:
        yield caller


async def post(caller: Caller, body: bytes | None, **headers: str) -> Told:
    await caller.send(request("POST", "/", body, headers={name.replace("_", "-"): v for name, v in headers.items()}))
    return await caller.answer()


@pytest.mark.parametrize("size", [0, 1, LIMIT - 1, LIMIT])
async def test_a_body_up_to_the_limit_is_read_whole(size: int) -> None:
    async with reader() as caller:
        assert (await post(caller, b"x" * size)).body == b"x" * size


@pytest.mark.parametrize("step", [1_000, 7_777, 49_999])
async def test_a_body_is_the_same_however_it_arrives(step: int) -> None:
    async with reader() as caller:
        await caller.send(request("POST", "/", None, headers={"content-length": str(len(BODY))}))
        for at in range(0, len(BODY), step):
            await caller.send(BODY[at : at + step])
            await asyncio.sleep(0)
        assert (await caller.answer()).body == BODY
        await caller.send(request("POST", "/", None, headers={"transfer-encoding": "chunked"}))
        for at in range(0, len(BODY), step):
            await caller.send(piece(BODY[at : at + step]))
        await caller.send(b"0\r\n\r\n")
        assert (await caller.answer()).body == BODY


async def test_a_body_announced_too_large_is_refused_before_it_comes() -> None:
    async with reader() as caller:
        assert (await post(caller, None, content_length=str(LIMIT + 1))).refusal == (413, "request_too_large")


async def test_a_body_that_turns_out_too_large_is_refused() -> None:
    async with reader() as caller:
        await caller.send(request("POST", "/", None, headers={"transfer-encoding": "chunked"}))
        await caller.send(piece(b"x" * LIMIT))
        await caller.send(piece(b"x"))
        answer = await caller.answer()
        assert answer.refusal == (413, "request_too_large")
        assert "100,000 bytes" in answer.error["message"]


async def test_a_small_chunked_body_that_came_with_its_head_is_held_to_the_limit_too() -> None:
    async with reader() as caller:
        head = request("POST", "/", None, headers={"transfer-encoding": "chunked"})
        await caller.send(head + piece(b"x" * (LIMIT + 1)) + b"0\r\n\r\n")
        assert (await caller.answer()).refusal == (413, "request_too_large")


async def test_no_body_at_all_is_an_empty_one() -> None:
    async with reader() as caller:
        assert (await post(caller, None)).body == b""


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "Gzip"])
async def test_a_compressed_body_is_refused(coding: str) -> None:
    async with reader() as caller:
        assert (await post(caller, b"x", content_encoding=coding)).refusal == (400, "invalid_request")


async def test_the_identity_coding_is_none() -> None:
    async with reader() as caller:
        assert (await post(caller, b"x", content_encoding="Identity")).body == b"x"


async def test_a_body_that_stops_coming_is_given_up() -> None:
    async with reader(0.05) as caller:
        await caller.send(request("POST", "/", b"x", headers={"content-length": "2"}))
        answer = await caller.answer()
        assert answer.refusal == (408, "request_timeout")
        assert "0.05 s" in answer.error["message"]


async def test_a_caller_who_waits_for_permission_to_send_gets_it() -> None:
    async with reader() as caller:
        await caller.send(request("POST", "/", None, headers={"content-length": "2", "expect": "100-continue"}))
        assert await caller.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await caller.send(b"ok")
        assert (await caller.answer()).body == b"ok"
