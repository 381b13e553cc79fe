"""The policy's limits on one request."""

from __future__ import annotations

from collections import Counter

from guardproxy.core.exchange import OpaqueKind, RequestReading
from guardproxy.core.policy import RequestLimits
from guardproxy.errors import InvalidRequest, NotAllowed, RequestTooLarge
from guardproxy.surfaces import MemberNames
from guardproxy.wire.path import format_path


def check_limits(limits: RequestLimits, reading: RequestReading, names: MemberNames) -> None:
    """Raises `InvalidRequest` that names the member, what was sent and what is allowed."""
    turns = len(reading.turns)
    if limits.messages is not None and turns > limits.messages:
        raise _exceeded(names.messages, "messages", turns, limits.messages)
    if limits.tools is not None and reading.tools > limits.tools:
        raise _exceeded(names.tools, "tools", reading.tools, limits.tools)
    if limits.inputs is not None and reading.inputs > limits.inputs:
        raise _exceeded(names.inputs, "inputs", reading.inputs, limits.inputs)
    if limits.choices is not None and reading.choices > limits.choices:
        raise _exceeded(names.choices, "choices", reading.choices, limits.choices)
    asked = reading.output_tokens
    if asked is not None and limits.output_tokens is not None and asked > limits.output_tokens:
        raise _exceeded(names.output_tokens, "output tokens", asked, limits.output_tokens)
    if limits.text_characters is not None and reading.characters > limits.text_characters:
        raise _exceeded(names.text, "characters of text", reading.characters, limits.text_characters)


def check_content(limits: RequestLimits, reading: RequestReading, names: MemberNames) -> None:
    """Raises `NotAllowed` for a model or server the policy does not name, `InvalidRequest` for too many pictures."""
    if limits.models:
        for name, path in ((reading.model, ("model",)), *reading.other_models):
            if not limits.allows_model(name):
                why = "the policy does not let requests to this model through"
                raise NotAllowed(why, param=format_path(path), code="model_not_allowed")
    for server in reading.servers:
        if not limits.allows_server(server.name):
            why = "the policy does not let the upstream ask this server; it can allow it under limits.mcp_servers"
            raise NotAllowed(why, param=format_path(server.path), code="mcp_server_not_allowed")
    if reading.opaque and not (limits.images is None and limits.files is None):
        kinds = Counter(item.kind for item in reading.opaque)
        _check(names.messages, "images", kinds[OpaqueKind.IMAGE], limits.images)
        _check(names.messages, "files", kinds[OpaqueKind.FILE], limits.files)


def check_size(limits: RequestLimits, size: int) -> None:
    """Raises `RequestTooLarge` for a body that was read before it was known which policy applies to it."""
    if size > limits.body_bytes:
        raise RequestTooLarge(f"the body is larger than {limits.body_bytes:,} bytes")


def _check(param: str, what: str, sent: int, allowed: int | None) -> None:
    if allowed is not None and sent > allowed:
        raise _exceeded(param, what, sent, allowed)


def _exceeded(param: str, what: str, sent: int, allowed: int) -> InvalidRequest:
    message = f"the request has {sent:,} {what}; the policy allows {allowed:,}"
    return InvalidRequest(message, param=param, code="limit_exceeded")
