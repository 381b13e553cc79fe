"""What is written for an answer: at once in one piece, streamed a piece at a time, and as its caller can read it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from guardproxy.gateway.http1_response import ResponseParser
from guardproxy.gateway.request import Request
from guardproxy.gateway.sending import Answer, AnswerStream, send_whole
from tests.gateway.served import Kept


def asked(method: str = "POST", *, minor: int = 1, keep_alive: bool = True, **headers: str) -> tuple[Request, Kept]:
    wire = Kept()
    made = Request(wire, method, "/", CIMultiDict(headers), minor=minor, keep_alive=keep_alive)
    return made, wire


def received(wire: Kept, *, bodiless: bool = False, closed: bool = False) -> ResponseParser:
    """What a strict client makes of it."""
    parser = ResponseParser()
    parser.begin(bodiless=bodiless)
    parser.feed(b"".join(wire.written))
    if closed:
        parser.end()
    return parser


def body_of(parser: ResponseParser) -> bytes:
    return parser.take() if parser.pieces else b""


@given(st.binary(max_size=200), st.sampled_from([200, 400, 503]), st.booleans())
def test_a_whole_answer_is_one_write_that_a_strict_client_reads(body: bytes, status: int, keep_alive: bool) -> None:
    request, wire = asked()
    send_whole(request, Answer(status, {"x-a": "b"}, body), keep_alive=keep_alive)
    parser = received(wire)
    assert (parser.status, parser.headers[b"x-a"], body_of(parser), parser.complete) == (status, b"b", body, True)
    assert (parser.keep_alive, len(wire.written), request.begun) == (keep_alive, 1, True)


def test_a_large_answer_is_not_copied_for_its_head() -> None:
    request, wire = asked()
    body = b"x" * 10**6
    send_whole(request, Answer(200, {}, body), keep_alive=True)
    assert wire.written[1] is body
    assert body_of(received(wire)) == body


def test_head_has_the_head_of_an_answer_and_no_body() -> None:
    request, wire = asked("HEAD")
    send_whole(request, Answer(405, {}, b"body"), keep_alive=True)
    assert b"".join(wire.written).endswith(b"\r\n\r\n")
    assert received(wire, bodiless=True).headers[b"content-length"] == b"4"


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_does_not_announce_one(status: int) -> None:
    request, wire = asked()
    send_whole(request, Answer(status, {}, b""), keep_alive=True)
    stream_request, stream_wire = asked()
    AnswerStream(stream_request, status, {}).end()
    for written in (wire, stream_wire):
        parser = received(written)
        assert not {b"content-length", b"transfer-encoding"} & set(parser.headers)
        assert b"".join(written.written).endswith(b"\r\n\r\n")


def test_of_an_answer_that_cannot_be_written_nothing_is() -> None:
    request, wire = asked()
    with pytest.raises(ValueError, match="control characters"):
        send_whole(request, Answer(200, {"x-a": "b\r\nset-cookie: c"}, b""), keep_alive=True)
    with pytest.raises(ValueError, match="control characters"):
        AnswerStream(request, 200, {"x-a": "b\nc"})
    assert (wire.written, request.begun) == ([], False)


@given(st.lists(st.binary(max_size=50), max_size=6), st.sampled_from([0, 1]), st.sampled_from(["GET", "HEAD"]))
async def test_a_stream_is_the_sum_of_its_pieces(pieces: list[bytes], minor: int, method: str) -> None:
    request, wire = asked(method, minor=minor)
    stream = AnswerStream(request, 200, {"x-a": "b"})
    assert not (stream.started or request.begun)
    for piece in pieces:
        await stream.write(piece)
        assert stream.started
        assert request.begun
    stream.end()
    parser = received(wire, bodiless=method == "HEAD", closed=not minor)
    assert body_of(parser) == (b"" if method == "HEAD" else b"".join(pieces))
    assert (parser.complete, stream.ended) == (True, True)
    assert stream.keep_alive == (bool(minor) or method == "HEAD")


async def test_each_piece_is_one_write_and_the_head_goes_with_the_first() -> None:
    request, wire = asked()
    stream = AnswerStream(request, 200, {})
    await stream.write(b"one")
    await stream.write(b"two")
    assert wire.written[0].endswith(b"\r\n\r\n3\r\none\r\n")
    assert wire.written[1:] == [b"3\r\ntwo\r\n"]


async def test_an_empty_piece_is_no_end() -> None:
    request, wire = asked()
    stream = AnswerStream(request, 200, {})
    await stream.write(b"")
    await stream.write(b"")
    assert len(wire.written) == 1
    assert not received(wire).complete


async def test_only_a_caller_who_is_slower_is_waited_for() -> None:
    request, wire = asked()
    stream = AnswerStream(request, 200, {})
    await stream.write(b"one")
    assert wire.drains == 0
    wire.paused = True
    await stream.write(b"two")
    assert wire.drains == 1
    assert stream.put(b"three")
    await stream.drained()
    assert wire.drains == 2


def test_behind_a_stream_comes_another_answer_only_where_its_end_is_told() -> None:
    kept = [
        AnswerStream(asked(minor=minor, keep_alive=keep_alive)[0], 200, {}).keep_alive
        for minor, keep_alive in [(1, True), (1, False), (0, True), (0, False)]
    ]
    assert kept == [True, False, False, False]
    assert not AnswerStream(asked(expect="100-continue")[0], 200, {}).keep_alive
