"""What a policy passes without a look: said in the answer (`x-guardproxy-coverage: none`) and in the log.

Bodies go on as they came, in both directions; nothing of an answer is kept. Who is calling, how often and how much is
still held against keys and limits, the caller's headers stay here, and the upstream's key does not go out.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final

from guardproxy.errors import RequestError, RouteNotFound, UpstreamTimeout
from guardproxy.gateway.answers import COVERAGE
from guardproxy.gateway.body import read_body
from guardproxy.gateway.http1 import TOO_LONG
from guardproxy.gateway.passthrough import credentials_refused
from guardproxy.gateway.routes import Passage
from guardproxy.gateway.running import Running
from guardproxy.gateway.sending import AnswerStream
from guardproxy.gateway.upstream import UpstreamReply
from guardproxy.surfaces.foreign_errors import is_about_credentials
from guardproxy.surfaces.further import FURTHER

_DEFAULT_TYPE: Final = "application/octet-stream"
_MOST_READ: Final = 64 * 1024  # of a refusal, before it goes on
_CONTENT_TYPE: Final = re.compile(r"[!-~][ -~]{0,200}[!-~]")


async def pass_uninspected(running: Running, passage: Passage) -> AnswerStream:
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


async def _pass_on(running: Running, reply: UpstreamReply) -> AnswerStream:
    said = await _refusal_of(running, reply)
    draft = running.draft
    draft.status = reply.status
    if reply.status >= 400:
        draft.failed_upstream(reply.status)
    headers = {**running.headers(reply, {COVERAGE: "none"}), "content-type": reply.content_type}
    response = AnswerStream(running.request, reply.status, headers)
    try:
        async with asyncio.timeout_at(running.deadline):  # also of a caller who does not read
            piece = said or await reply.read()  # the first one before the head, so that a failure can still be an error
            while piece:
                piece = running.gateway.scrub(piece)
                draft.bytes_out += len(piece)
                await response.write(piece)
                piece = await reply.read()
    except (RequestError, TimeoutError) as cause:
        error = cause if isinstance(cause, RequestError) else UpstreamTimeout(TOO_LONG)
        if not response.started:
            raise error from error.__cause__
        draft.refused(error)
        return response  # without an end: there is no other way to say that this is not all
    response.end()
    return response


async def _refusal_of(running: Running, reply: UpstreamReply) -> bytes:
    """What was read of a 403, which may be about the request or about the key it was asked with; else nothing.

    Raises `RequestError` where the upstream refused the key it was asked with.
    """
    said = b""
    if reply.status == 403:
        while len(said) < _MOST_READ and (piece := await reply.read()):
            said += piece
    if reply.status == 401 or is_about_credentials(said.decode("utf-8", "replace")):
        raise credentials_refused(reply.status, running.gateway.passthrough)
    return said
