"""The upstream's half of an exchange: ask, then pass the answer on, whole or piece by piece, looked at either way."""

from __future__ import annotations

import time

from guardproxy.core.exchange import RequestReading
from guardproxy.core.tools.judge import ToolGuard
from guardproxy.gateway.asking import REFUSES, is_refusal
from guardproxy.gateway.candidate import Overheard
from guardproxy.gateway.event_stream import EVENT_STREAM
from guardproxy.gateway.routes import Route
from guardproxy.gateway.running import Running
from guardproxy.gateway.sending import Answer, AnswerStream
from guardproxy.gateway.streaming import relay_stream
from guardproxy.gateway.upstream import UpstreamReply
from guardproxy.gateway.whole import relay_failure, relay_whole
from guardproxy.surfaces.hidden_usage import ask_no_more
from guardproxy.wire.document import decode, encode


async def relay(
    running: Running, route: Route, body: bytes | None, reading: RequestReading, tools: ToolGuard | None = None
) -> Answer | AnswerStream:
    """Ask the upstream and answer the caller. Raises `RequestError` as long as nothing has been sent."""
    reply = await _ask(running, route, body)
    try:
        if running.reservation.asks_usage and reply.status in REFUSES:
            refusal = await reply.body(_most_bytes(running, route, reading))
            if body is None or not is_refusal(reply.status, refusal):
                return await relay_failure(running, route, reply, refusal)
            reply.close()
            reply = await _ask_unasked(running, route, body)
        good = 200 <= reply.status < 300
        if good and reading.stream and reply.content_type == EVENT_STREAM:
            return await relay_stream(running, route.surface, reply, reading, tools)
        raw = await reply.body(_most_bytes(running, route, reading))
        if good:
            return await relay_whole(running, route.surface, reply, raw, reading, tools)
        return await relay_failure(running, route, reply, raw)
    finally:
        reply.close()


def _most_bytes(running: Running, route: Route, reading: RequestReading) -> int:
    """How large a whole answer may be: larger where each of many inputs is answered with a vector."""
    return running.gateway.bounds.response_bytes + route.surface.bytes_per_input * reading.inputs


async def _ask_unasked(running: Running, route: Route, body: bytes) -> UpstreamReply:
    """The request once more, without what was asked on the proxy's behalf."""
    running.gateway.asking.refused(route.surface)
    running.reservation.asks_usage = False
    document = decode(body)
    ask_no_more(document)
    return await _ask(running, route, encode(document))


async def _ask(running: Running, route: Route, body: bytes | None) -> UpstreamReply:
    """Send the request; the head of the answer. From here on its input counts, also if no answer comes."""
    running.reservation.begun()
    started = time.perf_counter_ns()
    reply = await running.gateway.upstream.send(
        running.request.method, route.path, body, running.sent_headers, running.deadline
    )
    running.draft.lap("upstream_first_byte", started)
    watched = running.draft.watched
    return reply if watched is None else Overheard(reply, watched)
