"""Answers that stream. Here is only pumping: what a stream becomes is decided by the surface's stream editor.

A caller who is slow slows the upstream down: nothing is read while a write waits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from aiohttp import web

from guardproxy.core.exchange import RequestReading
from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import OnBlock, ServerState
from guardproxy.core.separation.speech import AnswerCollector
from guardproxy.core.tools.judge import ToolGuard
from guardproxy.errors import GuardUnavailable, InternalError, RequestError, UpstreamTimeout, UpstreamUnavailable
from guardproxy.gateway.answers import COVERAGE, Scrub
from guardproxy.gateway.exceeded import over_limit
from guardproxy.gateway.http1 import TOO_LONG
from guardproxy.gateway.refusals import could_not_run, guarding, open_incident, refusal
from guardproxy.gateway.remembering import collector, remember_stream, spoken
from guardproxy.gateway.running import Running
from guardproxy.gateway.upstream import UpstreamReply
from guardproxy.surfaces import EndsEarly, HidesUsage, MakesState, StreamEditor, Surface
from guardproxy.wire.sse import SseDecoder, SseError, SseEvent, SseItem, encode_comment

EVENT_STREAM = "text/event-stream"
_KEEP_ALIVE = encode_comment("")
# Frames that are kept, to tell how many tokens the text of a stream takes whose upstream does not.
_SAMPLED = 100
FAILED = "guardproxy failed to handle this answer; its log names the place"


async def relay_stream(
    running: Running, surface: Surface, reply: UpstreamReply, reading: RequestReading, tools: ToolGuard | None = None
) -> web.StreamResponse:
    """Server-sent events: what the editor returns is written as it comes."""
    guard = OutputGuard(running.policy, tools)
    editor = _open_editor(running, surface, reading, guard)
    headers = running.headers(reply, {"cache-control": "no-cache", COVERAGE: running.draft.extent})
    response = _EventStream(running.request, headers, running.gateway.scrub, collector(running, surface))
    running.reservation.sample = lambda: spoken(surface, response.beginning)
    try:
        async with asyncio.timeout_at(running.deadline):
            await _pump(running, reply, editor, guard, response)
    except ConnectionResetError:  # the caller has left
        raise
    except Exception as cause:
        error = _told(cause)
        if not response.started:
            raise error from error.__cause__
        frames, error = _rest(error, editor)
        if guard.blocked:
            await _end_blocked(running, frames, guard, editor, response)
        else:
            running.draft.refused(error)
            await response.write([*frames, editor.error_event(error, running.draft.request_id)])
    else:
        if editor.failed and not guard.blocked:
            running.draft.failed_within()
    finally:
        running.draft.status = 200
        running.draft.response = guard.verdict()
        running.charge(editor.usage, lambda: editor.characters + _held(guard))
        running.draft.bytes_out = response.size
        remember_stream(running, response.collected)
    return await response.end()


def _open_editor(running: Running, surface: Surface, reading: RequestReading, guard: OutputGuard) -> StreamEditor:
    """The surface's editor for this stream. Raises `UpstreamUnavailable` where there should be none."""
    if surface.open_stream is None:
        raise UpstreamUnavailable("the upstream streams an answer that is not a stream", reason="bad_answer")

    def usage_for(characters: int) -> Mapping[str, int]:
        return running.told_usage(characters + _held(guard))

    if reading.starting_after is not None and surface.resume_stream is not None:
        editor = surface.resume_stream(guard, starting_after=reading.starting_after)
    else:
        editor = surface.open_stream(guard, usage_for if reading.stream_usage else None)
        if running.reservation.asks_usage and isinstance(editor, HidesUsage):
            editor.hides_usage = True
    owned = surface.made is not None and running.policy.server_state is ServerState.OWN
    if owned and isinstance(editor, MakesState):
        editor.tell_made(running.own)
    return editor


def _held(guard: OutputGuard) -> int:
    """Characters that the model has written and that have not gone out."""
    return sum(channel.held for channel in guard.opened)


def _told(cause: Exception) -> RequestError:
    """What the caller is told. Also a failure of ours ends the stream in its own form: a status was already sent."""
    if isinstance(cause, RequestError):
        return cause
    error = UpstreamTimeout(TOO_LONG) if isinstance(cause, TimeoutError) else InternalError(FAILED)
    error.__cause__ = cause
    return error


def _rest(error: RequestError, editor: StreamEditor) -> tuple[list[bytes], RequestError]:
    """An upstream that breaks off ends the text: what was held back and is harmless still goes out before the error.

    Also returned: the error that ends the stream, which is another one if a guard fails on that rest.
    """
    if not isinstance(error, UpstreamUnavailable):
        return [], error
    try:
        with guarding():
            return editor.finish(), error
    except GuardUnavailable as failed:
        return [], failed


