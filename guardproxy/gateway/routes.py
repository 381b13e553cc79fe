"""From a request line to a surface: an allow-list, matched on the exact bytes that arrived.

Nothing is normalised: a path with an escape, a dot segment or a double slash is not one of ours, so the path sent
upstream is always one that we built.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from guardproxy.errors import MethodNotAllowed, NotAllowed, RouteNotFound
from guardproxy.surfaces import SURFACES, Surface

PREFIX: Final = "/v1"
# Model names may hold slashes (`org/model:tag`); neither dot segments nor escapes.
_MODEL: Final = re.compile(r"/models/(?P<id>[A-Za-z0-9][\w.:@-]{0,99}(?:/[A-Za-z0-9][\w.:@-]{0,99}){0,3})", re.ASCII)


class Route(NamedTuple):
    """A surface, the path to ask the upstream for (below its base URL), and the route's name in logs."""

    surface: Surface
    path: str
    template: str


_EXACT: Final = {
    (method, PREFIX + path): Route(surface, path, PREFIX + path)
    for (method, path), surface in SURFACES.items()
    if "{" not in path
}


def find_route(method: str, raw_path: str, headers: Mapping[str, str]) -> Route:
    """The route of a request. Raises `RouteNotFound`, `MethodNotAllowed`, or `NotAllowed` for a WebSocket upgrade."""
    if "upgrade" in headers:
        raise NotAllowed("WebSocket and other upgrades are refused: they cannot be inspected", code="upgrade_refused")
    path = raw_path.partition("?")[0]
    route = _EXACT.get((method, path))
    if route is not None:
        return route
    return _find_model_route(method, path)


def _find_model_route(method: str, path: str) -> Route:
    match = _MODEL.fullmatch(path.removeprefix(PREFIX)) if path.startswith(PREFIX + "/") else None
    if match:
        if method != "GET":
            raise MethodNotAllowed(f"{method} is not allowed on this path")
        return Route(SURFACES["GET", "/models/{id}"], match.group(), PREFIX + "/models/{id}")
    if any(known == path for _, known in _EXACT):
        raise MethodNotAllowed(f"{method} is not allowed on this path")
    raise RouteNotFound(
        "this path is not served: guardproxy forwards only what it can inspect "
        "(POST /v1/chat/completions, GET /v1/models, GET /v1/models/{model})"
    )
