"""One exchange, told in order.

`answer()` makes sure of the end: whatever happens in between, the reservation is settled, one record is written, and
the caller gets an answer in the shape of the API it called. `handle_exchange()` is the story.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterable
from typing import Any

from guardproxy.core.choice import Choice
from guardproxy.core.context import refuse_opaque, separate, speaks_as_operator
from guardproxy.core.exchange import Coverage, Provenance, RequestReading, Segment, kinds_of
from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.core.separation.documents import Labels, with_documents
from guardproxy.core.shown_name import shown_name
from guardproxy.core.tools.judge import ToolGuard
from guardproxy.core.verdict import Action, Finding, Verdict
from guardproxy.errors import (
    InternalError,
    PolicyBlocked,
    RequestError,
    RouteNotFound,
    ShuttingDown,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from guardproxy.gateway.answers import error_answer
from guardproxy.gateway.body import read_body
from guardproxy.gateway.callers import check_models, check_use, known_caller
from guardproxy.gateway.draft import Draft
from guardproxy.gateway.gateway import Gateway
from guardproxy.gateway.inspecting import inspected
from guardproxy.gateway.limits import check_content, check_limits, check_size, write_caps
from guardproxy.gateway.ownership import not_own
from guardproxy.gateway.policies import choose, facts_of
from guardproxy.gateway.refusals import guarding, refusal
from guardproxy.gateway.relay import relay
from guardproxy.gateway.request import Request
from guardproxy.gateway.reservation import Reservation
from guardproxy.gateway.routes import PREFIX, Passage, Route, find_route
from guardproxy.gateway.running import Running
from guardproxy.gateway.sending import Answer, AnswerStream
from guardproxy.gateway.separating import check_speakers, labels_of, labels_sent, set_apart
from guardproxy.gateway.shadowing import check_parameters, what_would_be_refused, would_cap
from guardproxy.gateway.tools import judge_request, tool_guard
from guardproxy.gateway.uninspected import pass_uninspected
from guardproxy.gateway.usage import USAGE, tell_usage
from guardproxy.surfaces import Surface
from guardproxy.surfaces.conventions import BETAS, callers_conventions
from guardproxy.wire.document import encode
from guardproxy.wire.strict_json import parse_strict

_LARGE_BODY = 256 * 1024

# Ids must differ, they need not be secret; the system's source of randomness is a system call each time.
_ids = random.Random(os.urandom(32))  # noqa: S311


def new_request_id() -> str:
    """`req_` and 24 hexadecimal digits."""
    return f"req_{_ids.getrandbits(96):024x}"


async def answer(gateway: Gateway, request: Request) -> Answer | AnswerStream:
    """Answer one HTTP request of the data plane. Raises nothing but cancellation (the caller has left)."""
    draft = Draft(new_request_id())
    reservation = Reservation(gateway.ledger, draft.request_id, gateway.now_ms, gateway.tokenizer, gateway.headers_of)
    # The clock of event loops; asking for the loop first would be a system call.
    deadline = time.monotonic() + gateway.bounds.exchange_s
    running = Running(gateway, request, draft, reservation, deadline)
    gateway.lifecycle.begin()
    try:
        return await handle_exchange(running)
    except RequestError as error:
        _charge_refused(error, draft, reservation)
        return _refuse(error, draft, reservation)
    except (asyncio.CancelledError, ConnectionResetError):
        draft.abandoned()
        raise
    except Exception as cause:
        failure = InternalError("guardproxy failed to handle this request; its log names the place")
        failure.__cause__ = cause
        return _refuse(failure, draft, reservation)
    finally:
        reservation.settle(draft)
        gateway.lifecycle.end()
        gateway.recorder.record(draft.record(gateway.now_ms()))
        if draft.watched is not None and gateway.candidate is not None:
            gateway.candidate.offer(draft, draft.watched)


async def handle_exchange(running: Running) -> Answer | AnswerStream:
    """From the first byte to the last. Raises `RequestError` for everything that ends it before its answer begins."""
    gateway, request, draft = running.gateway, running.request, running.draft
    draft.conventions = callers_conventions(request.raw_path.removeprefix(PREFIX), request.headers)
    if gateway.lifecycle.draining:
        raise ShuttingDown("guardproxy is shutting down; send the request again")
    if request.raw_path.startswith(USAGE):
        return await tell_usage(running)
    route = find_route(request.method, request.raw_path, request.headers)
    draft.method, draft.route = request.method, route.template
    principal = known_caller(running)
    if not isinstance(principal, Principal):
        principal = await principal
    draft.principal = principal
    check_use(running, principal, route)
    choice = choose(gateway.policies.current, principal, request.headers)
    draft.policy = choice.policy
    if isinstance(route, Passage):
        if choice.conditions:
            draft.policy = choice.among(facts_of(principal, route.name))
        return await pass_uninspected(running, route)
    surface = route.surface
    if choice.conditions:
        draft.policy = choice.among(facts_of(principal, surface.name))
    watching = _watching(running.policy, surface)
    if surface.read_request is None:
        return await _relay_target(running, route, watching)

    document, watching = await _read_document(running, route, choice, watching)
    reading, labels = await _understand(running, surface, document)
    tools = await _guard(running, surface, watching, document, reading, labels)
    return await relay(running, route, encode(document), reading, tools)


async def _read_document(running: Running, route: Route, choice: Choice, watching: Policy) -> tuple[Any, Policy]:
    """The body, parsed; from here on the policy is the one its members ask for, and so is what is `watching`."""
    gateway, draft, surface = running.gateway, running.draft, route.surface
    raw = await read_body(running.request, choice.body_bytes, gateway.bounds.body_s)
    draft.bytes_in = len(raw)
    started = time.perf_counter_ns()
    # Parsing a large body, and more so saying what is wrong with it, must not hold up everybody else.
    document = parse_strict(raw) if len(raw) < _LARGE_BODY else await asyncio.to_thread(parse_strict, raw)
    raw = encode(document) if route.name_model(document) else raw
    draft.lap("guard_request", started)
    if choice.conditions:
        draft.policy = choice.among(facts_of(running.principal, surface.name, document))
        watching = _watching(running.policy, surface)
        check_size(running.policy.limits, len(raw))
    if gateway.candidate is not None:
        labels = labels_sent(running.request.headers)
        draft.watched = gateway.candidate.watch(running.policy, gateway.policies.current, surface, raw, labels)
    return document, watching


async def _understand(running: Running, surface: Surface, document: Any) -> tuple[RequestReading, Labels]:
    """What the request says, and which of its texts its caller labelled. Raises what this caller may not send."""
    gateway, draft, policy, principal = running.gateway, running.draft, running.policy, running.principal
    started = time.perf_counter_ns()
    check_parameters(draft, policy, surface, document)
    assert surface.read_request is not None  # noqa: S101 - what is read from its path has no document
    reading = surface.read_request(document, operator=speaks_as_operator(policy.context, principal))
    draft.stream = reading.stream
    with guarding():
        draft.model = shown_name(policy, reading.model)
    check_models(principal, reading)
    stored = await not_own(gateway.ownership, policy, principal, reading.state) if reading.state else []
    if policy.shadow:
        draft.pass_over([*what_would_be_refused(policy, principal, reading, surface.members), *stored])
    else:
        check_limits(policy.limits, reading, surface.members)
        check_content(policy.limits, reading, surface.members)
        if surface.open_stream is not None:
            reading = write_caps(policy.limits, document, reading, surface.members)
        _separate(running, policy, principal, reading, stored)
    labels = labels_of(running.request.headers, reading)
    if policy.keeps_apart:
        await check_speakers(gateway, draft, surface, document, reading, running.request.headers)
    draft.lap("guard_request", started)
    return reading, labels


async def _guard(
    running: Running, surface: Surface, watching: Policy, document: Any, reading: RequestReading, labels: Labels
) -> ToolGuard | None:
    """Admit the request, hold it against the rules, and write into it what they say. The guard of its answer's calls.

    Raises the refusal of a quota or of the policy.
    """
    gateway, draft, policy, reservation = running.gateway, running.draft, running.policy, running.reservation
    principal = running.principal
    plan = gateway.planner.plan(policy, principal, reading.model, True)
    usual = gateway.expectations.usual(principal.key_id, draft.model or "") if plan.of_text else None
    await reservation.admit(plan, reading, usual)
    started = time.perf_counter_ns()
    with guarding():
        verdict = draft.request = await _inspect(running, watching, reading, labels)
        tools = tool_guard(policy, surface, document, principal, reading, labels)
        if tools is not None:
            verdict = draft.request = judge_request(gateway, draft, verdict, tools)
    draft.lap("guard_request", started)
    if verdict.action is Action.BLOCK:
        raise refusal(gateway, draft, verdict)
    if policy.keeps_apart:
        await set_apart(gateway, draft, surface, document, reading, verdict, labels)
    elif verdict.edits:
        surface.edit(document, verdict.edits)
    if reservation.output_cap is not None and surface.open_stream is not None:
        document[surface.members.output_tokens] = reservation.output_cap
    reservation.asks_usage = plan.of_text and gateway.asking.ask(surface, document, reading)
    return tools


async def _inspect(running: Running, watching: Policy, reading: RequestReading, labels: Labels) -> Verdict:
    """Every text of the request, and what its headers say, held against the rules."""
    draft = running.draft
    skipped = kinds_of(reading.opaque)
    segments = with_documents(reading.segments, labels) if labels else reading.segments
    features = draft.conventions.features_in(running.request.headers)
    if features:
        segments = (*segments, Segment(features, Provenance.USER, (BETAS,)))
    looked = inspected(watching, segments, skipped, running.gateway.memo)
    verdict = looked if isinstance(looked, Verdict) else await looked
    if watching.shadow and (capped := would_cap(watching.limits, reading)):
        verdict = verdict._replace(features={**verdict.features, "would_cap": capped})
    if features and (BETAS,) in verdict.edits:  # a header cannot be edited
        return verdict._replace(action=Action.BLOCK, edits={})
    return verdict


async def _relay_target(running: Running, route: Route, watching: Policy) -> Answer | AnswerStream:
    """A request without a body. What it says in its path cannot be edited, so what a rule would hide blocks it."""
    gateway, draft, reservation = running.gateway, running.draft, running.reservation
    policy, principal, read_target = running.policy, running.principal, route.surface.read_target
    assert read_target is not None  # noqa: S101 - a surface reads requests or targets
    reservation.metered = False
    reading = read_target(route.target, route.query)
    draft.stream = reading.stream
    stored = await not_own(gateway.ownership, policy, principal, reading.state)
    if policy.shadow:
        draft.pass_over(stored)
    else:
        _separate(running, policy, principal, reading, stored)
    await reservation.admit(gateway.planner.plan(policy, principal, None, False), None)
    with guarding():
        looked = inspected(watching, reading.segments, kinds_of(reading.opaque))
        verdict = draft.request = looked if isinstance(looked, Verdict) else await looked
    if verdict.action >= Action.REDACT:
        draft.request = verdict._replace(action=Action.BLOCK, edits={})
        raise refusal(gateway, draft, draft.request)
    return await relay(running, route, None, reading, tool_guard(policy, route.surface, None, principal))


def _watching(policy: Policy, surface: Surface) -> Policy:
    """The policy this surface's requests are held against. Raises `RouteNotFound` where the surface is not open."""
    rules = policy.surface(surface.name)
    if not rules.open:
        raise RouteNotFound(f"the policy does not open this surface: surfaces: {{{surface.name}: {{open: false}}}}")
    blocks = surface.blocks_requests if rules.block is None else rules.block
    return policy if blocks else policy.recording


