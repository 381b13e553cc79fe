"""Two listeners: the data plane, and the admin plane with health checks and metrics on a port of its own.

The data plane speaks HTTP/1.1 itself (`conversation`): there is one handler and a closed list of routes, and what a web
framework does for each request beside that would cost more than most of a guard. An exchange is cancelled when its
caller disconnects. The admin plane, which is asked rarely, uses aiohttp's low-level server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, cast

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from guardproxy.audit.events import Event
from guardproxy.audit.registry import CONTENT_TYPE
from guardproxy.audit.sinks import EventLog
from guardproxy.errors import ConfigurationError, InternalError, InvalidRequest, RequestError, RequestTooLarge
from guardproxy.gateway.answers import error_answer
from guardproxy.gateway.conversation import KEEP_ALIVE_S, Service
from guardproxy.gateway.draft import Draft
from guardproxy.gateway.gateway import Gateway
from guardproxy.gateway.gauges import metrics_page
from guardproxy.gateway.handler import answer, new_request_id
from guardproxy.gateway.sending import Answer
from guardproxy.gateway.serving import Serving

METRICS: Final = "/metrics"
_FAILED: Final = "guardproxy failed to handle this request"
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class _Protocol(RequestHandler):
    """aiohttp's HTTP protocol for the admin plane, which answers what is no HTTP in our shape too, and records it."""

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
        error = _unread(status, exc)
        told = _refused(self._gateway, error) if status < 500 else _failed()
        response = web.Response(status=told.status, headers=told.headers, body=told.body)
        response.force_close()
        return response


def _refused(gateway: Gateway, error: RequestError) -> Answer:
    """The answer to what never became a request, and its record."""
    draft = Draft(new_request_id())
    told = error_answer(error, draft, {})
    draft.refused(error)
    gateway.recorder.record(draft.record(gateway.now_ms()))
    return told


def _failed() -> Answer:
    """The answer in place of one that cannot be sent. Its exchange has its record already."""
    return error_answer(InternalError(_FAILED), Draft(new_request_id()), {})


def _unread(status: int, cause: BaseException | None) -> RequestError:
    """The error for a request that never became one. aiohttp's own message would quote it."""
    if isinstance(cause, LineTooLong):
        return RequestTooLarge("the request line or a header is too long")
    if status < 500:
        return InvalidRequest("this is not a well-formed HTTP/1.1 request")
    return InternalError(_FAILED)


class _Server(web.Server):
    def __init__(self, handler: Handler, gateway: Gateway, **options: Any) -> None:
        super().__init__(handler, **options)
        self._gateway = gateway

    def __call__(self) -> RequestHandler:
        return _Protocol(self, self._gateway, **self._kwargs)


class Listeners:
    """The open sockets of one gateway. `port` and `admin_port` are what was really taken.

    `admin` answers on the admin listener what is neither a health check nor, with `open_metrics`, the metrics.
    """

    def __init__(
        self, gateway: Gateway, log: EventLog, admin: Handler | None = None, *, open_metrics: bool = True
    ) -> None:
        self._gateway = gateway
        self._log = log
        self._admin = admin
        self._open_metrics = open_metrics
        self._serving = Serving(
            Service(partial(answer, gateway), partial(_refused, gateway), _failed, gateway.bounds.head_s)
        )
        self._admin_server: _Server | None = None
        self._listeners: list[asyncio.Server] = []
        self.port = 0
        self.admin_port = 0

    async def open(self, host: str, port: int, admin_host: str, admin_port: int) -> None:
        """Start to accept. Raises `ConfigurationError` when an address cannot be taken."""

        async def check(request: web.BaseRequest) -> web.StreamResponse:
            cast("_Protocol", request.protocol).head_arrived()
            told = health(self._gateway, request)
            if told is None and self._open_metrics and request.raw_path.partition("?")[0] == METRICS:
                told = metrics(self._gateway, request)
            if told is not None:
                return told
            return await self._admin(request) if self._admin else _not_found()

        self._admin_server = _Server(
            check,
            self._gateway,
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_S,
            auto_decompress=False,
        )
        self.admin_port = await self._listen(self._admin_server, admin_host, admin_port)
        self.port = await self._listen(self._serving, host, port)
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
        for listener in self._listeners[1:]:  # the admin listener keeps telling that we drain
            listener.close()
        drained = await lifecycle.drain(drain_timeout_s)
        for listener in self._listeners:
            listener.close()
        await self._serving.shutdown(timeout_s=1.0)
        if self._admin_server is not None:
            self._admin_server.pre_shutdown()
            await self._admin_server.shutdown(timeout=1.0)
        await self._gateway.ledger.drain()
        if self._gateway.state is not None:
            await self._gateway.state.close()
        await self._gateway.upstream.close()
        if started:
            self._log.emit(Event.PROXY_STOPPED, drained=drained)
        return drained

    async def _listen(self, protocols: Callable[[], asyncio.BaseProtocol], host: str, port: int) -> int:
        loop = asyncio.get_running_loop()
        try:
            listener = await loop.create_server(protocols, host, port, backlog=1024)
        except OSError as error:
            reason = (error.strerror or str(error)).rpartition(": ")[2]  # without the address said twice
            raise ConfigurationError(f"cannot listen on {host}:{port}: {reason}") from error
        self._listeners.append(listener)
        return int(listener.sockets[0].getsockname()[1])


def metrics(gateway: Gateway, request: web.BaseRequest) -> web.Response | None:
    """`/metrics`, for Prometheus."""
    if request.method not in ("GET", "HEAD"):
        return None
    return web.Response(body=metrics_page(gateway).encode(), headers={"content-type": CONTENT_TYPE})


def health(gateway: Gateway, request: web.BaseRequest) -> web.Response | None:
    """`/health/live`: the loop answers. `/health/ready`: new exchanges are welcome. None for any other path.

    Ready is also who admits some: without its store a proxy counts by itself, and who has been here before is known.
    """
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
                "keys": {"degraded": gateway.keys_away()},
            }
            return web.json_response(body, status=200 if ready else 503)
        case _:
            return None


def _not_found() -> web.Response:
    return web.json_response({"error": "not found"}, status=404)
