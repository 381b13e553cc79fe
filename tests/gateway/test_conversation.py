"""A caller's connection: requests in any pieces, answers in their order, and an end whoever makes it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.errors import InvalidRequest, RequestError
from guardproxy.gateway import conversation
from guardproxy.gateway.conversation import Conversation, Service
from guardproxy.gateway.inflow import HIGH_WATER
from guardproxy.gateway.request import Request
from guardproxy.gateway.sending import Answer, AnswerStream
from tests.gateway.raw_server import LOOPS, on_every_loop, until
from tests.gateway.served import failed, refused, served
from tests.support.caller import Caller, calling, request

GET = request("GET", "/")


async def echo(asked: Request) -> Answer:
    """Says what was asked for, with the body."""
    parts = []
    while part := await asked.content.readany():
        parts.append(part)
    return Answer(200, {"x-asked": f"{asked.method} {asked.raw_path}"}, b"".join(parts))


async def ignore(asked: Request) -> Answer:
    """Answers without a look at the body."""
    return Answer(404, {}, b"no")


async def never(asked: Request) -> Answer:
    await asyncio.Event().wait()
    raise AssertionError


@asynccontextmanager
async def talking(handler: Callable[[Request], Any], head_s: float = 15.0) -> AsyncIterator[Caller]:
    async with served(handler, head_s) as (port, _), calling(port) as caller:
        yield caller


async def rest(caller: Caller) -> bytes:
    """All that still comes until the connection ends, as it should."""
    async with asyncio.timeout(5):
        return await caller.reader.read()


class Pipe:
    """A transport whose other end is a list of what was written. `closed` says how it ended."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed: str | None = None
        self.reading = True
        self.socket = socket.socket()

    def get_extra_info(self, name: str) -> Any:
        return self.socket if name == "socket" else None

    def write(self, data: bytes) -> None:
        assert self.closed is None
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.closed is not None

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = self.closed or "close"

    def abort(self) -> None:
        self.closed = self.closed or "abort"

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def answered(pieces: list[bytes]) -> tuple[bytes, str | None]:
    """What is written to a caller who sends these pieces, each after the last was looked at, and how it ends."""

    async def main() -> tuple[bytes, str | None]:
        pipe, gone = Pipe(), asyncio.Event()
        one = Conversation(Service(echo, refused, failed, 15.0), lambda _: gone.set())
        with pipe.socket:
            one.connection_made(cast("asyncio.Transport", pipe))
        for piece in pieces:
            if pipe.closed is None:
                one.data_received(piece)
            await asyncio.sleep(0)
        seen = -1
        while seen < len(pipe.written):  # until nothing comes any more
            seen = len(pipe.written)
            for _ in range(5):
                await asyncio.sleep(0)
        end = pipe.closed
        one.connection_lost(None)
        await gone.wait()
        return b"".join(pipe.written), end

    return asyncio.run(main())


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if start < end]


def undated(written: bytes) -> list[bytes]:
    return [line for line in written.split(b"\r\n") if not line.startswith(b"Date:")]


def chunked(*pieces: bytes) -> bytes:
    head = request("POST", "/chunked", None, headers={"transfer-encoding": "chunked"})
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


requests = st.sampled_from(
    [
        GET,
        request("POST", "/sized", b"some body"),
        request("POST", "/empty", b""),
        chunked(b"a", b"bcd"),
        request("GET", "/last", headers={"connection": "close"}),
        GET.replace(b"HTTP/1.1", b"HTTP/1.0"),
        b"marzipan\r\n\r\n",
        b"\r\n",
    ]
)


@given(st.lists(requests, min_size=1, max_size=5), st.lists(st.integers(0, 2000), max_size=8))
def test_the_answers_are_the_same_however_the_requests_are_cut(asked: list[bytes], where: list[int]) -> None:
    data = b"".join(asked)
    at_once, end = answered([data])
    assert (undated(at_once), end) == _as(answered(cut(data, where)))
    assert (undated(at_once), end) == _as(answered([data[at : at + 1] for at in range(len(data))]))


