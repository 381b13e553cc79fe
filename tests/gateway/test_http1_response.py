"""The parser of answers: any cut reads the same, and what is ambiguous or endless is refused."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.errors import UpstreamUnavailable
from guardproxy.gateway.http1_response import MAX_HEAD_BYTES, MAX_HEADER_LINES, MAX_INTERIM, ResponseParser
from tests.gateway.raw_server import CHUNKED, LAST_CHUNK, chunk, sized

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKS = OK + b"transfer-encoding: chunked\r\n\r\n"


def reading(*pieces: bytes, bodiless: bool = False) -> ResponseParser:
    parser = ResponseParser()
    parser.begin(bodiless=bodiless)
    for piece in pieces:
        parser.feed(piece)
    return parser


def one_by_one(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def body_of(parser: ResponseParser) -> bytes:
    return parser.take() if parser.pieces else b""


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if start < end]


bodies = st.lists(st.binary(min_size=1, max_size=40), max_size=5)
places = st.lists(st.integers(0, 2000), max_size=12)
interims = st.sampled_from(
    [b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 2]
)
framings = st.sampled_from(["length", "chunked", "until close"])


def written(framing: str, interim: bytes, pieces: list[bytes]) -> bytes:
    if framing == "chunked":
        return interim + CHUNKED + b"".join(map(chunk, pieces)) + LAST_CHUNK
    if framing == "length":
        return interim + sized(b"".join(pieces))
    return interim + OK + b"content-type: text/plain\r\n\r\n" + b"".join(pieces)


@given(framings, interims, bodies, places)
def test_an_answer_is_the_same_however_it_is_cut(
    framing: str, interim: bytes, pieces: list[bytes], where: list[int]
) -> None:
    parser = reading(*cut(written(framing, interim, pieces), where))
    assert parser.status == 200
    assert parser.unread == len(b"".join(pieces))
    assert body_of(parser) == b"".join(pieces)
    assert parser.complete == (framing != "until close")
    assert parser.keep_alive == (framing != "until close")
    parser.end()
    assert parser.complete


@given(st.sampled_from(["length", "chunked"]), interims, bodies, places, st.integers(1, 2000))
def test_an_answer_cut_off_anywhere_is_broken_and_never_just_short(
    framing: str, interim: bytes, pieces: list[bytes], where: list[int], missing: int
) -> None:
    whole = written(framing, interim, pieces)
    parser = reading(*cut(whole[: max(0, len(whole) - missing)], where))
    with pytest.raises(UpstreamUnavailable) as caught:
        parser.end()
    assert caught.value.reason == "broken"
    assert not parser.complete
    assert b"".join(pieces).startswith(body_of(parser))


@given(st.binary(max_size=200), st.integers(0, 300), st.sampled_from(["length", "chunked", "until close"]))
def test_no_bytes_at_all_raise_anything_but_a_bad_answer(noise: bytes, at: int, framing: str) -> None:
    whole = written(framing, b"", [b"some", b"text"])
    parser = ResponseParser()
    parser.begin(bodiless=False)
    try:
        parser.feed(whole[:at] + noise)
        parser.feed(whole[at:])
    except UpstreamUnavailable as error:
        assert error.reason == "bad_answer"
    assert parser.unread == sum(map(len, parser.pieces))


AMBIGUOUS = {
    "length and coding": OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n",
    "coding and length": OK + b"transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n",
    "two lengths": OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\n",
    "the same length twice": OK + b"content-length: 2\r\nContent-Length: 2\r\n\r\n",
    "a list of lengths": OK + b"content-length: 2, 2\r\n\r\n",
    "a signed length": OK + b"content-length: +2\r\n\r\n",
    "a negative length": OK + b"content-length: -2\r\n\r\n",
    "a hexadecimal length": OK + b"content-length: 0x2\r\n\r\n",
    "an empty length": OK + b"content-length:\r\n\r\n",
    "a length beyond all sizes": OK + b"content-length: 99999999999999999999999\r\n\r\n",
    "gzip, chunked": OK + b"transfer-encoding: gzip, chunked\r\n\r\n",
    "chunked, gzip": OK + b"transfer-encoding: chunked, gzip\r\n\r\n",
    "chunked, identity": OK + b"transfer-encoding: chunked, identity\r\n\r\n",
    "identity": OK + b"transfer-encoding: identity\r\n\r\n",
    "x-chunked": OK + b"transfer-encoding: xchunked\r\n\r\n",
    "an empty coding": OK + b"transfer-encoding:\r\n\r\n",
    "chunked twice": OK + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
    "a coding in 1.0": b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    "two content types": OK + b"content-type: text/plain\r\ncontent-type: text/html\r\n\r\n",
    "two encodings": OK + b"content-encoding: identity\r\ncontent-encoding: gzip\r\n\r\n",
    "a folded header": OK + b"x: a\r\n b\r\n\r\n",
    "a fold after the status": OK + b" x: a\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\ncontent-length: 2\n\nhi",
    "a bare line feed": OK + b"content-length: 2\n\r\nhi",
    "a space before the colon": OK + b"content-length : 2\r\n\r\n",
    "a NUL": OK + b"x: a\0b\r\n\r\n",
    "a carriage return": OK + b"x: a\rb\r\n\r\n",
    "no name": OK + b": a\r\n\r\n",
    "a name beyond ASCII": OK + b"x\xff: a\r\n\r\n",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\n\r\n",
    "HTTP/1.2": b"HTTP/1.2 200 OK\r\n\r\n",
    "HTTP/2": b"HTTP/2.0 200 OK\r\n\r\n",
    "a request": b"GET / HTTP/1.1\r\n\r\n",
    "another protocol": b"SSH-2.0-server\r\n",
    "TLS": b"\x15\x03\x01\x00\x02\x02\x46",
    "status 000": b"HTTP/1.1 000 OK\r\n\r\n",
    "status 99": b"HTTP/1.1 99 OK\r\n\r\n",
    "status 600": b"HTTP/1.1 600 OK\r\n\r\n",
    "status 1000": b"HTTP/1.1 1000 OK\r\n\r\n",
    "another protocol after 101": b"HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nxx",
    "101 alone": b"HTTP/1.1 101 X\r\n\r\n",
    "a chunk size in letters": CHUNKS + b"zz\r\n",
    "a chunk size with 0x": CHUNKS + b"0x2\r\nhi\r\n",
    "a signed chunk size": CHUNKS + b"-2\r\nhi\r\n",
    "a chunk size with a space": CHUNKS + b"2 \r\nhi\r\n",
    "a chunk size with an underscore": CHUNKS + b"1_0\r\nhi\r\n",
    "a chunk size beyond all sizes": CHUNKS + b"f" * 17 + b"\r\n",
    "a chunk longer than said": CHUNKS + b"2\r\nhixx0\r\n\r\n",
    "a chunk size with a bare line feed": CHUNKS + b"2\nhi\r\n",
}


@pytest.mark.parametrize("data", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_what_could_be_read_in_two_ways_is_refused_whole_and_byte_by_byte(data: bytes) -> None:
    for pieces in ([data], one_by_one(data)):
        with pytest.raises(UpstreamUnavailable) as caught:
            reading(*pieces)
        assert caught.value.reason == "bad_answer"


def _lines(count: int) -> bytes:
    return b"".join(b"x-%d: y\r\n" % at for at in range(count))


ENDLESS = {
    "status line": [b"HTTP/1.1 200 "] + [b"a" * 4096] * 40,
    "header name": [OK] + [b"a" * 4096] * 40,
    "header value": [OK + b"x: "] + [b"a" * 4096] * 40,
    "headers": [OK] + [b"x: y\r\n" * 10] * 40,
    "large headers": [OK] + [b"x: " + b"y" * 4096 + b"\r\n"] * 40,
    "large headers at once": [OK + b"".join(b"x-%d: %b\r\n" % (at, b"y" * 4096) for at in range(20)) + b"\r\n"],
    "headers at once": [OK + _lines(MAX_HEADER_LINES + 1) + b"\r\n"],
    "interim answers": [b"HTTP/1.1 102 Processing\r\n\r\n"] * 40,
    "headers of interim answers": [b"HTTP/1.1 103 X\r\n" + _lines(30) + b"\r\n"] * 5,
    "chunk extension": [CHUNKS + b"2;"] + [b"a" * 4096] * 40,
    "trailer value": [CHUNKS + b"2\r\nhi\r\n0\r\nx: "] + [b"a" * 4096] * 40,
    "trailers": [CHUNKS + b"2\r\nhi\r\n0\r\n"] + [b"x: y\r\n"] * 200,
}


@pytest.mark.parametrize("pieces", ENDLESS.values(), ids=ENDLESS)
def test_what_has_no_end_is_given_up(pieces: list[bytes]) -> None:
    parser = ResponseParser()
    parser.begin(bodiless=False)
    taken = 0
    with pytest.raises(UpstreamUnavailable) as caught:
        for piece in pieces:
            taken += len(piece)
            parser.feed(piece)
    assert caught.value.reason == "bad_answer"
    assert taken <= max(MAX_HEAD_BYTES, len(pieces[0])) + 8192


def test_limits_are_limits_and_not_less() -> None:
    assert reading(OK + _lines(MAX_HEADER_LINES) + b"\r\n").has_head
    assert reading(b"HTTP/1.1 100 X\r\n\r\n" * MAX_INTERIM + sized(b"hi")).complete
    assert reading(CHUNKED, *[chunk(b"a" * 60_000)] * 5, LAST_CHUNK).unread == 300_000


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_some_statuses_have_no_body(status: bytes) -> None:
    parser = reading(b"HTTP/1.1 " + status + b"\r\n\r\n")
    assert (parser.complete, parser.keep_alive, body_of(parser)) == (True, True, b"")


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_a_body_where_none_may_be_is_no_body_and_ends_the_connection(status: bytes) -> None:
    parser = reading(sized(b"hi", status=status))
    assert (parser.complete, parser.keep_alive, body_of(parser)) == (True, False, b"")


@pytest.mark.parametrize("pieces", [[sized(b"")], [sized(b"hi")], [CHUNKED], [OK + b"\r\n"], one_by_one(sized(b"hi"))])
def test_the_answer_to_head_ends_with_its_head(pieces: list[bytes]) -> None:
    parser = ResponseParser()
    parser.begin(bodiless=True)
    for piece in pieces:
        if not parser.complete:
            parser.feed(piece)
    assert (parser.complete, parser.keep_alive, body_of(parser)) == (True, False, b"")


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (OK + b"content-length: 0\r\n\r\n", True),
        (OK + b"connection: close\r\ncontent-length: 0\r\n\r\n", False),
        (OK + b"connection: x\r\nconnection: Close\r\ncontent-length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n", True),
        (OK + b"connection: keep-alive\r\n\r\n", False),
    ],
)
def test_a_connection_is_kept_only_where_the_answer_allows_it(head: bytes, kept: bool) -> None:
    assert reading(head).keep_alive is kept


@pytest.mark.parametrize(
    "more", [b"x", b"H", b"HTTP/1.1 200 OK\r\n", sized(b"other"), b"\r\n\r\nH", b"HTTP/1.1 101 X\r\n\r\n"]
)
@pytest.mark.parametrize("whole", [sized(b"hi"), CHUNKED + chunk(b"hi") + LAST_CHUNK])
def test_bytes_behind_the_end_never_belong_to_it_and_end_the_connection(whole: bytes, more: bytes) -> None:
    parser = reading(whole + more)
    assert (parser.complete, parser.keep_alive, parser.status, body_of(parser)) == (True, False, 200, b"hi")
    assert parser.headers.keys() <= {b"content-type", b"content-length", b"transfer-encoding"}


def test_one_parser_reads_answer_after_answer() -> None:
    parser = ResponseParser()
    for answer, body in [(sized(b"one"), b"one"), (CHUNKED + chunk(b"two") + LAST_CHUNK, b"two"), (sized(b""), b"")]:
        parser.begin(bodiless=False)
        parser.feed(answer)
        assert (parser.complete, parser.keep_alive, body_of(parser)) == (True, True, body)


def test_headers_of_an_interim_answer_are_not_those_of_the_answer() -> None:
    parser = reading(b"HTTP/1.1 103 Early Hints\r\ncontent-type: text/html\r\nlink: </x>\r\n\r\n" + sized(b"hi"))
    assert parser.headers == {b"content-type": b"application/json", b"content-length": b"2"}


def test_trailers_are_read_over() -> None:
    parser = reading(CHUNKED + chunk(b"hi") + b"0\r\ncontent-type: text/html\r\nx: y\r\n\r\n")
    assert parser.complete
    assert parser.headers[b"content-type"].startswith(b"text/event-stream")
    assert b"x" not in parser.headers


def test_of_other_repeated_headers_the_first_counts() -> None:
    assert reading(sized(b"", b"X-One: a", b"x-one: b")).headers[b"x-one"] == b"a"


def test_what_came_before_a_fault_can_still_be_read() -> None:
    parser = reading(CHUNKED + chunk(b"first"))
    with pytest.raises(UpstreamUnavailable):
        parser.feed(chunk(b"second") + b"nonsense")
    assert body_of(parser) == b"firstsecond"
    assert not parser.complete
