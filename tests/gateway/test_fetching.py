"""Fetching keys from a server that misbehaves, over a real socket."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import pytest

from guardproxy.errors import ConfigurationError
from guardproxy.gateway.fetching import HttpFetch
from guardproxy.oidc.issuer_keys import FetchFailed
from tests.gateway.raw_server import answering, raw_server, sized
from tests.gateway.test_upstream import Authority
from tests.support.upstream import Asked, Script, Send, StopServing, answers, piece, running_upstream, whole

FETCH = HttpFetch(5.0)


async def test_a_document_is_fetched_whole() -> None:
    async with running_upstream(answers(whole({"keys": []}))) as server:
        url = server.base_url + "/keys?a=b"
        assert await FETCH(url, 100) == b'{"keys": []}'
        assert (server.last.method, server.last.path, server.last.body) == ("GET", "/v1/keys?a=b", b"")
        assert not {"authorization", "cookie", "x-api-key"} & set(server.last.headers)


async def test_the_path_may_be_missing() -> None:
    async with running_upstream(answers(whole({}))) as server:
        await FETCH(server.base_url.removesuffix("/v1"), 100)
        assert server.last.path == "/"


async def refusal(script: Script, most_bytes: int = 1000, fetch: HttpFetch = FETCH) -> str:
    async with running_upstream(script) as server:
        with pytest.raises(FetchFailed) as caught:
            await fetch(server.base_url, most_bytes)
        assert len(server.asked) == 1
        return str(caught.value)


@pytest.mark.parametrize("status", [201, 204, 401, 404, 429, 500, 503])
async def test_only_a_good_answer_is_taken(status: int) -> None:
    assert await refusal(answers(whole({}, status))) == f"answered {status}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_nobody_is_followed_elsewhere(status: int) -> None:
    async with running_upstream(answers(whole({"keys": []}))) as elsewhere:
        answer = whole({}, status, headers=[("location", elsewhere.base_url)])
        assert await refusal(answers(answer)) == f"answered {status}"
        assert elsewhere.asked == []


async def test_what_is_too_large_is_given_up() -> None:
    assert await refusal(answers(whole(b"x" * 1001))) == "too large"


async def test_what_never_ends_is_given_up() -> None:
    async def script(asked: Asked, send: Send) -> None:
        await send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            await send(piece(b"x" * 500))

    assert await refusal(script) == "too large"


async def test_silence_has_an_end() -> None:
    async def script(asked: Asked, send: Send) -> None:
        await asyncio.Event().wait()

    assert await refusal(script, fetch=HttpFetch(0.05)) == "timeout"


async def test_what_is_compressed_is_not_taken() -> None:
    answer = whole(gzip.compress(b"{}"), headers=[("content-encoding", "gzip")])
    assert await refusal(answers(answer)) == "compressed"


async def test_what_breaks_off_is_not_taken() -> None:
    async def script(asked: Asked, send: Send) -> None:
        await send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}")
        raise StopServing

    assert await refusal(script) == "broken"


async def test_nobody_there_is_told() -> None:
    async with running_upstream(answers(b"")) as server:
        url = server.base_url
    with pytest.raises(FetchFailed, match="unreachable"):
        await FETCH(url, 100)


async def test_only_an_authority_that_is_trusted_vouches_for_keys(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "localhost")
    async with raw_server(answering(sized(b"{}"), sized(b"{}")), authority.server) as server:
        url = f"https://localhost:{server.port}/keys"
        assert await HttpFetch(5.0, authority.file)(url, 10) == b"{}"
        with pytest.raises(FetchFailed, match="unreachable"):
            await FETCH(url, 10)
        with pytest.raises(FetchFailed, match="unreachable"):
            await HttpFetch(5.0, authority.file)(f"https://127.0.0.1:{server.port}/keys", 10)


def take_away(file: str) -> None:
    Path(file).unlink()


async def test_certificates_that_cannot_be_used_are_told_before_anything_is_fetched_and_when_they_are_gone(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigurationError):
        HttpFetch(5.0, str(tmp_path / "missing.pem"))
    authority = Authority(tmp_path, "localhost")
    fetch = HttpFetch(5.0, authority.file)
    take_away(authority.file)
    with pytest.raises(FetchFailed, match="cannot be asked"):
        await fetch("https://localhost:1/keys", 10)