def _as(told: tuple[bytes, str | None]) -> tuple[list[bytes], str | None]:
    return undated(told[0]), told[1]


@given(st.binary(max_size=200), st.booleans(), st.integers(0, 60))
def test_garbage_is_answered_or_waited_on_and_never_a_crash(noise: bytes, spoils: bool, at: int) -> None:
    data = GET[:at] + noise + GET[at:] if spoils else noise
    written, end = answered([data])
    if end is not None:
        assert end == "close"
        assert written.startswith(b"HTTP/1.")
        assert b"onnection: close" in written or b"HTTP/1.0" in written
    assert b" 500 " not in written


@on_every_loop
async def test_requests_that_come_together_are_answered_in_their_order() -> None:
    async with talking(echo) as caller:
        await caller.send(b"".join(request("POST", f"/{n}", b"x" * n) for n in range(50)))
        for n in range(50):
            answer = await caller.answer()
            assert (answer.status, answer.headers["x-asked"], answer.body) == (200, f"POST /{n}", b"x" * n)


@on_every_loop
async def test_however_many_requests_come_at_once_others_get_their_turn() -> None:
    turns = 0
    seen: list[int] = []

    async def quick(asked: Request) -> Answer:
        seen.append(turns)
        return Answer(200, {}, b"")

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with talking(quick) as caller:
        beside = asyncio.ensure_future(other())
        await caller.send(GET * 500)
        for _ in range(500):
            await caller.answer()
        beside.cancel()
    assert all(after > before for before, after in pairwise(seen))


