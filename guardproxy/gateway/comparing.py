"""What a candidate policy makes of an exchange that is over, step by step, and how that differs from what happened.

The candidate sees the bytes the caller sent and the bytes the upstream answered, read by the same surface and held
against the candidate by the same code as in an exchange. It cannot see what would only have happened under it: the
answer to a request the present policy refused, or to one the candidate would have redacted otherwise.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from guardproxy.audit.comparisons import RuleChange
from guardproxy.core.choice import Choice
from guardproxy.core.context import refuse_opaque, speaks_as_operator
from guardproxy.core.exchange import RequestReading
from guardproxy.core.inspection import OutputGuard, inspect_in_steps
from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.core.separation.documents import Labels, with_documents
from guardproxy.core.tools.judge import ToolGuard
from guardproxy.core.tools.verdicts import with_tools
from guardproxy.core.verdict import Action, Verdict
from guardproxy.errors import RequestError
from guardproxy.gateway.foretelling import capped, done, refused, set_apart
from guardproxy.gateway.policies import facts_of
from guardproxy.gateway.separating import labels_in_all
from guardproxy.gateway.tools import tool_guard
from guardproxy.surfaces import Surface
from guardproxy.wire.document import decode
from guardproxy.wire.sse import SseDecoder, SseError, SseEvent, SseItem
from guardproxy.wire.strict_json import parse_strict

NOTHING: Final = "nothing"
MOST_CHANGES: Final = 20
# Characters of a request that can be set apart without holding up everybody else.
_LONG: Final = 50_000

Steps = Generator[None, None, Verdict]


class Sample(NamedTuple):
    """An exchange that is over. `answer` are the upstream's bytes, None if no good answer came.

    `hidden` is a secret no part of which may show, `labels` are the values of the header that labels documents.
    """

    principal: Principal
    surface: Surface
    policy: Policy
    raw: bytes
    answer: tuple[bytes, ...] | None
    streamed: bool
    request: Verdict | None
    response: Verdict | None
    hidden: str | None = None
    labels: tuple[str, ...] = ()


class NotComparable(Exception):
    """The exchange ended before its texts were looked at, for a reason that is not the policy's: a quota, a fault. Or
    it is too long to be set apart at one go.
    """


class Difference(NamedTuple):
    before: Action
    after: Action
    rules: tuple[RuleChange, ...]


def compare_in_steps(sample: Sample, choice: Choice) -> Generator[None, None, tuple[Policy, Difference | None]]:
    """The form of the candidate for this exchange, and what differs.

    Raises `NotComparable`, and `RequestError` or `UndecodableJson` for bytes no reader understands.
    """
    document = parse_strict(sample.raw)
    yield
    form = choice.among(facts_of(sample.principal, sample.surface.name, document))
    # What either policy hides is masked, so that no excerpt shows what the present policy keeps back.
    candidate = form.with_masks_of(sample.policy)
    happened = sample.request or _refused(sample, sample.policy, document, _read(sample, sample.policy, document))
    if happened is None:
        raise NotComparable
    reading = _read(sample, candidate, document)
    yield
    labels = labels_in_all(sample.labels, reading)
    tools = tool_guard(candidate, sample.surface, document, sample.principal, reading, labels)
    request = yield from _request(sample, candidate, document, reading, labels, tools)
    yield
    response: Verdict | None = None
    if sample.answer is not None and request.action is not Action.BLOCK:
        response = yield from _answer(sample, candidate, tools)
        yield
    changes = [
        *_changes("request", sample.policy, happened, candidate, request),
        *(_caps(sample, candidate, reading) if Action.BLOCK not in (happened.action, request.action) else ()),
        *(_changes("response", sample.policy, sample.response, candidate, response) if response else ()),
    ]
    before = _strictest(happened, sample.response)
    after = _strictest(request, response)
    different = before is not after or bool(changes)
    if sample.hidden is not None:
        changes = [change.without(sample.hidden) for change in changes]
    return form, Difference(before, after, tuple(changes[:MOST_CHANGES])) if different else None


def _request(
    sample: Sample, policy: Policy, document: object, reading: RequestReading, labels: Labels, tools: ToolGuard | None
) -> Steps:
    if refused := _refused(sample, policy, document, reading):
        return refused
    segments = with_documents(reading.segments, labels) if labels else reading.segments
    yield
    verdict = yield from inspect_in_steps(policy, segments)
    yield
    if tools is not None:
        verdict = with_tools(policy, verdict, tools.request_findings())
    if policy.keeps_apart and reading.characters > _LONG:
        raise NotComparable
    return set_apart(policy, sample.principal, reading, verdict, labels)


def _refused(sample: Sample, policy: Policy, document: object, reading: RequestReading) -> Verdict | None:
    """A request the policy refuses before it looks at a text: for its size, a role, a parameter, unreadable content."""
    found = refused(policy, sample.principal, sample.surface, document, reading)
    return Verdict(Action.BLOCK, tuple(found)) if found else None


def _caps(sample: Sample, candidate: Policy, reading: RequestReading) -> Iterable[RuleChange]:
    """The numbers of the request that one of the policies would lower or write, and the other would not."""
    was, would = (capped(policy, sample.surface, reading) for policy in (sample.policy, candidate))
    return _differing(was, would, "request", {})


def _read(sample: Sample, policy: Policy, document: object) -> RequestReading:
    assert sample.surface.read_request is not None  # noqa: S101 - only such exchanges are compared
    operator = speaks_as_operator(policy.context, sample.principal)
    return sample.surface.read_request(document, operator=operator)


def _answer(sample: Sample, policy: Policy, tools: ToolGuard | None) -> Steps:
    pieces = sample.answer or ()
    if sample.streamed and sample.surface.open_stream is not None:
        return (yield from _stream(sample.surface, policy, pieces, tools))
    document = decode(b"".join(pieces))
    if policy.redacts_answers:
        sample.surface.strip_copies(document)
    calls = sample.surface.read_calls
    found = tools.judge(calls(document)) if tools is not None and calls is not None else []
    answer = sample.surface.read_response(document)
    yield
    unread = () if policy.shadow else tuple(refuse_opaque(policy, answer.opaque))
    if unread:
        return Verdict(Action.BLOCK, unread)
    return with_tools(policy, (yield from inspect_in_steps(policy, answer.segments)), found)


def _stream(surface: Surface, policy: Policy, pieces: Sequence[bytes], tools: ToolGuard | None) -> Steps:
    assert surface.open_stream is not None  # noqa: S101 - asked by the caller
    guard, decoder = OutputGuard(policy, tools), SseDecoder()
    editor = surface.open_stream(guard, None)
    for piece in pieces:
        items: Sequence[SseItem]
        try:
            items = decoder.feed(piece)
        except SseError as error:
            items = error.items
        for item in items:
            if isinstance(item, SseEvent):
                editor.feed(item)
        if guard.blocked:
            return guard.verdict()
        yield
    with suppress(RequestError):  # the upstream broke off, as it did in the exchange
        editor.finish()
    return guard.verdict()


def _changes(
    direction: str, policy: Policy, before: Verdict | None, candidate: Policy, after: Verdict
) -> Iterable[RuleChange]:
    """The rules that did one thing and would do another; where the candidate finds something, with an excerpt."""
    excerpts = {finding.rule: finding.excerpt for finding in reversed(after.findings)}
    yield from _differing(done(policy, before), done(candidate, after), direction, excerpts)


def _differing(
    was: Mapping[str, str], would: Mapping[str, str], direction: str, excerpts: Mapping[str, str]
) -> Iterable[RuleChange]:
    for rule in sorted({*was, *would}):
        one, other = was.get(rule, NOTHING), would.get(rule, NOTHING)
        if one != other:
            yield RuleChange(rule, one, other, direction, excerpts.get(rule, ""))


def _strictest(*verdicts: Verdict | None) -> Action:
    return max((verdict.action for verdict in verdicts if verdict is not None), default=Action.ALLOW)
