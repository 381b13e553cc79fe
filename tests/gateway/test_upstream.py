"""The way to the model: what is sent, what is accepted, and what an exchange may not do."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from guardproxy.errors import ConfigurationError, UpstreamUnavailable
from guardproxy.gateway.upstream import HttpUpstream, UpstreamReply, UpstreamTimeouts
from guardproxy.surfaces.conventions import KeyForm
from tests.gateway.raw_server import (
    CHUNKED,
    LAST_CHUNK,
    LOOPS,
    RawServer,
    Talk,
    answering,
    chunk,
    on_every_loop,
    raw_server,
    read_request,
    run_on,
    sized,
    until,
)

TIMEOUTS = UpstreamTimeouts(connect=5.0, read=5.0)
KEY = "the-upstream-key"

TRACE = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"


@asynccontextmanager
async def upstream_to(talk: Talk, *, api_key: str | None = KEY) -> AsyncIterator[tuple[HttpUpstream, RawServer]]:
    async with raw_server(talk) as server:
        upstream = HttpUpstream(server.base_url, api_key, TIMEOUTS)
        try:
            yield upstream, server
        finally:
            await upstream.close()


async def post(upstream: HttpUpstream, headers: Mapping[str, str] | None = None, body: bytes = b"{}") -> UpstreamReply:
    return await upstream.send("POST", "/chat/completions", body, headers or {})


async def arriving(reply: UpstreamReply) -> AsyncIterator[bytes]:
    while piece := await reply.read():
        yield piece


async def pieces_of(reply: UpstreamReply) -> bytes:
    return b"".join([piece async for piece in arriving(reply)])


def keeping(asked: list[bytes], answer: bytes = sized(b"{}")) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            asked.append(await read_request(reader))
            writer.write(answer)

    return talk


@on_every_loop
async def test_a_request_is_written_by_us_line_for_line() -> None:
    asked: list[bytes] = []
    caller = {
        "authorization": "Bearer the-callers-key",
        "cookie": "a=b",
        "connection": "upgrade",
        "x-forwarded-for": "10.0.0.1",
        "content-length": "999",
        "transfer-encoding": "chunked",
        "host": "elsewhere",
        "idempotency-key": "0a" * 32,
        "traceparent": TRACE,
        "tracestate": "a=b, c=d",
    }
    async with upstream_to(keeping(asked)) as (upstream, server):
        await (await post(upstream, caller, b'{"a":1}')).body(100)
    head, _, body = asked[0].partition(b"\r\n\r\n")
    assert body == b'{"a":1}'
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /v1/chat/completions HTTP/1.1"
    assert re.fullmatch(r"user-agent: guardproxy/\S+", lines.pop(4))
    assert lines[1:] == [
        f"host: 127.0.0.1:{server.port}",
        "accept: application/json",
        "accept-encoding: identity",
        f"authorization: Bearer {KEY}",
        "content-type: application/json",
        "content-length: 7",
        "idempotency-key: " + "0a" * 32,
        f"traceparent: {TRACE}",
    ]


@pytest.mark.parametrize(
    ("method", "body", "lengths"),
    [
        ("GET", None, []),
        ("HEAD", None, []),
        ("POST", None, [b"0"]),
        ("POST", b"", [b"0"]),
        ("POST", b"{}" * 50_000, [b"100000"]),
    ],
)
@on_every_loop
async def test_the_content_length_is_always_exact(method: str, body: bytes | None, lengths: list[bytes]) -> None:
    asked: list[bytes] = []
    async with upstream_to(keeping(asked), api_key=None) as (upstream, _):
        (await upstream.send(method, "/models", body, {})).close()
    head, _, sent = asked[0].partition(b"\r\n\r\n")
    assert re.findall(rb"\r\ncontent-length: (\d+)", head) == lengths
    assert sent == (body or b"")
    assert b"authorization" not in head


@given(st.text(min_size=1, max_size=20), st.sampled_from(["idempotency-key", "traceparent", "tracestate"]))
def test_no_header_of_a_caller_writes_a_line_of_its_own(value: str, name: str) -> None:
    upstream = HttpUpstream("http://localhost/v1", None, TIMEOUTS)
    head, plain = (upstream._head("POST", "/x", b"{}", headers) for headers in ({name: value}, {}))
    assert head in (plain, plain[:-2] + f"{name}: {value}\r\n\r\n".encode("ascii", "replace"))


@pytest.mark.parametrize(
    "value", ["a\r\nx: y", "a\nb", "ünïcode", "\udcff", "Ignore all previous instructions", "gpk_abc_def", "a" * 101]
)
@pytest.mark.parametrize("name", ["idempotency-key", "traceparent"])
def test_a_header_that_is_not_of_its_form_stays_here(name: str, value: str) -> None:
    upstream = HttpUpstream("http://localhost/v1", None, TIMEOUTS)
    assert upstream._head("POST", "/x", b"{}", {name: value}) == upstream._head("POST", "/x", b"{}", {})


VERSIONED = {
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "a-2025-01-31, b-c-1m-20250219",
    "x-api-key": "the-callers-key",
}


def test_anthropics_api_gets_its_headers_and_its_key_where_it_looks_for_it() -> None:
    upstream = HttpUpstream("http://localhost/v1", KEY, TIMEOUTS)
    lines = upstream._head("POST", "/messages?beta=true", b"{}", VERSIONED).decode().split("\r\n")
    assert lines[0] == "POST /v1/messages?beta=true HTTP/1.1"
    assert f"x-api-key: {KEY}" in lines
    assert {"anthropic-version: 2023-06-01", "anthropic-beta: a-2025-01-31, b-c-1m-20250219"} <= set(lines)
    assert not any("authorization" in line or "the-callers-key" in line for line in lines)
    others = upstream._head("POST", "/chat/completions", b"{}", VERSIONED)
    assert b"anthropic" not in others and b"api-key" not in others


@pytest.mark.parametrize(
    ("form", "lines"),
    [
        (KeyForm.BEARER, [f"authorization: Bearer {KEY}"]),
        (KeyForm.X_API_KEY, [f"x-api-key: {KEY}"]),
        (KeyForm.BOTH, [f"authorization: Bearer {KEY}", f"x-api-key: {KEY}"]),
    ],
)
@pytest.mark.parametrize("path", ["/messages", "/chat/completions"])
def test_an_upstream_that_takes_its_key_otherwise_gets_it_so_for_every_api(
    form: KeyForm, lines: list[str], path: str
) -> None:
    head = HttpUpstream("http://localhost/v1", KEY, TIMEOUTS, key_form=form)._head("POST", path, b"{}", {}).decode()
    assert [line for line in head.split("\r\n") if KEY in line] == lines


def test_an_upstream_without_a_key_gets_none() -> None:
    assert b"key" not in HttpUpstream("http://localhost/v1", None, TIMEOUTS)._head("POST", "/messages", b"{}", {})


@pytest.mark.parametrize("path", ["chat", "/a b", "/a\r\nx: y", "/ä", "/a#b", "", "//\x00"])
async def test_a_path_that_is_none_is_never_sent(path: str) -> None:
    upstream = HttpUpstream("http://localhost/v1", None, TIMEOUTS)
    with pytest.raises(ValueError, match="path"):
        await upstream.send("GET", path, None, {})


@on_every_loop
async def test_an_answer_has_status_type_headers_and_a_body() -> None:
    answer = sized(b'{"a":1}', b"OpenAI-Model: m", b"x-two: \xe4", status=b"429 Too Many Requests")
    answer = answer.replace(b"application/json", b"Application/JSON; charset=utf-8")
    async with upstream_to(answering(answer)) as (upstream, _):
        reply = await post(upstream)
        assert (reply.status, reply.content_type) == (429, "application/json")
        assert reply.returned() == [("openai-model", "m")]
        assert await reply.body(7) == b'{"a":1}'
        assert await reply.body(7) == b""
        reply.close()


@on_every_loop
async def test_an_answer_without_a_type_is_bytes() -> None:
    async with upstream_to(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")) as (upstream, _):
        reply = await post(upstream)
        assert reply.content_type == "application/octet-stream"
        assert await reply.body(0) == b""


@on_every_loop
async def test_a_stream_arrives_piece_by_piece_and_its_connection_is_used_again() -> None:
    read: asyncio.Queue[bytes] = asyncio.Queue()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(CHUNKED)
            for text in (b"one", b"two", b"three"):
                writer.write(chunk(text))
                assert await read.get() == text
            writer.write(LAST_CHUNK)

    async with upstream_to(talk) as (upstream, server):
        for _ in range(3):
            reply = await post(upstream)
            assert reply.content_type == "text/event-stream"
            async for piece in arriving(reply):
                read.put_nowait(piece)
            reply.close()
        assert server.accepted == 1


@on_every_loop
async def test_closing_an_answer_early_stops_the_upstream_at_once() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(CHUNKED + chunk(b"first"))
        await reader.read()

    async with upstream_to(talk) as (upstream, server):
        reply = await post(upstream)
        async for piece in arriving(reply):
            assert piece == b"first"
            break
        reply.close()
        reply.close()
        async with asyncio.timeout(5):
            await server.left.wait()
        with pytest.raises(UpstreamUnavailable) as caught:
            await pieces_of(reply)
        assert caught.value.reason == "broken"


@on_every_loop
async def test_closing_an_old_answer_does_not_touch_the_next_one_on_its_connection() -> None:
    async with upstream_to(answering(sized(b"one"), sized(b"two"))) as (upstream, server):
        first = await post(upstream)
        assert await first.body(10) == b"one"
        second = await post(upstream)
        first.close()
        assert (first.status, first.content_type) == (200, "application/json")
        assert await first.body(10) == b""
        assert await second.body(10) == b"two"
        assert server.accepted == 1


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
@on_every_loop
async def test_an_answer_over_the_limit_is_refused_and_no_longer_read(head: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(head)
        while True:
            writer.write(b"x" * 10_000)
            await writer.drain()

    async with upstream_to(talk) as (upstream, server):
        reply = await post(upstream)
        with pytest.raises(UpstreamUnavailable) as caught:
            await reply.body(1_000_000)
        assert caught.value.reason == "too_large"
        await until(lambda: server.here == 0)


@on_every_loop
async def test_an_answer_as_large_as_the_limit_is_whole() -> None:
    body = b"x" * 300_000
    async with upstream_to(answering(sized(body), CHUNKED + chunk(body) + LAST_CHUNK)) as (upstream, server):
        for _ in range(2):
            assert await (await post(upstream)).body(len(body)) == body
        assert server.accepted == 1


@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"307 Temporary Redirect", b"308 Permanent Redirect"])
@on_every_loop
async def test_a_redirect_is_an_answer_and_is_not_followed(status: bytes) -> None:
    asked: list[bytes] = []
    answer = sized(b"", b"location: http://127.0.0.1:1/other", b"set-cookie: a=b", status=status)
    async with upstream_to(keeping(asked, answer)) as (upstream, _):
        for turn in (1, 2):
            reply = await post(upstream)
            assert reply.status == int(status[:3])
            assert await reply.body(0) == b""
            assert len(asked) == turn
    assert b"cookie" not in asked[1].lower()


@on_every_loop
async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with upstream_to(answering(sized(b"direct"))) as (upstream, _):
        assert await (await post(upstream)).body(10) == b"direct"


REFUSED = {
    "compressed": (sized(b"hi", b"content-encoding: gzip"), "compressed"),
    "compressed twice": (sized(b"hi", b"content-encoding: identity, br"), "compressed"),
    "two content types": (sized(b"hi", b"content-type: text/event-stream"), "bad_answer"),
    "length and chunks": (CHUNKED.replace(b"\r\n\r\n", b"\r\ncontent-length: 2\r\n\r\nhi"), "bad_answer"),
    "another protocol": (b"\x15\x03\x01\x00\x02\x02\x46", "bad_answer"),
    "nothing": (b"", "broken"),
    "half a head": (b"HTTP/1.1 200 OK\r\ncontent", "broken"),
}


@pytest.mark.parametrize(("answer", "reason"), REFUSED.values(), ids=REFUSED)
@on_every_loop
async def test_what_is_no_answer_is_refused_and_the_connection_closed(answer: bytes, reason: str) -> None:
    async with upstream_to(answering(answer, then_close=not answer or reason == "broken")) as (upstream, server):
        with pytest.raises(UpstreamUnavailable) as caught:
            await post(upstream)
        assert (caught.value.reason, caught.value.status) == (reason, 502)
        await until(lambda: server.here == 0)
        assert server.accepted == 1


@on_every_loop
async def test_identity_is_no_compression() -> None:
    async with upstream_to(answering(sized(b"hi", b"content-encoding: Identity"))) as (upstream, _):
        assert await (await post(upstream)).body(2) == b"hi"


@pytest.mark.parametrize(("data", "got"), [(sized(b"12345")[:-2], b"123"), (CHUNKED + chunk(b"hi"), b"hi")])
@on_every_loop
async def test_an_answer_that_ends_early_is_never_taken_for_a_short_one(data: bytes, got: bytes) -> None:
    async with upstream_to(answering(data, then_close=True)) as (upstream, _):
        with pytest.raises(UpstreamUnavailable) as caught:
            await (await post(upstream)).body(100)
        assert caught.value.reason == "broken"
        pieces = arriving(await post(upstream))
        assert await anext(pieces) == got
        with pytest.raises(UpstreamUnavailable) as caught:
            await anext(pieces)
        assert caught.value.reason == "broken"


@pytest.mark.parametrize(
    "base_url",
    ["", "localhost:80", "ftp://localhost", "http://", "http://user@localhost", "http://localhost/?a", "http://localhost/#a",
     "http://localhost/a b", "http://localhost:x", "http://local\r\nhost: x/", "http://[::1", f"http://{'a' * 70}.b"],
)  # fmt: skip
def test_a_base_url_that_names_no_origin_is_a_configuration_error(base_url: str) -> None:
    with pytest.raises(ConfigurationError):
        HttpUpstream(base_url, None, TIMEOUTS)


@pytest.mark.parametrize(
    ("base_url", "line", "host"),
    [
        ("http://api.test/v1/", "POST /v1/x HTTP/1.1", "api.test"),
        ("http://api.test", "POST /x HTTP/1.1", "api.test"),
        ("http://API.test:8000/a/v1", "POST /a/v1/x HTTP/1.1", "api.test:8000"),
        ("https://[::1]:8443/v1", "POST /v1/x HTTP/1.1", "[::1]:8443"),
        ("http://bücher.test", "POST /x HTTP/1.1", "xn--bcher-kva.test"),
    ],
)
def test_the_origin_comes_from_the_base_url(base_url: str, line: str, host: str) -> None:
    lines = HttpUpstream(base_url, None, TIMEOUTS)._head("POST", "/x", None, {}).decode().split("\r\n")
    assert lines[:2] == [line, f"host: {host}"]


def test_a_key_that_cannot_stand_in_a_header_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError) as caught:
        HttpUpstream("http://localhost", "a\r\nb", TIMEOUTS)
    assert "a\r\nb" not in caught.value.message


def test_a_file_that_is_no_certificate_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing", encoding="utf-8")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(ConfigurationError, match=name):
            HttpUpstream("https://localhost", None, TIMEOUTS, ca_file=str(tmp_path / name))


class Authority:
    """A certificate authority made for a test, its file, and a server that it vouches for."""

    def __init__(self, folder: Path, *names: str) -> None:
        authority = trustme.CA()
        self.file = str(folder / "ca.pem")
        authority.cert_pem.write_to_path(self.file)
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(self.server)


def over_tls(server: RawServer, ca_file: str | None, host: str = "localhost") -> HttpUpstream:
    return HttpUpstream(f"https://{host}:{server.port}/v1", KEY, TIMEOUTS, ca_file=ca_file)


@on_every_loop
async def test_over_tls_an_answer_is_the_same_and_the_connection_is_used_again(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "localhost")
    names: list[str] = []
    authority.server.sni_callback = lambda _, name, __: names.append(str(name))
    large = b"x" * 5_000_000
    async with raw_server(answering(sized(b"one"), sized(large)), authority.server) as server:
        upstream = over_tls(server, authority.file)
        assert await (await post(upstream)).body(10) == b"one"
        assert await (await post(upstream, body=large)).body(len(large)) == large
        assert (names, server.accepted) == (["localhost"], 1)
        await upstream.close()


@pytest.mark.parametrize("end", ["close", "abort"])
@on_every_loop
async def test_over_tls_an_early_end_is_broken_too(end: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path, "localhost")

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(CHUNKED + chunk(b"hi"))
        await reader.readexactly(1) if end == "abort" else None

    async with raw_server(talk, authority.server) as server:
        upstream = over_tls(server, authority.file)
        reply = await post(upstream)
        pieces = arriving(reply)
        assert await anext(pieces) == b"hi"
        if end == "abort":
            reply.close()
            async with asyncio.timeout(5):
                await server.left.wait()
        with pytest.raises(UpstreamUnavailable) as caught:
            await anext(pieces)
        assert caught.value.reason == "broken"
        await upstream.close()


@pytest.mark.parametrize("fault", ["unknown authority", "another name", "old version"])
@on_every_loop
async def test_a_server_that_cannot_be_trusted_is_sent_nothing(fault: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path, "elsewhere.test" if fault == "another name" else "localhost")
    asked: list[bytes] = []
    async with raw_server(keeping(asked), authority.server) as server:
        upstream = over_tls(server, None if fault == "unknown authority" else authority.file)
        if fault == "old version":
            authority.server.set_ciphers("ALL:@SECLEVEL=0")
            with pytest.warns(DeprecationWarning):
                authority.server.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(UpstreamUnavailable) as caught:
            await post(upstream)
        assert caught.value.reason == "unreachable"
        assert asked == []
        await upstream.close()


@pytest.mark.parametrize("loop_name", LOOPS)
def test_a_cancelled_send_closes_its_connection(loop_name: str) -> None:
    async def main() -> None:
        asked = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            asked.set()
            await reader.read()

        async with upstream_to(talk) as (upstream, server):
            sending = asyncio.ensure_future(post(upstream))
            await asked.wait()
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            async with asyncio.timeout(5):
                await server.left.wait()
            assert server.here == 0

    run_on(LOOPS[loop_name], main())


PROVIDER_KEY = "sk-" + "p" * 30


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        ({"Authorization": f"Bearer {PROVIDER_KEY}"}, {f"authorization: Bearer {PROVIDER_KEY}"}),
        ({"X-Api-Key": PROVIDER_KEY}, {f"x-api-key: {PROVIDER_KEY}"}),
        ({"Api-Key": PROVIDER_KEY}, {f"api-key: {PROVIDER_KEY}"}),
        ({"Authorization": "Basic eDp5"}, set()),
        ({"Authorization": f"Bearer {PROVIDER_KEY}\r\nx: y"}, set()),
        ({"X-Api-Key": "a b"}, set()),
        ({"x-guardproxy-key": "k", "Cookie": "c"}, set()),
    ],
)
async def test_the_callers_own_provider_key_travels_only_where_that_is_said(
    headers: dict[str, str], sent: set[str]
) -> None:
    names = ("authorization", "x-api-key", "api-key", "x-guardproxy-key", "cookie")
    for passthrough, key, wanted in ((True, None, sent), (False, KEY, {f"authorization: Bearer {KEY}"})):
        upstream = HttpUpstream("http://127.0.0.1:1/v1", key, TIMEOUTS, passthrough=passthrough)
        head = upstream._head("POST", "/chat/completions", b"{}", CIMultiDict(headers)).decode()
        assert {line for line in head.split("\r\n") if line.lower().startswith(names)} == wanted
        await upstream.close()
