"""What a route of the admin API is: who may use it, what it takes, what it does, and how a request finds it.

Routes are matched on the exact bytes of the path that arrived: nothing is normalised or unescaped, and neither a host
nor any other header has a say.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from guardproxy.admin.authority import Admin, Authority
from guardproxy.admin.journal import Detail
from guardproxy.admin.roles import Permission
from guardproxy.errors import InvalidRequest, MethodNotAllowed, RequestError, RouteNotFound
from guardproxy.gateway.gateway import Gateway
from guardproxy.gateway.reloading import Reloader
from guardproxy.identity.store import KeyStore
from guardproxy.policyfile.schema import Written
from guardproxy.policyfile.store import PolicyStore

PREFIX: Final = "/admin/v1"
JSON: Final = "application/json"
LINES: Final = "application/x-ndjson"
JSON_MOST: Final = 64 * 1024
LINES_MOST: Final = 32 * 1024 * 1024
_ID: Final = "[0-9A-Za-z]{12}"
_VALUE_MOST: Final = 200
_QUERY_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class Controls:
    """What the routes look at and change."""

    gateway: Gateway
    keys: KeyStore | None
    policies: PolicyStore
    reloader: Reloader
    authority: Authority
    environment: Mapping[str, str]
    now: Callable[[], datetime]


class Call(NamedTuple):
    """One request, after everything about it was checked. `target` is the id in its path."""

    admin: Admin
    target: str
    query: Mapping[str, str]
    body: Any


class Told(NamedTuple):
    """The answer: a document, or a `text` instead, and what the record says of it."""

    document: Mapping[str, Any]
    target: str | None = None
    detail: Detail | None = None
    status: int = 200
    text: str | None = None
    content_type: str = ""


Handler = Callable[[Controls, Call], Awaitable[Told]]


@dataclass(frozen=True, slots=True)
class Route:
    """`body` is the model of a JSON body, or `str` for lines of text; None where there is none.

    `recorded`: its success is recorded; what is refused or denied always is.
    """

    method: str
    path: str
    action: str
    permission: Permission
    handler: Handler
    body: type[Written] | type[str] | None = None
    query: Sequence[str] = ()
    recorded: bool = True

    @property
    def changes(self) -> bool:
        """Whether it changes anything."""
        return self.method != "GET"


class Found(NamedTuple):
    """A route, and the id that stands in the path."""

    route: Route
    target: str


class Router:
    """A closed list of routes."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)
        self._patterns = [(re.compile(route.path.replace("{id}", f"({_ID})")), route) for route in routes]
        with_id = [route for route in routes if "{id}" in route.path]
        self._loosely = [(re.compile(route.path.replace("{id}", "[^/]+")), route) for route in with_id]

    def find(self, method: str, path: str) -> Found | RequestError:
        """The route of a path without its query, or what is wrong with it: `RouteNotFound`, `MethodNotAllowed`."""
        found = [(match, route) for pattern, route in self._patterns if (match := pattern.fullmatch(path))]
        for match, route in found:
            if route.method == method:
                return Found(route, match[1] if match.re.groups else "")
        if found:
            return MethodNotAllowed(f"use {', '.join(sorted({route.method for _, route in found}))} here")
        return RouteNotFound(self._named(path) or "the admin API has no such path")

    def _named(self, path: str) -> str | None:
        """What is said of a path that would be one with an id where it has something else: mostly a name."""
        for loosely, route in self._loosely:
            if loosely.fullmatch(path):
                base = route.path.partition("/{id}")[0]
                query = next((listed.query for listed in self.routes if listed.path == base), ())
                return (
                    f"behind {base}/ stands an id, of 12 letters and digits, and not a name: GET {base}"
                    f"{'?name=...' if 'name' in query else ''} tells it"
                )
        return None


def read_query(raw: str, known: Sequence[str]) -> Mapping[str, str]:
    """The members of a query. Raises `InvalidRequest` for one that is not known, or stands there twice."""
    if not raw:
        return {}
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, strict_parsing=True, max_num_fields=10, errors="strict")
    except ValueError:
        pairs = []
    query = dict(pairs)
    good = len(raw) <= _QUERY_MOST and 0 < len(pairs) == len(query) and query.keys() <= set(known)
    if not good or not all(0 < len(value) <= _VALUE_MOST and value.isprintable() for value in query.values()):
        may = f"of {', '.join(known)}, each once and not empty" if known else "nothing: this path takes no query"
        raise InvalidRequest(f"a query here consists {may}")
    return query
