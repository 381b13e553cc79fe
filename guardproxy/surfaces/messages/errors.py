"""How an error is told so that Anthropic's clients understand it: a body, or an event inside a stream.

A client raises by status; it reads `error.type`, `error.message` and `error.details.error_code`, and the request's id
from the header `request-id`. What is ours stands under `error.guardproxy`. The headers about trying again are those
that OpenAI's clients obey, since both come from one generator. In a stream an event is an error by its name.
"""

from __future__ import annotations

from typing import Any, Final

from guardproxy.errors import RequestError
from guardproxy.surfaces.foreign_errors import message_of
from guardproxy.wire.document import encode
from guardproxy.wire.sse import encode_event

_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def error_type(status: int) -> str:
    """The type this API gives errors of that status."""
    return _TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error")


def error_body(error: RequestError, request_id: str) -> dict[str, Any]:
    """The JSON body of the error."""
    details = {"error_code": error.code, "param": error.param}
    return {
        "type": "error",
        "error": {
            "type": error_type(error.status),
            "message": error.message,
            "details": {name: value for name, value in details.items() if value is not None},
            "guardproxy": {**error.detail, "request_id": request_id},
        },
        "request_id": request_id,
    }


def error_event(error: RequestError, request_id: str) -> bytes:
    """The error as an event of a stream whose status was already sent."""
    return encode_event(encode(error_body(error, request_id)), "error")


def as_error(document: Any, status: int) -> Any:
    """An upstream's error in this API's shape; None if it is no error. Other servers write their own shapes.

    A 4xx stays one: as a 5xx it would be tried again, although the request is what is wrong.
    """
    if not isinstance(document, dict) or status < 400:
        return None
    error = document.get("error")
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        kind = error["type"] if isinstance(error.get("type"), str) else error_type(status)
        return {**document, "type": "error", "error": {**error, "type": kind}}
    said = message_of(document)
    if said is None and status >= 500:
        return None
    message = said or f"the upstream refused the request with status {status}"
    return {"type": "error", "error": {"type": error_type(status), "message": message}}
