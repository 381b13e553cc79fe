"""What goes back to the caller: headers of every answer, error answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from guardproxy.core.policy import Policy
from guardproxy.errors import RequestError, ShuttingDown
from guardproxy.gateway.draft import Draft
from guardproxy.gateway.sending import Answer
from guardproxy.wire.document import encode

_JSON = "application/json"
COVERAGE = "x-guardproxy-coverage"
_CLOSING = (401, 405, 408, 413)
Scrub = Callable[[bytes], bytes]


def base_headers(draft: Draft, extra: Mapping[str, str]) -> dict[str, str]:
    """The request's id, the policy and its revision, and rate limits where they are known."""
    headers = {"server": "guardproxy", "x-request-id": draft.request_id, draft.conventions.id_header: draft.request_id}
    if draft.policy is not None:
        headers["x-guardproxy-policy"] = policy_tag(draft.policy)
    headers.update(extra)
    return headers


def policy_tag(policy: Policy) -> str:
    return f"{policy.name}@{policy.revision}"


def json_answer(draft: Draft, status: int, document: Any, headers: Mapping[str, str], scrub: Scrub = bytes) -> Answer:
    """Noted in the draft. `scrub` sees the encoded body last, when no escape can hide anything in it."""
    body = scrub(encode(document))
    draft.status, draft.bytes_out = status, len(body)
    return Answer(status, {"content-type": _JSON, **headers}, body)


def error_answer(error: RequestError, draft: Draft, extra: Mapping[str, str]) -> Answer:
    """The error in the shape of the API that was called.

    The connection is closed where the request's body may still be arriving, and where it leads to a proxy that stops.
    """
    headers = base_headers(draft, {**extra, **draft.conventions.errors.headers(error)})
    answer = json_answer(draft, error.status, draft.conventions.errors.body(error, draft.request_id), headers)
    closes = error.status in _CLOSING or isinstance(error, ShuttingDown)
    return answer._replace(closes=True) if closes else answer