@on_every_loop
async def test_one_exchange_runs_at_a_time_and_what_comes_meanwhile_is_bounded() -> None:
    asked: list[str] = []
    go = asyncio.Event()

    async def slow(one: Request) -> Answer:
        asked.append(one.raw_path)
        await go.wait()
        return await echo(one)

    async with talking(slow) as caller:
        caller.writer.write(request("GET", "/first"))
        await until(lambda: asked == ["/first"])
        caller.writer.write(request("POST", "/body", b"x" * 4 * 2**20) + GET)
        caller.writer.transport.set_write_buffer_limits(1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await caller.writer.drain()
        assert asked == ["/first"]
        go.set()
        assert (await caller.answer()).headers["x-asked"] == "GET /first"
        assert len((await caller.answer()).body) == 4 * 2**20
        assert (await caller.answer()).headers["x-asked"] == "GET /"


@on_every_loop
async def test_a_body_nobody_reads_yet_is_not_taken_in() -> None:
    here: list[Request] = []
    go = asyncio.Event()

    async def later(one: Request) -> Answer:
        here.append(one)
        await go.wait()
        return await echo(one)

    async with talking(later) as caller:
        caller.writer.write(request("POST", "/", b"x" * 8 * 2**20))
        await until(lambda: bool(here) and here[0].content.unread > HIGH_WATER)
        await asyncio.sleep(0.05)
        assert here[0].content.unread < 2**20
        go.set()
        assert len((await caller.answer()).body) == 8 * 2**20


@pytest.mark.parametrize("how", ["vanishes", "closes", "says that nothing more comes"])
@on_every_loop
async def test_a_caller_who_leaves_ends_what_runs_for_it_at_once(how: str) -> None:
    ended = asyncio.Event()

    async def long(one: Request) -> Answer:
        try:
            return await never(one)
        finally:
            ended.set()

    async with served(long) as (port, serving), calling(port) as caller:
        await caller.send(GET)
        await until(lambda: serving.open == 1)
        await asyncio.sleep(0.02)
        if how == "vanishes":
            caller.vanish()
        elif how == "closes":
            caller.writer.close()
        else:
            caller.writer.write_eof()
        async with asyncio.timeout(5):
            await ended.wait()
        await until(lambda: serving.open == 0)


@on_every_loop
async def test_a_caller_who_leaves_while_its_body_is_read_ends_that_too() -> None:
    ended = asyncio.Event()

    async def reading(one: Request) -> Answer:
        try:
            return await echo(one)
        finally:
            ended.set()

    async with talking(reading) as caller:
        await caller.send(request("POST", "/", b"x" * 10)[:-1])
        await asyncio.sleep(0.02)
        assert not ended.is_set()
        caller.vanish()
        async with asyncio.timeout(5):
            await ended.wait()


@on_every_loop
async def test_a_refusal_leaves_the_connection_for_the_next_request_once_the_body_is_out_of_the_way() -> None:
    async with talking(ignore) as caller:
        head = request("POST", "/", b"x" * 500_000)
        await caller.send(head[:-400_000])
        assert ((await caller.answer()).status, caller.reader.at_eof()) == (404, False)
        await caller.send(head[-400_000:])
        await caller.send(GET)
        assert (await caller.answer()).status == 404


async def closing(asked: Request) -> Answer:
    return Answer(413, {}, b"too large", closes=True)


@on_every_loop
async def test_a_caller_who_is_still_sending_reads_why_it_should_not() -> None:
    async with talking(closing) as caller:
        await caller.send(request("POST", "/", b"x" * 10**7)[:-1])
        answer = await caller.answer()
        assert (answer.status, answer.headers["connection"], answer.body) == (413, "close", b"too large")
        await caller.send(b"x" * 10**6)
        assert await caller.ended()


@on_every_loop
async def test_who_waited_for_an_invitation_that_did_not_come_is_not_waited_for() -> None:
    async with talking(ignore) as caller:
        await caller.send(request("POST", "/", None, headers={"content-length": "9", "expect": "100-continue"}))
        assert (await caller.answer()).headers["connection"] == "close"
        assert await caller.ended()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@on_every_loop
async def test_who_wants_no_further_answer_gets_an_end(version: str) -> None:
    headers = {"connection": "close"} if version == "1.1" else {}
    asked = request("GET", "/", None, headers=headers).replace(b"HTTP/1.1", b"HTTP/" + version.encode())
    async with talking(echo) as caller:
        await caller.send(asked + GET)
        written = await rest(caller)
        assert written.startswith(b"HTTP/" + version.encode())
        assert written.count(b"HTTP/1.") == 1


async def stream(asked: Request) -> AnswerStream:
    made = AnswerStream(asked, 200, {})
    await made.write(b"one ")
    await made.write(b"two")
    made.end()
    return made


@on_every_loop
async def test_a_stream_is_followed_by_the_next_answer() -> None:
    async with talking(stream) as caller:
        await caller.send(GET + GET)
        for _ in range(2):
            answer = await caller.answer()
            assert (answer.status, answer.body, answer.complete) == (200, b"one two", True)


@on_every_loop
async def test_a_stream_to_http_1_0_lasts_until_the_connection_ends() -> None:
    async with talking(stream) as caller:
        await caller.send(GET.replace(b"1.1\r\n", b"1.0\r\nconnection: keep-alive\r\n"))
        head, _, body = (await rest(caller)).partition(b"\r\n\r\n")
        assert body == b"one two"
        assert b"chunked" not in head


@pytest.mark.parametrize("raises", [True, False])
@on_every_loop
async def test_a_stream_that_breaks_off_ends_the_connection_without_its_last_chunk(raises: bool) -> None:
    async def broken(asked: Request) -> Answer | AnswerStream:
        made = AnswerStream(asked, 200, {})
        await made.write(b"one")
        return Answer(502, {}, b"what came over me") if raises else made

    async with talking(broken) as caller:
        await caller.send(GET + GET)
        written = await rest(caller)
        assert written.endswith(b"\r\n\r\n3\r\none\r\n")


@on_every_loop
async def test_a_slow_reader_slows_the_stream_down_and_gets_all_of_it() -> None:
    put = 0

    async def much(asked: Request) -> AnswerStream:
        nonlocal put
        made = AnswerStream(asked, 200, {})
        for _ in range(300):
            await made.write(b"x" * 100_000)
            put += 1
        made.end()
        return made

    async with served(much) as (port, _), calling(port, limit=1000) as caller:
        await caller.send(GET)
        await caller.head()
        before = -1
        while before != put:
            before = put
            await asyncio.sleep(0.1)
        assert put < 200
        assert len(await caller.rest()) == 30_000_000
        assert put == 300


@pytest.mark.parametrize("how", ["vanishes", "says that nothing more comes"])
@on_every_loop
async def test_a_slow_reader_who_leaves_ends_the_stream(how: str) -> None:
    ended = asyncio.Event()

    async def endless(asked: Request) -> AnswerStream:
        made = AnswerStream(asked, 200, {})
        try:
            while True:
                await made.write(b"x" * 100_000)
        finally:
            ended.set()

    async with served(endless) as (port, _), calling(port, limit=1000) as caller:
        await caller.send(GET)
        await caller.head()
        if how == "vanishes":
            caller.vanish()
        else:
            await asyncio.sleep(0.05)  # until more is written than it takes
            caller.writer.write_eof()
        async with asyncio.timeout(5):
            await ended.wait()


@on_every_loop
async def test_who_says_that_nothing_more_comes_still_gets_the_answer_that_was_written() -> None:
    async def much(asked: Request) -> Answer:
        return Answer(200, {}, b"x" * 30_000_000)

    async with served(much) as (port, serving), calling(port, limit=1000) as caller:
        await caller.send(GET)
        await caller.head()
        await asyncio.sleep(0.05)
        caller.writer.write_eof()
        assert len(await caller.reader.readexactly(30_000_000)) == 30_000_000
        await until(lambda: serving.open == 0)


@pytest.mark.parametrize("loop_name", LOOPS)
def test_who_takes_nothing_of_an_answer_is_let_go(loop_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "STALL_S", 0.1)

    async def much(asked: Request) -> Answer:
        return Answer(200, {}, b"x" * 30_000_000)

    async def main() -> None:
        async with served(much) as (port, serving), calling(port, limit=1000) as caller:
            await caller.send(GET)
            await caller.head()
            await until(lambda: serving.open == 0)

    with asyncio.Runner(loop_factory=LOOPS[loop_name]) as runner:
        runner.run(main())


async def test_who_takes_a_little_of_an_answer_at_a_time_keeps_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "STALL_S", 0.001)

    class Draining(Pipe):
        """What is not taken yet becomes a byte less each time somebody looks, until it does not."""

        unsent = 50

        def get_write_buffer_size(self) -> int:
            self.unsent = max(self.unsent - 1, 40)
            return self.unsent

    async def slowly(asked: Request) -> Answer:
        one.pause_writing()
        return Answer(200, {}, b"x")

    pipe = Draining()
    one = Conversation(Service(slowly, refused, failed, 15.0), lambda _: None)
    with pipe.socket:
        one.connection_made(cast("asyncio.Transport", pipe))
    one.data_received(GET)
    await until(lambda: pipe.closed is not None)
    assert (pipe.closed, pipe.unsent) == ("abort", 40)
    one.connection_lost(None)


