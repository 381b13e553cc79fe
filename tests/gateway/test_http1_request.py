"""The parser of requests: any cut reads the same, and what is ambiguous or endless is refused."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.errors import InternalError, InvalidRequest, RequestError, RequestTooLarge
from guardproxy.gateway.http1_request import (
    MAX_BARREN_BYTES,
    MAX_HEADER_LINES,
    MAX_LINE_BYTES,
    MAX_LONG_BYTES,
    RequestParser,
)
from guardproxy.gateway.request import Request
from tests.gateway.served import Kept

GET = b"GET /v1/models HTTP/1.1\r\nhost: a\r\n\r\n"
Seen = tuple[str, str, list[tuple[str, str]], int, bool, int | None, bytes, bool]


def seen(request: Request) -> Seen:
    """All there is of a request."""
    return (
        request.method,
        request.raw_path,
        list(request.headers.items()),
        request.minor,
        request.keep_alive,
        request.content_length,
        request.content.read_nowait(),
        request.content.complete,
    )


def read(pieces: Iterable[bytes]) -> tuple[list[Seen], str | None]:
    """What was read, and the message of the fault that ended it."""
    requests: list[Request] = []
    parser, fault = RequestParser(Kept(), requests.append), None
    for piece in pieces:
        try:
            parser.feed(piece)
        except RequestError as error:
            fault = error.message
    return [seen(request) for request in requests], fault


def only(data: bytes) -> Request:
    requests: list[Request] = []
    RequestParser(Kept(), requests.append).feed(data)
    (request,) = requests
    return request


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if start < end]


def chunked(pieces: list[bytes], trailer: bytes = b"") -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"transfer-encoding: chunked\r\n\r\n" + body + b"0\r\n" + trailer + b"\r\n"


names = st.sampled_from(["Accept", "x-one", "X-Two", "authorization", "X-Forwarded-For"])
values = st.text(st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_characters="\x7f"), max_size=20)
bodies = st.lists(st.binary(min_size=1, max_size=40), max_size=4)
places = st.lists(st.integers(0, 3000), max_size=12)


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """A request that is as it should be."""
    method = draw(st.sampled_from(["GET", "POST", "DELETE", "HEAD", "OPTIONS"]))
    path = draw(st.sampled_from(["/", "/v1/chat/completions", "/v1/models/a?b=c", "http://b.test/x", "/a#b"]))
    version = draw(st.sampled_from(["1.1", "1.1", "1.1", "1.0"]))
    lines = [f"{name}:{draw(st.sampled_from(['', ' ', '  ']))}{draw(values)}" for name in draw(st.lists(names))]
    if draw(st.booleans()) and version == "1.0":
        lines.append("connection: keep-alive")
    head = "\r\n".join([f"{method} {path} HTTP/{version}", "Host: a", *lines, ""]).encode()
    pieces = draw(bodies)
    match draw(st.sampled_from(["none", "length", "chunked"])):
        case "length":
            return head + b"content-length: %d\r\n\r\n" % len(b"".join(pieces)) + b"".join(pieces)
        case "chunked" if version == "1.1":
            return head + chunked(pieces, draw(st.sampled_from([b"", b"x: y\r\n"])))
    return head + b"\r\n"


@given(st.lists(written(), min_size=1, max_size=4), places)
def test_requests_are_the_same_however_they_are_cut(requests: list[bytes], where: list[int]) -> None:
    whole = b"".join(requests)
    found, fault = read([whole])
    assert (found, fault) == read(cut(whole, where))
    assert (found, fault) == read(whole[at : at + 1] for at in range(len(whole)))
    assert fault is None
    ends = [at for at, each in enumerate(found) if not each[4]]
    assert len(found) == (ends[0] + 1 if ends else len(requests))
    assert all(complete for *_, complete in found)


@given(st.binary(max_size=300), written(), st.integers(0, 400), places)
def test_whatever_comes_is_read_or_refused_and_alike_however_it_is_cut(
    noise: bytes, request: bytes, at: int, where: list[int]
) -> None:
    data = request[:at] + noise + request[at:]
    assert read([data]) == read(cut(data, where))


@given(written(), st.integers(1, 3000))
def test_a_request_cut_off_anywhere_is_never_complete(request: bytes, missing: int) -> None:
    found, fault = read([request[: max(0, len(request) - missing)]])
    assert fault is None
    assert not any(complete for *_, complete in found)


def test_a_head_is_read_as_it_was_written() -> None:
    request = only(
        b"POST /v1/x?y=%20z HTTP/1.1\r\nHost: a\r\nX-Two: b \t\r\nx-two:\t c\r\nx-empty:\r\nx-high: \xc3\xa9\xff\r\n"
        b"content-length: 2\r\n\r\n{}"
    )
    assert (request.method, request.raw_path, request.content_length) == ("POST", "/v1/x?y=%20z", 2)
    assert (request.headers.getall("X-TWO"), request.headers["X-Empty"]) == (["b", "c"], "")
    assert request.headers["x-high"] == b"\xc3\xa9\xff".decode("utf-8", "surrogateescape")
    assert (request.content.is_eof(), request.content.read_nowait()) == (True, b"{}")


@pytest.mark.parametrize(
    ("lines", "minor", "kept"),
    [
        (b"HTTP/1.1\r\nhost: a\r\n", 1, True),
        (b"HTTP/1.1\r\nhost: a\r\nconnection: close\r\n", 1, False),
        (b"HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Close\r\n", 1, False),
        (b"HTTP/1.0\r\n", 0, False),
        (b"HTTP/1.0\r\nconnection: Keep-Alive\r\n", 0, True),
    ],
)
def test_who_wants_to_send_another_is_told_by_the_version_and_the_connection(
    lines: bytes, minor: int, kept: bool
) -> None:
    found, fault = read([b"GET / " + lines + b"\r\n" + GET])
    assert (found[0][3], found[0][4], len(found), fault) == (minor, kept, 2 if kept else 1, None)


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET / HTTP/2.0", b"GET / HTTP/0.9", b"GET /", b"GET / HTTP/1.1 ", b"GET / HTTP/9.9.9",
        b"get / HTTP/1.1", b"MARZIPAN / HTTP/1.1", b"GET marzipan HTTP/1.1", b"GET /\xff HTTP/1.1", b" GET / HTTP/1.1",
        b"GET / HTTP/1.1\x0b", b"GET /\x00 HTTP/1.1", b"PRI * HTTP/2.0", b"\x16\x03\x01",
    ],
)  # fmt: skip
def test_a_request_line_that_is_none_is_refused(request_line: bytes) -> None:
    found, fault = read([request_line + b"\r\nhost: a\r\n\r\n"])
    assert (found, fault) == ([], "this is not a well-formed HTTP/1.1 request")


@pytest.mark.parametrize(
    "lines",
    [
        b"", b"host: a\r\nhost: a\r\n", b"host : a\r\n", b"host: a\r\nx y: z\r\n", b"host: a\r\n: z\r\n",
        b"host: a\r\nx\r\n", b"host: a\r\nx: y\r\n z\r\n", b"host: a\nx: y\r\n", b"host: a\r\nx: \x00\r\n",
        b"host: a\r\nx: \x1f\r\n", b"host: a\r\nx: \x7f\r\n", b"host: a\r\nx: y\rz\r\n", b"host: a\r\nx\xff: y\r\n",
        b"host: a\r\ncontent-type: a\r\nContent-Type: a\r\n", b"host: a\r\ncontent-length: 2\r\ncontent-length: 2\r\n",
        b"host: a\r\ncontent-length: +2\r\n", b"host: a\r\ncontent-length: -2\r\n",
        b"host: a\r\ncontent-length: 2, 2\r\n",
        b"host: a\r\ncontent-length: 0x2\r\n", b"host: a\r\ncontent-length: 2 2\r\n",
        b"host: a\r\ncontent-length: \r\n",
        b"host: a\r\ncontent-length: 99999999999999999999999\r\n",
        b"host: a\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n",
        b"host: a\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n",
        b"host: a\r\ntransfer-encoding: gzip\r\n", b"host: a\r\ntransfer-encoding: gzip, chunked\r\n",
        b"host: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        b"host: a\r\ntransfer-encoding: chunked, identity\r\n", b"host: a\r\ntransfer-encoding: xchunked\r\n",
        b"host: a\r\n" + b"x: y\r\n" * MAX_HEADER_LINES,
    ],
)  # fmt: skip
def test_headers_that_could_be_read_in_two_ways_are_refused(lines: bytes) -> None:
    found, fault = read([b"POST / HTTP/1.1\r\n" + lines + b"\r\n{}"])
    assert (found, fault) == ([], "this is not a well-formed HTTP/1.1 request")


def test_http_1_0_knows_no_transfer_encoding() -> None:
    assert read([b"POST / HTTP/1.0\r\n" + chunked([b"a"])])[0] == []


@pytest.mark.parametrize(
    "chunks",
    [b"zz\r\n", b"5\r\nabcdefg\r\n", b"-1\r\n", b"1\nx\r\n", b"1 \r\nx\r\n", b"fffffffffffffffff\r\n", b"0\r\nx\r\n"],
)
def test_a_body_that_is_framed_wrongly_is_its_readers_business(chunks: bytes) -> None:
    requests: list[Request] = []
    parser = RequestParser(Kept(), requests.append)
    parser.feed(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n" + chunks)
    assert parser.over
    with pytest.raises(InvalidRequest, match="not framed"):
        drain(requests[0])


def drain(request: Request) -> None:
    """Read a body that will not be complete; there is nothing to wait for."""
    reading = request.content.drop_rest()
    reading.send(None)


@pytest.mark.parametrize("size", [MAX_LINE_BYTES - 1, MAX_LINE_BYTES])
def test_a_line_may_be_long(size: int) -> None:
    assert only(b"GET /" + b"a" * (size - 1) + b" HTTP/1.1\r\nhost: a\r\n\r\n").raw_path == "/" + "a" * (size - 1)
    assert only(b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"a" * (size - 1) + b"\r\n\r\n").headers["x"] == "a" * (size - 1)


@pytest.mark.parametrize(
    "endless",
    [
        b"GET /" + b"a" * MAX_LINE_BYTES,
        b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"a" * MAX_LINE_BYTES + b"\r\ny",
        b"GET / HTTP/1.1\r\nhost: a\r\n" + b"a" * MAX_LINE_BYTES + b": x\r\ny",
    ],
)
def test_a_line_may_not_be_longer_than_that(endless: bytes) -> None:
    assert read([endless])[1] == "the request line or a header is too long"


@pytest.mark.parametrize("step", [1000, 10**6])
def test_many_long_lines_are_too_much_together(step: int) -> None:
    line = b"x: " + b"a" * 4000 + b"\r\n"
    for lines, fault in (
        (MAX_LONG_BYTES // 4001, None),
        (MAX_LONG_BYTES // 4001 + 1, "the request line or a header is too long"),
    ):
        asked = b"GET / HTTP/1.1\r\nhost: a\r\n" + line * lines + b"\r\n"
        found, refusal = read([asked[at : at + step] for at in range(0, len(asked), step)])
        assert (len(found), refusal) == (0 if fault else 1, fault)
    again = b"GET / HTTP/1.1\r\nhost: a\r\n" + line * 10 + b"\r\n"
    assert len(read([again] * 5)[0]) == 5


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\nhost: a\r\nx: ", b"GET / HTTP/1.1\r\nhost: a\r\nx"])
def test_bytes_that_become_nothing_are_bounded(start: bytes) -> None:
    filler = b"\r\n" if not start else b"aa"
    kept = 0

    def coming() -> Iterable[bytes]:
        nonlocal kept
        yield start
        while kept < 10 * MAX_BARREN_BYTES:
            kept += 1000
            yield filler * 500

    requests: list[Request] = []
    parser = RequestParser(Kept(), requests.append)
    with pytest.raises(RequestTooLarge):
        for piece in coming():
            parser.feed(piece)
    assert kept <= MAX_BARREN_BYTES + 2000


@pytest.mark.parametrize("filler", [b"1;" + b"a" * 40_000, b"0\r\nx: " + b"a" * 40_000, b"0\r\n" + b"x: y\r\n" * 200])
def test_what_stands_between_chunks_and_behind_them_is_bounded_too(filler: bytes) -> None:
    requests: list[Request] = []
    parser = RequestParser(Kept(), requests.append)
    parser.feed(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
    for at in range(0, len(filler), 500):
        parser.feed(filler[at : at + 500])
    assert parser.over
    with pytest.raises(RequestError):
        drain(requests[0])


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v1/x HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n",
        b"POST /v1/x HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: 40\r\n\r\n",
        b"CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n",
    ],
)
def test_behind_a_request_for_another_protocol_nothing_is_read(head: bytes) -> None:
    for pieces in ([head + GET], [head, GET], [head[at : at + 1] for at in range(len(head))] + [GET]):
        found, fault = read(pieces)
        assert (len(found), found[0][4], fault) == (1, False, None)


def test_a_mistake_of_ours_is_none_of_the_caller() -> None:
    def begun(request: Request) -> None:
        raise LookupError("marzipan")

    parser = RequestParser(Kept(), begun)
    with pytest.raises(InternalError) as failure:
        parser.feed(GET)
    assert "marzipan" not in failure.value.message
    assert isinstance(failure.value.__cause__, LookupError)
