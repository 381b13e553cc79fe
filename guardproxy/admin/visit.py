"""One request to the admin API, told in order: where it comes from, who asks, what for, whether they may, the record.

Nothing is done before it is known who asks, and nothing is changed before the record of it is on the disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Final

from aiohttp import web

from guardproxy.admin.authority import Admin
from guardproxy.admin.body import read_model
from guardproxy.admin.errors import (
    CrossOrigin,
    HostNotAllowed,
    InvalidToken,
    RoleNotAllowed,
    TooManyFailures,
    Unavailable,
    as_refusal,
)
from guardproxy.admin.journal import NOBODY, AdminRecord, Detail, Journal, Outcome
from guardproxy.admin.route import Call, Controls, Found, Router, Told, read_query
from guardproxy.audit.record import iso_time
from guardproxy.audit.registry import Counter
from guardproxy.core.excerpt import printable
from guardproxy.errors import ConfigurationError, RequestError, Retry
from guardproxy.gateway.addresses import caller_address
from guardproxy.gateway.draft import place
from guardproxy.gateway.handler import new_request_id
from guardproxy.wire.document import encode

_UNKNOWN: Final = "unknown"
_NOTE_MOST: Final = 120
_BODY_S: Final = 30.0
_HEADERS: Final = {
    "server": "guardproxy",
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
}
_DENIED: Final = frozenset({401, 403, 421, 429})


@dataclass(frozen=True, slots=True)
class Desk:
    """What every request needs. `hosts`: names a request may be sent to, in lower case; empty: any."""

    controls: Controls
    router: Router
    journal: Journal
    actions: Counter
    hosts: frozenset[str] = frozenset()


class Visit:
    """One request, and what is known of it so far."""

    def __init__(self, desk: Desk, request: web.BaseRequest) -> None:
        self._desk = desk
        self._request = request
        self._id = new_request_id()
        self._source = request.remote or NOBODY
        self._admin: Admin | None = None
        self._action = _UNKNOWN
        self._target = NOBODY
        self._reason: str | None = None

    async def answer(self) -> web.Response:
        """Raises nothing: every failure is an answer."""
        try:
            told = await self._done()
        except Exception as error:  # a mistake of ours too is recorded and told before it is forgotten
            return await self._refused(as_refusal(error), error)
        headers = self._headers()
        if told.text is not None:
            return web.Response(body=told.text.encode(), headers={**headers, "content-type": told.content_type})
        return web.Response(status=told.status, body=encode(told.document), headers=headers)

    async def _done(self) -> Told:
        """The story. Raises `RequestError`, and what the route raises."""
        request, desk = self._request, self._desk
        path, _, raw_query = request.raw_path.partition("?")
        wanted = desk.router.find(request.method, path)
        if isinstance(wanted, Found):  # what is denied is recorded by its name
            self._action, self._target = wanted.route.action, wanted.target or NOBODY
        self._check_sender()
        self._admin = await self._who()
        if not isinstance(wanted, Found):  # only who is known learns which paths there are
            raise wanted
        route, target = wanted
        if not self._admin.role.may(route.permission):
            raise RoleNotAllowed(f"the role {self._admin.role.value} may not do this ({route.permission.value})")
        query = read_query(raw_query, route.query)
        body = await read_model(request, route.body, _BODY_S)
        self._reason = getattr(body, "reason", None)
        if route.changes and not await self._record(Outcome.BEGUN):
            raise _unrecorded()
        told = await route.handler(desk.controls, Call(self._admin, target, query, body))
        if route.recorded:
            kept = await self._record(Outcome.DONE, told.status, target=told.target, detail=told.detail)
            if not kept and not route.changes:  # what is changed is changed, and its beginning is recorded
                raise _unrecorded()
        return told

    def _check_sender(self) -> None:
        """No browser, no other name: neither a page nor a name made to lead here may send requests."""
        headers, hosts = self._request.headers, self._desk.hosts
        if "origin" in headers or "sec-fetch-site" in headers:
            raise CrossOrigin("requests that a browser sends for a page are refused")
        if hosts and _host_name(headers.get("host", "")) not in hosts:
            raise HostNotAllowed("requests are not sent to this host: see admin.hosts")

    async def _who(self) -> Admin:
        """The admin whose token is presented. Raises `InvalidToken`, always in the same words."""
        controls = self._desk.controls
        try:
            await controls.authority.refresh()
        except ConfigurationError as error:
            raise Unavailable("who may use the admin API cannot be read now", code="admins_unreadable") from error
        presented = self._request.headers.getall("authorization", ())
        scheme, _, token = presented[0].strip().partition(" ") if len(presented) == 1 else ("", "", "")
        admin = controls.authority.find(token.strip(), controls.now()) if scheme.lower() == "bearer" else None
        if admin is None:
            raise InvalidToken("send a current token of the admin API: Authorization: Bearer gpa_...")
        return admin

    def _stranger(self, error: RequestError) -> tuple[RequestError, bool]:
        """What somebody is told who could not be told, and whether it is worth a record.

        Counted with the failures of callers' keys: whoever tries again and again must not fill the disk. A valid token
        always opens.
        """
        address = caller_address(self._source, self._request.headers)
        failure = self._desk.controls.gateway.entrance.failures.failed(address, monotonic())
        if failure.wait_s is not None and isinstance(error, InvalidToken):
            wait = Retry(after_ms=int(failure.wait_s * 1000) + 1)
            error = TooManyFailures("too many requests without a valid token came from there", retry=wait)
        return error, failure.told

    async def _refused(self, error: RequestError, cause: Exception) -> web.Response:
        worth_telling = True
        if self._admin is None:
            error, worth_telling = self._stranger(error)
        outcome = Outcome.DENIED if error.status in _DENIED else Outcome.REFUSED
        if error.status >= 500:
            outcome = Outcome.FAILED
        if worth_telling:
            await self._record(outcome, error.status, error=error, cause=cause)
        else:
            self._desk.actions.add((self._action, outcome.value))
        document = {"error": {"code": error.code, "message": error.message, "request_id": self._id}}
        response = web.Response(status=error.status, body=encode(document), headers=self._headers())
        if error.retry.after_ms is not None:
            response.headers["retry-after"] = str(-(-error.retry.after_ms // 1000))
        if error.status == 401:
            response.headers["www-authenticate"] = "Bearer"
        response.force_close()  # its body may still be arriving
        return response

    async def _record(
        self,
        outcome: Outcome,
        status: int | None = None,
        *,
        target: str | None = None,
        detail: Detail | None = None,
        error: RequestError | None = None,
        cause: BaseException | None = None,
    ) -> bool:
        """Whether the record was kept."""
        admin = self._admin
        if outcome is not Outcome.BEGUN:
            self._desk.actions.add((self._action, outcome.value))
        record = AdminRecord(
            time=iso_time(int(self._desk.controls.now().timestamp() * 1000)),
            request_id=self._id,
            action=self._action,
            outcome=outcome,
            admin=admin.id if admin else NOBODY,
            name=printable(admin.name, _NOTE_MOST) if admin else NOBODY,
            role=admin.role.value if admin else NOBODY,
            target=printable(target or self._target, _NOTE_MOST),
            source=self._source,
            status=status,
            code=error.code if error else None,
            reason=printable(self._reason, _NOTE_MOST) if self._reason else None,
            cause=_cause(cause) if outcome is Outcome.FAILED and cause is not None else None,
            detail=detail or {},
        )
        try:
            await self._desk.journal.keep(record)
        except OSError:
            return False  # which the journal has told
        return True

    def _headers(self) -> dict[str, str]:
        return {**_HEADERS, "x-request-id": self._id}


def _unrecorded() -> Unavailable:
    return Unavailable(
        "the record of admin actions cannot be written, so nothing is done", code="admin_log_unavailable"
    )


def _cause(error: BaseException) -> str:
    """Where a failure comes from. Only the texts of mistakes in settings and files are known to quote nothing."""
    cause = error.__cause__ or error
    return cause.message if isinstance(cause, ConfigurationError) else place(cause)


def _host_name(host: str) -> str:
    """`admin.example.com` of `Admin.Example.com:8081`, `[::1]` of `[::1]:8081`."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdecimal() else host.lower()
