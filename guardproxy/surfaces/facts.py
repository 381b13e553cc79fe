"""The few members of a request that the proxy acts on, read strictly: a wrong type here decides how a body is read."""

from __future__ import annotations

from typing import Any

from guardproxy.errors import InvalidRequest


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
