"""The body of an admin's request: bounded, strict, and checked against a model before anything else happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from guardproxy.admin.route import JSON, JSON_MOST, LINES, LINES_MOST
from guardproxy.core.excerpt import printable
from guardproxy.errors import InvalidRequest, RequestTooLarge
from guardproxy.gateway.body import read_body
from guardproxy.gateway.request import CONTINUE
from guardproxy.policyfile.schema import Written
from guardproxy.wire.strict_json import parse_strict

_MOST_PROBLEMS = 5
_NAME_MOST = 60


async def read_model(request: web.BaseRequest, model: type[Written] | type[str] | None, timeout_s: float) -> Any:
    """The body as the model, as text for `str`, None where none belongs.

    Raises `RequestError` for one that is too large, too slow, of another type, or not as the model says. A model of
    which nothing is required may be left out.
    """
    limit = LINES_MOST if model is str else JSON_MOST
    try:
        raw = await read_body(_Arriving(request), limit, timeout_s)
    except RequestTooLarge:
        raise RequestTooLarge(f"a body here has at most {limit:,} bytes") from None
    except ConnectionError as error:  # for the record: nobody is there to read it
        raise InvalidRequest("the connection ended before the body did") from error
    if model is None:
        if raw:
            raise InvalidRequest("this path takes no body")
        return None
    _check_type(request, LINES if issubclass(model, str) else JSON, bool(raw))
    if issubclass(model, str):
        return raw.decode("utf-8", "replace")
    document = parse_strict(raw) if raw else {}
    if not isinstance(document, dict):
        raise InvalidRequest("the body is a JSON object")
    try:
        # JSON mode: a list may be a tuple and a text a date, as there is no other way to write one in JSON.
        return model.model_validate_json(raw or b"{}")
    except ValidationError as error:
        # Not chained: pydantic quotes what it was given.
        raise InvalidRequest(_told(error.errors(include_url=False, include_input=False))) from None


class _Arriving:
    """A request of aiohttp's server, as a body is read here."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self.headers = request.headers
        self.content_length = request.content_length

    @property
    def content(self) -> _Arriving:
        return self

    def is_eof(self) -> bool:
        return self._request.content.is_eof()

    def read_nowait(self) -> bytes:
        return self._request.content.read_nowait()

    async def readany(self) -> bytes:
        try:
            return await self._request.content.readany()
        except ValueError as error:
            raise InvalidRequest("the request body is not framed as HTTP says") from error

    async def invite(self) -> None:
        await self._request.writer.write(CONTINUE)
        self._request.writer.output_size = 0  # that was no answer yet


def _check_type(request: web.BaseRequest, wanted: str, given: bool) -> None:
    """A page's form cannot send this type without asking first, which nobody answers here."""
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said != wanted and (given or said):
        raise InvalidRequest(f"send the body as content-type: {wanted}")


def _told(problems: Sequence[ErrorDetails]) -> str:
    shown = [_problem(problem) for problem in problems[:_MOST_PROBLEMS]]
    more = len(problems) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def _problem(problem: ErrorDetails) -> str:
    where = ".".join(printable(str(step), _NAME_MOST) for step in problem["loc"]) or "the body"
    match problem["type"]:
        case "extra_forbidden":
            return f"{where} is not known here"
        case "missing":
            return f"{where} is missing"
        case "literal_error":
            return f"{where} is one of {problem['ctx']['expected'].replace(chr(39), '')}"
    said = problem["msg"].removeprefix("Value error, ").removeprefix("Input ").removeprefix("String ")
    return f"{where} {said}"
