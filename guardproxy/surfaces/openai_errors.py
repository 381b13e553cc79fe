"""How an error is told so that OpenAI's clients understand it: a body, headers, or an event inside a stream.

A client raises by status and reads `error.message`, `error.type`, `error.param` and `error.code`, which are therefore
always there, if only as null. What is ours stands under `error.guardproxy`. A client decides about a new try in this
order: a wait of more than two minutes means no, then `x-should-retry` is obeyed, then the status counts; of the two
waits it takes the milliseconds first. An event whose data has a member `error` is raised as `APIError`; a broken
stream is never tried again.
"""

from __future__ import annotations

from typing import Any, Final

from guardproxy.errors import RequestError
from guardproxy.surfaces.foreign_errors import message_of
from guardproxy.wire.document import encode
from guardproxy.wire.sse import encode_event

LONGEST_WAIT_MS: Final = 120_000


def error_body(error: RequestError, request_id: str) -> dict[str, Any]:
    """The JSON body of the error."""
    return {
        "error": {
            "message": error.message,
            "type": error.type,
            "param": error.param,
            "code": error.code,
            "guardproxy": {**error.detail, "request_id": request_id},
        }
    }


def error_headers(error: RequestError) -> dict[str, str]:
    """The headers that tell the caller whether and when to try again, and how to authenticate after a 401.

    `retry-after` is in whole seconds, rounded up; `retry-after-ms` is exact, but never 0, which a client would ignore.
    A wait longer than `LONGEST_WAIT_MS` is told as no new try at all.
    """
    headers = {"www-authenticate": "Bearer"} if error.status == 401 else {}
    wait_ms = error.retry.after_ms
    if wait_ms is None or wait_ms > LONGEST_WAIT_MS:
        return {**headers, "x-should-retry": "false"}
    wait_ms = max(wait_ms, 1)
    return {**headers, "retry-after": str(-(-wait_ms // 1000)), "retry-after-ms": str(wait_ms)}


def adopt_error(document: Any, status: int) -> Any:
    """An upstream's error in OpenAI's shape; None if it is no error. Other servers write their own shapes.

    A 4xx stays one: as a 5xx it would be tried again, although the request is what is wrong.
    """
    if not isinstance(document, dict) or status < 400:
        return None
    error = document.get("error")
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        return document
    said = message_of(document)
    if said is None and (status >= 500 or isinstance(error, dict)):
        return document if isinstance(error, dict) else None
    message = said or f"the upstream refused the request with status {status}"
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}


def error_event(error: RequestError, request_id: str) -> bytes:
    """The error as an event of a stream whose status was already sent. It carries no event name: see the module."""
    return encode_event(encode(error_body(error, request_id)))