@pytest.mark.parametrize("loop_name", LOOPS)
@pytest.mark.parametrize("fault", ["raises", "header", "after its head"])
def test_a_mistake_of_ours_is_told_and_reported_and_ends_one_connection(fault: str, loop_name: str) -> None:
    reported: list[dict[str, Any]] = []

    async def mistaken(asked: Request) -> Answer:
        if fault == "header":
            return Answer(200, {"x-a": "marzipan\r\nset-cookie: a"}, b"")
        if fault == "after its head":
            await AnswerStream(asked, 200, {}).write(b"begun")
        raise LookupError("marzipan")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        async with served(mistaken) as (port, serving):
            for _ in range(2):
                async with calling(port) as caller:
                    await caller.send(GET)
                    written = await rest(caller)
                    assert b"marzipan" not in written
                    if fault == "after its head":
                        assert written.endswith(b"begun\r\n")
                    else:
                        assert written.startswith(b"HTTP/1.1 500 ")
                        assert written.endswith(b"failed")
                await until(lambda: serving.open == 0)

    with asyncio.Runner(loop_factory=LOOPS[loop_name]) as runner:
        runner.run(main())
    assert len(reported) == 2
    assert "marzipan" not in repr(reported)
    assert ".py:" in reported[0]["message"]


@on_every_loop
async def test_an_exchange_that_is_cancelled_from_within_closes_its_connection() -> None:
    async def cancelled(asked: Request) -> Answer:
        raise asyncio.CancelledError

    async with talking(cancelled) as caller:
        await caller.send(GET)
        assert await caller.ended()


