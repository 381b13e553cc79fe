"""What the admin API refuses, with status and code. One shape: `{"error": {"code", "message", "request_id"}}`."""

from __future__ import annotations

from guardproxy.admin.admins import AdminError, NoSuchAdmin
from guardproxy.errors import (
    NEVER,
    ConfigurationError,
    GuardproxyError,
    InternalError,
    RequestError,
    Retry,
    RouteNotFound,
)
from guardproxy.identity.store import KeyStoreError, KeyStoreUnavailable, NoSuchKey
from guardproxy.quota.choosing import NoSuchAccount


class InvalidToken(RequestError):
    """No token, a malformed one, an unknown, expired or revoked one: all are told the same."""

    status = 401
    code = "invalid_token"


class TooManyFailures(RequestError):
    status = 429
    code = "too_many_failures"


class RoleNotAllowed(RequestError):
    status = 403
    code = "role_not_allowed"


class CrossOrigin(RequestError):
    """A browser sent this on behalf of a page. No page has business here."""

    status = 403
    code = "cross_origin_refused"


class HostNotAllowed(RequestError):
    status = 421
    code = "host_not_allowed"


class NotFound(RequestError):
    status = 404
    code = "not_found"


class Conflict(RequestError):
    """The request is well-formed, and does not fit how things stand."""

    status = 409
    code = "conflict"


class Unavailable(RequestError):
    status = 503
    type = "server_error"
    code = "unavailable"

    def __init__(self, message: str, *, code: str | None = None, retry: Retry = NEVER) -> None:
        super().__init__(message, code=code, retry=retry)


def as_refusal(error: Exception) -> RequestError:
    """What a caller is told of an exception. One that is not ours on purpose is an internal error, without its text."""
    match error:
        case RouteNotFound():
            return NotFound(error.message)
        case RequestError():
            return error
        case NoSuchKey() | NoSuchAdmin() | NoSuchAccount():
            return NotFound(error.message)
        case KeyStoreUnavailable():
            return Unavailable(error.message, code="key_store_unavailable")
        case KeyStoreError() | AdminError():
            return Conflict(error.message)
        case ConfigurationError():
            return Unavailable(error.message, code="not_configured")
        case GuardproxyError():
            return Conflict(error.message)
        case _:
            failure = InternalError("guardproxy failed to do this; its log names the place")
            failure.__cause__ = error
            return failure
