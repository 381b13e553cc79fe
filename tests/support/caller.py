"""A caller over a raw socket: it may send what no client library would, and sees each byte that comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """`headers` in lower case. `complete` is false where the connection ended before the body did."""

    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool = True

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error in OpenAI's shape: all four members, a request id, and nothing beside it."""
        assert self.headers["content-type"].startswith("application/json")
        document = self.json
        assert list(document) == ["error"]
        error: dict[str, Any] = document["error"]
        assert {"message", "type", "param", "code"} <= set(error)
        assert isinstance(error["message"], str)
        assert error["guardproxy"]["request_id"] == self.headers["x-request-id"]
        return error

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and code of an error."""
        return self.status, self.error["code"]

    @property
    def events(self) -> list[Any]:
        """The data of each server-sent event, decoded unless it is `[DONE]`."""
        datas = [line[6:] for line in self.body.decode().split("\n") if line.startswith("data: ")]
        return [data if data == "[DONE]" else json.loads(data) for data in datas]


class Caller:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> Answer:
        """The next answer, read to its end or to the end of the connection."""
        status, headers = await self.head()
        if headers.get("transfer-encoding") == "chunked":
            body, complete = await self._chunks()
            return Answer(status, headers, body, complete)
        length = int(headers.get("content-length", "0"))
        return Answer(status, headers, await self.reader.readexactly(length))

    async def head(self) -> tuple[int, dict[str, str]]:
        line, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines if each)}
        return int(line.split(" ")[1]), headers

    async def chunk(self) -> bytes:
        """One chunk of a chunked body; empty at its end."""
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        return (await self.reader.readexactly(size + 2))[:-2]

    async def rest(self) -> bytes:
        """What is left of a chunked body, which has to end as it should."""
        body, complete = await self._chunks()
        assert complete
        return body

    async def _chunks(self) -> tuple[bytes, bool]:
        body = bytearray()
        try:
            while piece := await self.chunk():
                body += piece
        except asyncio.IncompleteReadError:
            return bytes(body), False
        return bytes(body), True

    async def ended(self) -> bool:
        """Whether the other side closes, having nothing more to say."""
        try:
            return await self.reader.read(1) == b""
        except ConnectionError:
            return True

    def vanish(self) -> None:
        """Leave as a crashing process does."""
        self.writer.transport.abort()


@asynccontextmanager
async def calling(port: int, *, limit: int = 2**20) -> AsyncIterator[Caller]:
    """A connection to a listener on loopback; `limit` is how much is read ahead.

    The deadline only turns a test that would hang into one that fails where it hung.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=limit)
    try:
        async with asyncio.timeout(40):
            yield Caller(reader, writer)
    finally:
        writer.transport.abort()


def request(
    method: str, path: str, body: bytes | None = None, key: str | None = None, headers: Mapping[str, str] | None = None
) -> bytes:
    """A request as bytes. A `headers` entry replaces one of ours; where it is empty that header is left out."""
    all_headers = {"host": "proxy"}
    if key is not None:
        all_headers["authorization"] = f"Bearer {key}"
    if body is not None:
        all_headers |= {"content-type": "application/json", "content-length": str(len(body))}
    all_headers |= headers or {}
    lines = "".join(f"{name}: {value}\r\n" for name, value in all_headers.items() if value)
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + (body or b"")


async def ask(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    key: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request on a connection of its own."""
    async with calling(port) as caller:
        await caller.send(request(method, path, body, key, headers))
        return await caller.answer()
