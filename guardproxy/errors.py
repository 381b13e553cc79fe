"""Every exception guardproxy raises on purpose, with the HTTP status and OpenAI code a caller sees.

A guardrail block is not an exception: it is a `Verdict`. What is raised here is a request that cannot be served, a
policy or setting that cannot be loaded, or an upstream that failed. `message` is shown to the caller and must never
hold a secret, a presented key or text of an exchange.
"""

from __future__ import annotations

from dataclasses import dataclass


class GuardproxyError(Exception):
    """The root: `message` says what is wrong and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigurationError(GuardproxyError):
    """A setting, key file or policy cannot be used. The command prints the message and exits with 2."""


class RuleError(GuardproxyError):
    """A rule's detector cannot use an option. `option` is its name, `offset` where in its text (code points), if known.

    The policy loader turns it into a `ConfigurationError` with file, line and column.
    """

    def __init__(self, message: str, *, option: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.option = option
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Retry:
    """What the caller is told about trying again: never, or after so many milliseconds."""

    after_ms: int | None = None

    @property
    def allowed(self) -> bool:
        return self.after_ms is not None


NEVER = Retry()


class RequestError(GuardproxyError):
    """An exchange ends with an OpenAI-shaped error: HTTP `status`, `error.type`, `error.code`, `error.param`.

    Statuses, types and codes are those OpenAI's own clients branch on; `retry` becomes `retry-after`,
    `retry-after-ms` and `x-should-retry`.
    """

    status: int = 400
    type: str = "invalid_request_error"
    code: str = "invalid_request"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry: Retry = NEVER,
        detail: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.param = param
        self.code = code or type(self).code
        self.retry = retry
        self.detail = detail or {}


class InvalidJson(RequestError):
    """The body is not the one JSON value every reader would read the same way."""

    code = "invalid_json"


class InvalidRequest(RequestError):
    """The body is JSON, but not a request of this surface."""


class RequestTooLarge(RequestError):
    """The body, or a count inside it, is over a limit of the policy."""

    status = 413
    code = "request_too_large"


class InvalidKey(RequestError):
    """No key, a malformed one, an unknown one: the caller is told the same each time."""

    status = 401
    code = "invalid_api_key"


class TooManyInvalidKeys(RequestError):
    """An address presents one invalid key after the other: it is told to wait, in the same words each time."""

    status = 429
    type = "requests"
    code = "too_many_invalid_keys"


class KeyStoreLost(RequestError):
    """The store of the keys is out of reach, and a key must not be guessed. An outage, never an invalid key."""

    status = 503
    type = "server_error"
    code = "key_store_unavailable"


class IdentityUnavailable(RequestError):
    """It cannot be told who calls, since whoever knows cannot be asked. An outage: never a wrong key."""

    status = 503
    type = "server_error"
    code = "identity_provider_unavailable"


class ProviderKeyRefused(RequestError):
    """The upstream refused the key that the caller brought for it. Its own words are left out: they quote keys."""

    status = 401
    code = "invalid_provider_key"


class NotAllowed(RequestError):
    """The key is good, but may not do this."""

    status = 403
    code = "not_allowed"


class RouteNotFound(RequestError):
    """No such surface: what cannot be inspected is not forwarded."""

    status = 404
    code = "unknown_url"


class MethodNotAllowed(RequestError):
    status = 405
    code = "method_not_allowed"


class PolicyBlocked(RequestError):
    """The policy refused the exchange. Never counted as a failure of the guard."""

    code = "content_policy_violation"


class QuotaExceeded(RequestError):
    """A limit is used up; `type` names the metric, as OpenAI does, or is `insufficient_quota` for a budget.

    `quota` is the id of the quota, for those who count refusals.
    """

    status = 429
    code = "rate_limit_exceeded"

    def __init__(
        self,
        message: str,
        *,
        metric: str,
        retry: Retry,
        code: str | None = None,
        detail: dict[str, str] | None = None,
        quota: str | None = None,
    ) -> None:
        super().__init__(message, code=code, retry=retry, detail=detail)
        self.type = metric
        self.quota = quota


class QuotaStoreUnavailable(RequestError):
    """The store that keeps the account is out of reach, and a limit must not be guessed. Not a used-up limit."""

    status = 503
    type = "server_error"
    code = "quota_store_unavailable"


class GuardUnavailable(RequestError):
    """A guard could not run. This is an outage, never a violation, and never a pass."""

    status = 503
    type = "server_error"
    code = "guardrail_unavailable"


class SharedStateUnavailable(GuardUnavailable):
    """What other proxies made or answered cannot be asked for, and must not be guessed: never a false "not yours"."""

    code = "shared_state_unavailable"


class ShuttingDown(RequestError):
    status = 503
    type = "server_error"
    code = "shutting_down"


class InternalError(RequestError):
    """Something of ours failed. The text of the cause stays in the log of this process."""

    status = 500
    type = "server_error"
    code = "internal_error"


class UpstreamUnavailable(RequestError):
    """The upstream could not be reached, broke off, or answered something that is not its protocol."""

    status = 502
    type = "server_error"
    code = "upstream_unavailable"

    def __init__(self, message: str, *, reason: str = "unavailable") -> None:
        super().__init__(message, retry=Retry(after_ms=1000))
        self.reason = reason


class UpstreamTimeout(UpstreamUnavailable):
    status = 504
    code = "upstream_timeout"

    def __init__(self, message: str, *, reason: str = "timeout") -> None:
        super().__init__(message, reason=reason)
