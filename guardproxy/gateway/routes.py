"""From a request line to a surface: an allow-list, matched on the exact bytes that arrived.

Nothing is normalised: a path with an escape, a dot segment or a double slash is not one of ours, so the path sent
upstream is always one that we built. The same goes for queries: of those paths that have one, only members that are
listed travel, written anew.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from guardproxy.errors import InvalidRequest, MethodNotAllowed, NotAllowed, RouteNotFound
from guardproxy.gateway.azure import AZURE, azure_path
from guardproxy.surfaces import SURFACES, Surface
from guardproxy.surfaces.further import METHODS, QUERY, find_further
from guardproxy.surfaces.query import Query, read_query, write_query

PREFIX: Final = "/v1"
_ID: Final = "[A-Za-z0-9][A-Za-z0-9_-]{0,127}"
# Model names may hold slashes (`org/model:tag`); neither dot segments nor escapes.
_MODEL: Final = r"[A-Za-z0-9][\w.:@-]{0,99}(?:/[A-Za-z0-9][\w.:@-]{0,99}){0,3}"


class Route(NamedTuple):
    """A surface, the path to ask the upstream for (below its base URL), and the route's name in logs.

    `target` is the id that stands in the path, `query` what may be said beside it. `deployment`: the model of a body
    that names none.
    """

    surface: Surface
    path: str
    template: str
    target: str = ""
    query: Query = ()
    deployment: str = ""

    def name_model(self, document: Any) -> bool:
        """Let a body that names no model name the deployment; whether it had to."""
        lacks = bool(self.deployment) and isinstance(document, dict) and document.get("model") is None
        if lacks:
            document["model"] = self.deployment
        return lacks


class Passage(NamedTuple):
    """A path of an API that nobody can inspect, by the API's name."""

    name: str
    path: str
    template: str


class _Pattern(NamedTuple):
    path: re.Pattern[str]
    template: str
    surfaces: Mapping[str, Surface]


_EXACT: Final = {
    (method, PREFIX + path): Route(surface, path, PREFIX + path)
    for (method, path), surface in SURFACES.items()
    if "{" not in path
}
_METHODS: Final[Mapping[str, Mapping[str, Surface]]] = {
    path: {method: surface for (method, other), surface in SURFACES.items() if other == path} for _, path in SURFACES
}


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(path.replace("{id}", f"({_MODEL if path.startswith('/models/') else _ID})"), re.ASCII)


_PATTERNS: Final = tuple(_Pattern(_pattern(path), path, surfaces) for path, surfaces in _METHODS.items() if "{" in path)
_EXACT_PATHS: Final = frozenset(path for _, path in SURFACES if "{" not in path)
_SERVED: Final = ", ".join(f"{method} {PREFIX}{path}" for method, path in SURFACES)


def find_route(method: str, raw_path: str, headers: Mapping[str, str]) -> Route | Passage:
    """The route of a request, or the passage whose opening is up to the policy.

    Raises `RouteNotFound`, `MethodNotAllowed`, `InvalidRequest` for a query, or `NotAllowed` for a WebSocket upgrade.
    """
    if "upgrade" in headers:
        raise NotAllowed("WebSocket and other upgrades are refused: they cannot be inspected", code="upgrade_refused")
    azure = azure_path(raw_path) if raw_path.startswith(AZURE) else None
    if azure is not None:
        route = _find(method, PREFIX + azure.path)
        return route._replace(deployment=azure.deployment) if isinstance(route, Route) else route
    return _find(method, raw_path)


def _find(method: str, raw_path: str) -> Route | Passage:
    path, _, query = raw_path.partition("?")
    route = _EXACT.get((method, path))
    if route is not None:
        return _with_query(route, query) if query and route.surface.query else route
    if not path.startswith(PREFIX + "/"):
        raise _not_found()
    below = path.removeprefix(PREFIX)
    if below in _EXACT_PATHS:
        raise _wrong_method(method)
    return _find_target(method, below, query) or _find_passage(method, below, query)


def _with_query(route: Route, raw_query: str) -> Route:
    members = route.surface.query
    query = read_query(raw_query, members)
    return route._replace(path=route.path + write_query(query, members), query=query)


def _find_target(method: str, path: str, raw_query: str) -> Route | None:
    for pattern, template, surfaces in _PATTERNS:
        match = pattern.fullmatch(path)
        if match is None:
            continue
        surface = surfaces.get(method)
        if surface is None:
            raise _wrong_method(method)
        query = read_query(raw_query, surface.query)
        return Route(surface, path + write_query(query, surface.query), PREFIX + template, match[1], query)
    return None


def _find_passage(method: str, path: str, raw_query: str) -> Passage:
    name = find_further(path)
    if name is None:
        raise _not_found()
    if method not in METHODS:
        raise _wrong_method(method)
    if raw_query and not QUERY.fullmatch(raw_query):
        raise InvalidRequest("the query is too long, or holds characters that are not passed on")
    return Passage(name, f"{path}?{raw_query}" if raw_query else path, f"{PREFIX}/{name}")


def _wrong_method(method: str) -> MethodNotAllowed:
    return MethodNotAllowed(f"{method} is not allowed on this path")


def _not_found() -> RouteNotFound:
    return RouteNotFound(f"this path is not served: guardproxy forwards only what it can inspect ({_SERVED})")
