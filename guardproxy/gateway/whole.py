"""Answers that arrive at once: inspected, rewritten where the policy says so, encoded anew."""

from __future__ import annotations

import time
from typing import Any

from guardproxy.core.context import refuse_opaque
from guardproxy.core.exchange import RequestReading, kinds_of
from guardproxy.core.inspection import CUT_CALLS
from guardproxy.core.policy import ServerState
from guardproxy.core.tools.judge import ToolGuard
from guardproxy.core.tools.verdicts import with_tools
from guardproxy.core.verdict import Action, Verdict
from guardproxy.errors import UpstreamUnavailable
from guardproxy.gateway.answers import COVERAGE, json_answer
from guardproxy.gateway.inspecting import inspected
from guardproxy.gateway.passthrough import credentials_refused
from guardproxy.gateway.refusals import guarding, refusal
from guardproxy.gateway.remembering import remember_answer
from guardproxy.gateway.routes import Route
from guardproxy.gateway.running import Running
from guardproxy.gateway.sending import Answer
from guardproxy.gateway.upstream import UpstreamReply
from guardproxy.surfaces import Surface
from guardproxy.surfaces.foreign_errors import is_about_content
from guardproxy.surfaces.models import keep_models
from guardproxy.wire.document import UndecodableJson, replace


async def relay_whole(
    running: Running,
    surface: Surface,
    reply: UpstreamReply,
    raw: bytes,
    reading: RequestReading,
    tools: ToolGuard | None = None,
) -> Answer:
    """A JSON answer. Raises `RequestError` when it may not go out."""
    document = _decoded(surface, raw)
    if not isinstance(document, dict):
        raise UpstreamUnavailable("the upstream's answer is not a JSON object", reason="bad_answer")
    draft, policy = running.draft, running.policy
    if surface.name == "models" and running.principal.scope.models:
        keep_models(document, running.principal.scope.allows_model)
    started = time.perf_counter_ns()
    with guarding():
        if policy.redacts_answers:
            surface.strip_copies(document)
        # Before anything is hidden in it: a call is judged by what the model wrote.
        found = tools.judge(surface.read_calls(document)) if tools is not None and surface.read_calls else []
        cut = surface.drop_cut_calls(document) if surface.drop_cut_calls is not None else 0
        answer = surface.read_response(document)
        looked = inspected(policy, answer.segments, kinds_of(answer.opaque))
        verdict = looked if isinstance(looked, Verdict) else await looked
        if answer.opaque and (unread := refuse_opaque(policy, answer.opaque)):
            if policy.shadow:
                draft.pass_over(unread)
            else:
                verdict = Verdict(Action.BLOCK, tuple(unread), coverage=verdict.coverage)
    if cut:
        verdict = verdict._replace(features={**verdict.features, CUT_CALLS: cut})
    if found:
        verdict = with_tools(policy, verdict, found)
    draft.response = verdict
    draft.lap("guard_response", started)
    if reading.background and answer.usage is None:
        running.reservation.keep()  # what it will use is not told here
    else:
        running.reservation.sample = answer.text
        running.charge(answer.usage, answer.length)
    owned = remembered = None
    if surface.made is not None and policy.server_state is ServerState.OWN:
        owned = running.own(surface.made(document))
    if verdict.action is Action.BLOCK:
        raise refusal(running.gateway, draft, verdict)
    if verdict.edits:
        surface.edit(document, verdict.edits)
    if document.get("error") and surface.read_target is None:  # of a stored answer, that was told when it was made
        draft.failed_within()
    if policy.keeps_apart:
        remembered = remember_answer(running, surface, document)
    if owned is not None:
        await owned
    if remembered is not None:
        await remembered
    decision = max(verdict.action, draft.request.action if draft.request else Action.ALLOW)
    headers = running.headers(reply, {"x-guardproxy-decision": decision.word, COVERAGE: draft.extent})
    return json_answer(draft, reply.status, document, headers, running.gateway.scrub)


async def relay_failure(running: Running, route: Route, reply: UpstreamReply, raw: bytes) -> Answer:
    """An error of the upstream. It is passed on in its own words if they are the API's, looked at like an answer."""
    if reply.status < 500:
        running.reservation.refused()
    else:
        running.reservation.failed(running.policy.charging.failed)
    said = None if reply.status == 401 else _decoded_error(route.surface, raw, reply.status)
    if reply.status == 401 or (reply.status == 403 and not is_about_content(said)):
        raise credentials_refused(reply.status, running.gateway.passthrough)
    document = running.draft.conventions.errors.adopt(said, reply.status)
    if document is None:
        raise UpstreamUnavailable(f"the upstream answered {reply.status}, which is no answer of this API")
    with guarding():
        looked = inspected(running.policy, route.surface.read_response(document).segments)
        verdict = looked if isinstance(looked, Verdict) else await looked
    running.draft.response = verdict
    if verdict.action is Action.BLOCK:
        raise refusal(running.gateway, running.draft, verdict)
    replace(document, verdict.edits)
    running.draft.failed_upstream(reply.status)
    headers = running.headers(reply, {COVERAGE: running.draft.extent})
    return json_answer(running.draft, reply.status, document, headers, running.gateway.scrub)


def _decoded_error(surface: Surface, raw: bytes, status: int) -> Any:
    """The body of an error. What refuses a key is often no JSON."""
    try:
        return _decoded(surface, raw)
    except UpstreamUnavailable:
        if status != 403:
            raise
        return None


def _decoded(surface: Surface, raw: bytes) -> Any:
    try:
        return surface.decode(raw)
    except UndecodableJson as error:
        raise UpstreamUnavailable("the upstream's answer is not JSON", reason="bad_answer") from error
