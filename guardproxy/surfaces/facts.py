"""The few members of a request that the proxy acts on, read strictly: a wrong type here decides how a body is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from guardproxy.core.exchange import Reference
from guardproxy.errors import InvalidRequest
from guardproxy.wire.document import get
from guardproxy.wire.path import Path


def members_of(document: Any) -> dict[str, Any]:
    """The body as an object. Raises `InvalidRequest` for anything else."""
    if not isinstance(document, dict):
        raise InvalidRequest("the body must be a JSON object")
    return document


def text_fact(document: dict[str, Any], name: str) -> str:
    """A member that must be there, such as `model`. Raises `InvalidRequest`."""
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidRequest(f"{name} must be a non-empty string", param=name)
    return value


def flag_fact(document: dict[str, Any], name: str) -> bool:
    """A switch; what is not there or null is off. Raises `InvalidRequest`."""
    value = document.get(name)
    if value is not None and not isinstance(value, bool):
        raise InvalidRequest(f"{name} must be true or false", param=name)
    return bool(value)


def count_fact(document: dict[str, Any], name: str, least: int = 1) -> int | None:
    """A whole number of at least `least`; None if it is not there or null. Raises `InvalidRequest`."""
    value = document.get(name)
    if value is None:
        return None
    if type(value) is not int or value < least:
        kind = "positive whole number" if least else "whole number, zero or more"
        raise InvalidRequest(f"{name} must be a {kind}", param=name)
    return value


def wants_usage(document: dict[str, Any]) -> bool:
    """Whether a stream is to end with the tokens it used."""
    options = document.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def references_at(document: Any, places: Iterable[Path]) -> Iterator[Reference]:
    """The ids of stored things that stand at these places; an empty one where what stands there is no id."""
    for path in places:
        value = get(document, path)
        if isinstance(value, list):
            yield from (Reference(path, one) for one in value if isinstance(one, str))
        else:
            named = value.get("id") if isinstance(value, dict) else value
            yield Reference(path, named if isinstance(named, str) else "")
