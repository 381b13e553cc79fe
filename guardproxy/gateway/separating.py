"""Operator, user and data kept apart in a running exchange: who may say what, and what becomes of what is said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from multidict import MultiMapping

from guardproxy.core.context import speaks_as_operator
from guardproxy.core.exchange import Coverage, Provenance, RequestReading, kinds_of
from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.core.separation.apart import Apart, keep_apart
from guardproxy.core.separation.documents import HEADER as DOCUMENTS
from guardproxy.core.separation.documents import NO_LABELS, Labels, check_labels, labels_in
from guardproxy.core.separation.history import Claim, refuse_places
from guardproxy.core.separation.signature import HEADER as SIGNATURE
from guardproxy.core.separation.signature import UNSIGNED, is_signed
from guardproxy.core.separation.speakers import refuse_speakers
from guardproxy.core.separation.terms import Separation
from guardproxy.core.verdict import MAX_FINDINGS, Action, Finding, Severity, Verdict
from guardproxy.errors import InvalidRequest, SharedStateUnavailable
from guardproxy.gateway.draft import Draft
from guardproxy.gateway.gateway import Gateway
from guardproxy.gateway.refusals import guarding, refusal
from guardproxy.identity.lookup import KeyLookup
from guardproxy.surfaces import Surface

# Cleaning and fencing more text than this must not hold up everybody else.
_LONG: Final = 200_000
# What is only noticed keeps its name; what would be done has another one.
_WOULD: Final = {"fenced": "would_fence"}


def labels_of(headers: MultiMapping[str], reading: RequestReading) -> Labels:
    """The places of a request that its caller labelled as documents. Raises `InvalidRequest`."""
    if DOCUMENTS not in headers and not reading.documents:
        return NO_LABELS
    return labels_in_all(labels_sent(headers), reading)


def labels_sent(headers: MultiMapping[str]) -> tuple[str, ...]:
    """The values of the header that labels documents."""
    return tuple(headers.getall(DOCUMENTS, ()))


def labels_in_all(headers: Iterable[str], reading: RequestReading) -> Labels:
    """The same of the header's values: one that is sent twice is one list."""
    places = [place for header in headers for place in labels_in(header)]
    if not places and not reading.documents:
        return NO_LABELS
    labels = Labels((*reading.documents, *places))
    check_labels(reading, labels)
    return labels


async def check_speakers(
    gateway: Gateway, draft: Draft, surface: Surface, document: Any, reading: RequestReading, headers: Mapping[str, str]
) -> None:
    """Raises the refusal of what this caller may not say, or not there, beyond what its key may at all.

    Under a policy in shadow it is only noted what would be refused.
    """
    policy, principal, terms = _parties(draft)
    if not policy.shadow:
        _check_surface(terms, surface)
    with guarding():
        findings = refuse_speakers(terms, reading)
        if terms.seen_only and surface.speaking is not None:
            findings += await _unseen(gateway, policy, principal, surface.speaking.claimed(document))
        findings += _unsigned(terms, gateway.keyring, principal, surface, document, headers.get(SIGNATURE, ""))
    if policy.shadow:
        draft.pass_over(findings[:MAX_FINDINGS])
    elif findings:
        coverage = Coverage.of({}, kinds_of(reading.opaque))
        draft.request = Verdict(Action.BLOCK, tuple(findings[:MAX_FINDINGS]), coverage=coverage)
        raise refusal(gateway, draft, draft.request)


async def set_apart(
    gateway: Gateway,
    draft: Draft,
    surface: Surface,
    document: Any,
    reading: RequestReading,
    verdict: Verdict,
    labels: Labels,
) -> None:
    """Edit a request as the rules and the policy's separation say. Raises its refusal where that blocks it.

    What a rule hides is hidden first; then text is cleaned and fenced, and the proxy says what it has to say. Under a
    policy in shadow the request stays as it is, and the record says what would have been done.
    """
    started = time.perf_counter_ns()
    policy, principal, terms = _parties(draft)
    trusted = speaks_as_operator(policy.context, principal)

    def keep() -> Apart:
        return keep_apart(terms, reading, verdict.edits, principal, gateway.separation_secret, labels, trusted=trusted)

    with guarding():
        apart = keep() if reading.characters < _LONG else await asyncio.to_thread(keep)
        if policy.shadow:
            draft.request = in_shadow(verdict, apart)
            draft.lap("guard_request", started)
            return
        action, findings = max(verdict.action, apart.action), verdict.findings + apart.findings
        draft.request = verdict._replace(action=action, findings=findings, edits=apart.edits, features=apart.features)
    if apart.action is Action.BLOCK:
        raise refusal(gateway, draft, draft.request._replace(findings=apart.findings))
    with guarding():
        surface.edit(document, apart.edits)
        if surface.speaking is not None:
            surface.speaking.place(document, apart.speech)
    draft.lap("guard_request", started)


def in_shadow(verdict: Verdict, apart: Apart) -> Verdict:
    """The verdict on a request that stays as it is, with what the separation would have made of it."""
    features = {_WOULD.get(name, name): count for name, count in apart.features.items()}
    shadow, would = (*verdict.shadow, *apart.findings)[:MAX_FINDINGS], max(verdict.would, apart.action)
    return verdict._replace(shadow=shadow, would=would, features={**verdict.features, **features})


def _parties(draft: Draft) -> tuple[Policy, Principal, Separation]:
    """Who is calling, and the terms it calls under."""
    policy = draft.policy
    if draft.principal is None or policy is None or policy.context.separation is None:
        raise LookupError("an exchange is set apart only behind authentication and under a policy that says so")
    return policy, draft.principal, policy.context.separation


def _check_surface(terms: Separation, surface: Surface) -> None:
    """An API that generates text but has no place for the operator's cannot be held apart."""
    if terms.speaks and surface.speaking is None and surface.open_stream is not None:
        raise InvalidRequest(
            "the policy has an operator prompt or fences, and this API has no place for operator text: use "
            "/v1/chat/completions",
            code="operator_text_not_supported",
        )


async def _unseen(gateway: Gateway, policy: Policy, principal: Principal, claims: Iterable[Claim]) -> list[Finding]:
    """What a request says was answered before, and never was. Under a policy in shadow an outage refuses nothing."""
    try:
        return await gateway.seen.refuse_unseen(principal.key_id, claims)
    except SharedStateUnavailable:
        if not policy.shadow:
            raise
        return refuse_places([()])


def _unsigned(
    terms: Separation, keyring: KeyLookup, principal: Principal, surface: Surface, document: Any, header: str
) -> list[Finding]:
    """Operator text that has to be signed and is not."""
    if surface.speaking is None or not terms.signs(principal.key_id, principal.name):
        return []
    part = surface.speaking.operator_part(document)
    if part is None or is_signed(keyring.signing_secret(principal.key_id).encode(), part, header):
        return []
    return [Finding(UNSIGNED, Severity.HIGH, Provenance.USER, (), 0, 0)]
