"""Two listeners: the data plane, and the admin plane with health checks and metrics on a port of its own.

The data plane uses aiohttp's low-level server: there is one handler and a closed list of routes, so a router,
middlewares and an access log would only cost time. A handler is cancelled when its caller disconnects.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from guardproxy.audit.events import Event
from guardproxy.audit.registry import CONTENT_TYPE
from guardproxy.audit.sinks import EventLog
from guardproxy.errors import ConfigurationError, InternalError, InvalidRequest, RequestError, RequestTooLarge
from guardproxy.gateway.answers import error_answer
from guardproxy.gateway.draft import Draft
from guardproxy.gateway.gateway import Gateway
from guardproxy.gateway.gauges import metrics_page
from guardproxy.gateway.handler import answer, new_request_id

_KEEP_ALIVE_S = 75.0
METRICS: Final = "/metrics"
Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class _Protocol(RequestHandler):
    """aiohttp's HTTP protocol, which answers what is no HTTP in OpenAI's shape too, and records it."""

    def __init__(self, server: _Server, gateway: Gateway, **options: Any) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self._gateway = gateway
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """aiohttp bounds neither the time of a first request's head nor of a handshake without one, so we do."""
        super().connection_made(transport)
        loop = asyncio.get_running_loop()
        self._head_timer = loop.call_later(self._gateway.bounds.head_s, self.force_close)

    def head_arrived(self) -> None:
        """A request was read: from here on body and exchange have bounds of their own."""
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def connection_lost(self, exc: BaseException | None) -> None:
        self.head_arrived()
        super().connection_lost(exc)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        draft = Draft(new_request_id())
        error = _unread(status, exc)
        response = error_answer(error, draft, {})
        response.force_close()
        if status < 500:  # otherwise it was an exchange, which has its record
            draft.refused(error)
            self._gateway.recorder.record(draft.record(self._gateway.now_ms()))
        return response


def _unread(status: int, cause: BaseException | None) -> RequestError:
    """The error for a request that never became one. aiohttp's own message would quote it."""
    if isinstance(cause, LineTooLong):
        return RequestTooLarge("the request line or a header is too long")
    if status < 500:
        return InvalidRequest("this is not a well-formed HTTP/1.1 request")
    return InternalError("guardproxy failed to handle this request")


class _Server(web.Server):
    def __init__(self, handler: Answer, gateway: Gateway, **options: Any) -> None:
        super().__init__(handler, **options)
        self._gateway = gateway

    def __call__(self) -> RequestHandler:
        return _Protocol(self, self._gateway, **self._kwargs)


class Listeners:
    """The open sockets of one gateway. `port` and `admin_port` are what was really taken.

    `admin` answers on the admin listener what is neither a health check nor, with `open_metrics`, the metrics.
    """

    def __init__(
        self, gateway: Gateway, log: EventLog, admin: Answer | None = None, *, open_metrics: bool = True
    ) -> None:
        self._gateway = gateway
        self._log = log
        self._admin = admin
        self._open_metrics = open_metrics
        self._servers: list[tuple[_Server, asyncio.Server]] = []
        self.port = 0
        self.admin_port = 0

    async def open(self, host: str, port: int, admin_host: str, admin_port: int) -> None:
        """Start to accept. Raises `ConfigurationError` when an address cannot be taken."""

        async def serve(request: web.BaseRequest) -> web.StreamResponse:
            cast("_Protocol", request.protocol).head_arrived()
            return await answer(self._gateway, request)

        async def check(request: web.BaseRequest) -> web.StreamResponse:
            cast("_Protocol", request.protocol).head_arrived()
            told = health(self._gateway, request)
            if told is None and self._open_metrics and request.raw_path.partition("?")[0] == METRICS:
                told = metrics(self._gateway, request)
            if told is not None:
                return told
            return await self._admin(request) if self._admin else _not_found()

        self.admin_port = await self._listen(check, admin_host, admin_port)
        self.port = await self._listen(serve, host, port)
        self._gateway.lifecycle.ready = True
        policies = self._gateway.policies.current
        policy = policies.default.policy
        self._log.emit(
            Event.PROXY_STARTED, host=host, port=self.port, admin_port=self.admin_port,
            admin_api="on" if self._admin else "off: admin.tokens_file names no file of admins",
            policy=policy.name, revision=policies.revision,
        )  # fmt: skip

    async def close(self, drain_timeout_s: float) -> bool:
        """Stop accepting, wait for running exchanges, close. Whether all of them ended in time."""
        lifecycle = self._gateway.lifecycle
        started = lifecycle.ready
        lifecycle.draining = True
        for _, listener in self._servers[1:]:  # the admin listener keeps telling that we drain
            listener.close()
        drained = await lifecycle.drain(drain_timeout_s)
        for server, listener in self._servers:
            listener.close()
            server.pre_shutdown()
            await server.shutdown(timeout=1.0)
        await self._gateway.ledger.drain()
        if self._gateway.state is not None:
            await self._gateway.state.close()
        await self._gateway.upstream.close()
        if started:
            self._log.emit(Event.PROXY_STOPPED, drained=drained)
        return drained

    async def _listen(self, handler: Answer, host: str, port: int) -> int:
        server = _Server(
            handler,
            self._gateway,
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=_KEEP_ALIVE_S,
            auto_decompress=False,
        )
        loop = asyncio.get_running_loop()
        try:
            listener = await loop.create_server(server, host, port, backlog=1024)
        except OSError as error:
            reason = (error.strerror or str(error)).rpartition(": ")[2]  # without the address said twice
            raise ConfigurationError(f"cannot listen on {host}:{port}: {reason}") from error
        self._servers.append((server, listener))
        return int(listener.sockets[0].getsockname()[1])


def metrics(gateway: Gateway, request: web.BaseRequest) -> web.Response | None:
    """`/metrics`, for Prometheus."""
    if request.method not in ("GET", "HEAD"):
        return None
    return web.Response(body=metrics_page(gateway).encode(), headers={"content-type": CONTENT_TYPE})


def health(gateway: Gateway, request: web.BaseRequest) -> web.Response | None:
    """`/health/live`: the loop answers. `/health/ready`: new exchanges are welcome. None for any other path."""
    match request.method, request.path:
        case (("GET" | "HEAD"), "/health/live"):
            return web.json_response({"status": "live"})
        case (("GET" | "HEAD"), "/health/ready"):
            lifecycle = gateway.lifecycle
            ready = lifecycle.ready and not gateway.closed
            status = "ready" if lifecycle.ready else "draining" if lifecycle.draining else "starting"
            body = {
                "status": "quota_store_lost" if lifecycle.ready and not ready else status,
                "in_flight": lifecycle.in_flight,
                "policy": gateway.policies.current.revision,
                "quota": {"degraded": gateway.ledger.degraded, "unsettled": gateway.ledger.unsettled},
            }
            return web.json_response(body, status=200 if ready else 503)
        case _:
            return None


def _not_found() -> web.Response:
    return web.json_response({"error": "not found"}, status=404)
