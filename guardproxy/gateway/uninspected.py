"""What a policy passes without a look: said in the answer (`x-guardproxy-coverage: none`) and in the log.

Bodies go on as they came, in both directions; nothing of an answer is kept. Who is calling, how often and how much is
still held against keys and limits, the caller's headers stay here, and the upstream's key does not go out.
"""

from __future__ import annotations

import re
from typing import Final

from aiohttp import web

from guardproxy.errors import RequestError, RouteNotFound
from guardproxy.gateway.answers import COVERAGE
from guardproxy.gateway.body import read_body
from guardproxy.gateway.passthrough import credentials_refused
from guardproxy.gateway.routes import Passage
from guardproxy.gateway.running import Running
from guardproxy.gateway.upstream import UpstreamReply
from guardproxy.surfaces.further import FURTHER

_DEFAULT_TYPE: Final = "application/octet-stream"
_CONTENT_TYPE: Final = re.compile(r"[!-~][ -~]{0,200}[!-~]")


async def pass_uninspected(running: Running, passage: Passage) -> web.StreamResponse:
    """Ask and answer without a look, where the policy says so by name. Raises `RequestError`."""
    gateway, request, draft, name = running.gateway, running.request, running.draft, passage.name
    said = running.policy.surfaces.get(name)
    if said is None or not (said.open and said.uninspected):
        raise RouteNotFound(
            f"this path is not served, since {FURTHER[name]}; "
            f"a policy can pass it without a look: surfaces: {{{name}: {{uninspected: true}}}}"
        )
    draft.uninspected = True
    body = await read_body(request, running.policy.limits.body_bytes, gateway.bounds.body_s)
    draft.bytes_in = len(body)
    assert draft.principal is not None  # noqa: S101 - authenticated before
    plan = gateway.planner.plan(running.policy, draft.principal, None, False)
    await running.reservation.admit(plan, None)
    told = request.headers.get("content-type", _DEFAULT_TYPE)
    reply = await gateway.upstream.send(
        request.method,
        passage.path,
        body or None,
        running.sent_headers,
        running.deadline,
        content_type=told if _CONTENT_TYPE.fullmatch(told) else _DEFAULT_TYPE,
    )
    try:
        return await _pass_on(running, reply)
    finally:
        reply.close()


async def _pass_on(running: Running, reply: UpstreamReply) -> web.StreamResponse:
    if reply.status in (401, 403):
        raise credentials_refused(reply.status, running.gateway.passthrough)
    draft = running.draft
    draft.status = reply.status
    if reply.status >= 400:
        draft.failed_upstream(reply.status)
    headers = {**running.headers(reply, {COVERAGE: "none"}), "content-type": reply.content_type}
    response = web.StreamResponse(status=reply.status, headers=headers)
    try:
        piece = await reply.read()  # the first one before the head, so that a failure can still be an error
        await response.prepare(running.request)
        while piece:
            piece = running.gateway.scrub(piece)
            draft.bytes_out += len(piece)
            await response.write(piece)
            piece = await reply.read()
    except RequestError as error:
        if not response.prepared:
            raise
        draft.refused(error)
        if running.request.transport is not None:  # there is no other way to say that this is not all
            running.request.transport.close()
        return response
    await response.write_eof()
    return response
