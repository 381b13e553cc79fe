"""The floor: the cheapest honest proxy one writes with aiohttp on uvloop. It passes everything and looks at nothing.

    python -m bench.floor --port 8080 --upstream http://127.0.0.1:9000

One `ClientSession` without a connection limit, no access log, no timeouts, headers copied both ways without the
hop-by-hop ones (RFC 9110 7.6.1), whole bodies in one piece, streams as they come, start-up objects out of the garbage
collector's way. It has no handicap: what is cheaper than this is welcome here, as every ratio is measured against it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Final

import uvloop
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, hdrs, web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

HOP_BY_HOP: Final = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
NOT_FORWARDED: Final = HOP_BY_HOP | {"host", "content-length"}
PATHS: Final = ("/v1/chat/completions", "/v1/models")


def _copy(headers: CIMultiDictProxy[str], without: frozenset[str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in without)


class Floor:
    def __init__(self, upstream: str) -> None:
        self._urls = {path: URL(upstream + path) for path in PATHS}

    async def session(self, _app: web.Application) -> AsyncIterator[None]:
        """Open for as long as the application runs."""
        self._session = ClientSession(
            connector=TCPConnector(limit=0),
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None),
            auto_decompress=False,
        )
        async with self._session:
            yield

    async def forward(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = _copy(request.headers, NOT_FORWARDED)
        url = self._urls[request.path]
        async with self._session.request(request.method, url, data=body or None, headers=headers) as reply:
            sent = _copy(reply.headers, HOP_BY_HOP)
            if hdrs.CONTENT_LENGTH in reply.headers:
                return web.Response(status=reply.status, headers=sent, body=await reply.read())
            response = web.StreamResponse(status=reply.status, headers=sent)
            await response.prepare(request)
            async for piece in reply.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response


async def serve(port: int, upstream: str) -> None:
    """Forward to `upstream` on 127.0.0.1 until cancelled."""
    floor = Floor(upstream)
    app = web.Application(client_max_size=1024**3)
    app.cleanup_ctx.append(floor.session)
    for path in PATHS:
        app.router.add_route("*", path, floor.forward)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=512).start()
    gc.collect()
    gc.freeze()  # what exists now lives as long as the process
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description="A bare pass-through proxy: aiohttp on uvloop.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True, help="origin, such as http://127.0.0.1:9000")
    options = parser.parse_args()
    uvloop.run(serve(options.port, options.upstream))


if __name__ == "__main__":
    main()