@on_every_loop
async def test_each_head_has_its_time_and_a_caller_who_trickles_it_no_more() -> None:
    async with talking(echo, head_s=0.2) as caller:
        await caller.send(GET[:-4])
        await caller.send(GET[-4:])
        assert (await caller.answer()).status == 200
        await asyncio.sleep(0.3)  # between requests it is not counted
        await caller.send(GET)
        assert (await caller.answer()).status == 200
        await caller.send(GET[:-4])
        for _ in range(3):
            await asyncio.sleep(0.05)
            caller.writer.write(b"a")
        assert await rest(caller) == b""


@on_every_loop
async def test_a_connection_on_which_nothing_comes_is_closed() -> None:
    async with talking(echo, head_s=0.05) as caller:
        assert await rest(caller) == b""


@pytest.mark.parametrize("loop_name", LOOPS)
def test_a_connection_that_is_not_used_again_is_closed(loop_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "KEEP_ALIVE_S", 0.2)

    async def main() -> None:
        async with talking(echo) as caller:
            for _ in range(3):
                await caller.send(GET)
                assert (await caller.answer()).status == 200
            assert await rest(caller) == b""

    with asyncio.Runner(loop_factory=LOOPS[loop_name]) as runner:
        runner.run(main())


@pytest.mark.parametrize("loop_name", LOOPS)
def test_who_neither_closes_nor_stops_sending_is_not_read_for_ever(
    loop_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "LINGER_S", 0.1)

    async def main() -> None:
        async with served(closing) as (port, serving), calling(port) as caller:
            await caller.send(request("POST", "/", b"x" * 10**6)[:-1])
            assert (await caller.answer()).status == 413
            await until(lambda: serving.open == 0)

    with asyncio.Runner(loop_factory=LOOPS[loop_name]) as runner:
        runner.run(main())


@on_every_loop
async def test_an_exchange_may_take_longer_than_a_head() -> None:
    async def slow(asked: Request) -> Answer:
        await asyncio.sleep(0.2)
        return await echo(asked)

    async with talking(slow, head_s=0.05) as caller:
        await caller.send(GET)
        assert (await caller.answer()).status == 200


@on_every_loop
async def test_what_is_no_request_is_answered_after_those_before_it() -> None:
    async with talking(echo) as caller:
        await caller.send(GET + request("POST", "/", b"body") + b"marzipan\r\n\r\n" + GET)
        assert [(await caller.answer()).status for _ in range(2)] == [200, 200]
        last = await caller.answer()
        assert (last.status, last.body, last.headers["connection"]) == (400, b"invalid_request", "close")
        assert await caller.ended()


@on_every_loop
async def test_a_body_that_is_framed_wrongly_reaches_its_reader_and_ends_the_connection() -> None:
    faults: list[RequestError] = []

    async def reading(asked: Request) -> Answer:
        try:
            return await echo(asked)
        except InvalidRequest as fault:
            faults.append(fault)
            return Answer(400, {}, b"")

    async with talking(reading) as caller:
        await caller.send(chunked(b"abc")[:-5] + b"zz\r\n" + GET)
        status, headers = await caller.head()
        assert (status, headers["connection"]) == (400, "close")
        assert await caller.ended()
        assert len(faults) == 1


@on_every_loop
async def test_a_request_knows_where_it_comes_from() -> None:
    async def where(asked: Request) -> Answer:
        return Answer(200, {}, (asked.remote or "").encode())

    async with talking(where) as caller:
        await caller.send(GET)
        assert (await caller.answer()).body == b"127.0.0.1"