def _separate(
    running: Running, policy: Policy, principal: Principal, reading: RequestReading, refused: Iterable[Finding]
) -> None:
    """Refuse what this caller may not say, what it may not refer to (`refused`), and content nobody could look at."""
    findings = [*separate(policy.context, principal, reading.turns), *refused]
    if reading.opaque:
        findings += refuse_opaque(policy, reading.opaque)
    if findings:
        coverage = Coverage.of({}, kinds_of(reading.opaque))
        verdict = running.draft.request = Verdict(Action.BLOCK, tuple(findings), coverage=coverage)
        raise refusal(running.gateway, running.draft, verdict)


def _charge_refused(error: RequestError, draft: Draft, reservation: Reservation) -> None:
    """What the policy says of requests that a rule blocked, and of those that the upstream did not answer."""
    if draft.policy is None:
        return
    if isinstance(error, (UpstreamUnavailable, UpstreamTimeout)) and reservation.running:
        reservation.failed(draft.policy.charging.failed)
    elif isinstance(error, PolicyBlocked) and not reservation.running and not draft.policy.charging.blocked:
        reservation.forgive()


def _refuse(error: RequestError, draft: Draft, reservation: Reservation) -> Answer:
    draft.refused(error)
    return error_answer(error, draft, reservation.headers)