async def _pump(
    running: Running, reply: UpstreamReply, editor: StreamEditor, guard: OutputGuard, response: _EventStream
) -> None:
    decoder = SseDecoder()
    spent_ns = 0
    most = running.reservation.most_characters
    try:
        while piece := await reply.read():
            started = time.perf_counter_ns()
            frames, fault = _edit_piece(decoder, editor, piece)
            spent_ns += time.perf_counter_ns() - started
            if guard.blocked:
                return await _end_blocked(running, frames, guard, editor, response)
            if frames:
                await response.write(frames)
            if fault:
                raise fault
            if most is not None and editor.characters > most:
                return await _end_over_limit(running, editor, guard, response)
    finally:
        running.draft.spent("guard_response", spent_ns)
    if decoder.incomplete:
        raise UpstreamUnavailable("the upstream broke off in the middle of an event", reason="broken")
    with guarding():
        frames = editor.finish()
    if guard.blocked:
        return await _end_blocked(running, frames, guard, editor, response)
    return await response.write(frames)


def _edit_piece(
    decoder: SseDecoder, editor: StreamEditor, piece: bytes
) -> tuple[list[bytes], UpstreamUnavailable | None]:
    """The frames a piece of the stream becomes, and its fault if it has one: what stood before that goes out first."""
    if decoder.between:
        try:
            passed = editor.pass_on(piece)
        except Exception as cause:
            raise could_not_run() from cause
        if passed is not None:
            decoder.skip(len(piece))
            return passed, None
    frames: list[bytes] = []
    items: Sequence[SseItem]
    fault: UpstreamUnavailable | None = None
    try:
        items = decoder.feed(piece)
    except SseError as error:
        items = error.items
        fault = UpstreamUnavailable("the upstream sent bytes that are no event stream", reason="bad_event")
    try:
        for item in items:
            if isinstance(item, SseEvent):
                frames += editor.feed(item)
            else:
                frames.append(_KEEP_ALIVE)  # what it said is nothing a client reads
    except UpstreamUnavailable as error:
        fault = error
    except Exception as cause:
        raise could_not_run() from cause
    return frames, fault


async def _end_blocked(
    running: Running, frames: list[bytes], guard: OutputGuard, editor: StreamEditor, response: _EventStream
) -> None:
    """The policy stopped the answer. Before its first byte that is an error like any other, later it is in-band."""
    if not response.started:
        raise refusal(running.gateway, running.draft, guard.verdict())
    if running.policy.on_block is OnBlock.ERROR:
        error = refusal(running.gateway, running.draft, guard.verdict())
        frames = [*frames, editor.error_event(error, running.draft.request_id)]
    open_incident(running.gateway, running.draft)
    await response.write(frames)


async def _end_over_limit(running: Running, editor: StreamEditor, guard: OutputGuard, response: _EventStream) -> None:
    """A hard limit ends in the middle of an answer, since the upstream wrote more than it was allowed to."""
    own_words = editor if isinstance(editor, EndsEarly) else None
    if running.policy.on_limit is OnBlock.ERROR:
        own_words = None
    with guarding():
        frames = own_words.cut() if own_words else editor.finish()
    if guard.blocked:
        return await _end_blocked(running, frames, guard, editor, response)
    running.draft.over_limit()
    if own_words is None:
        frames = [*frames, editor.error_event(over_limit(), running.draft.request_id)]
    return await response.write(frames)


class _EventStream:
    """The caller's side of a stream. Its head is sent with the first frames, so an early end can still be an error."""

    def __init__(
        self,
        request: web.BaseRequest,
        headers: dict[str, str],
        scrub: Scrub,
        collected: AnswerCollector | None = None,
    ) -> None:
        self.collected = collected
        self._request = request
        self._scrub = scrub
        self._response = web.StreamResponse(headers=headers)
        self._response.content_type = EVENT_STREAM
        self.started = False
        self.size = 0
        self.beginning: list[bytes] = []

    async def write(self, frames: list[bytes]) -> None:
        if not self.started:
            self.started = True
            await self._response.prepare(self._request)
        if frames:
            if self.collected is not None:
                self.collected.feed(frames)
            if len(self.beginning) < _SAMPLED:
                self.beginning += frames
            data = self._scrub(frames[0] if len(frames) == 1 else b"".join(frames))
            self.size += len(data)
            await self._request.writer.write(data)  # what `StreamResponse.write` does, without asking again

    async def end(self) -> web.StreamResponse:
        await self.write([])
        await self._response.write_eof()
        return self._response
