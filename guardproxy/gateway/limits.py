"""The policy's limits on one request."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from guardproxy.core.exchange import OpaqueKind, RequestReading
from guardproxy.core.policy import Excess, RequestLimits
from guardproxy.errors import InvalidRequest, NotAllowed, RequestTooLarge
from guardproxy.surfaces import MemberNames
from guardproxy.wire.path import Path, format_path

LEAST_THINKING: Final = 1024
"""Tokens: Anthropic's API takes no smaller budget."""


def check_limits(limits: RequestLimits, reading: RequestReading, names: MemberNames) -> None:
    """Raises `InvalidRequest` that names the member, what was sent and what is allowed."""
    turns = len(reading.turns)
    if limits.messages is not None and turns > limits.messages:
        raise _exceeded(names.messages, "messages", turns, limits.messages)
    if limits.tools is not None and reading.tools > limits.tools:
        raise _exceeded(names.tools, "tools", reading.tools, limits.tools)
    if limits.inputs is not None and reading.inputs > limits.inputs:
        raise _exceeded(names.inputs, "inputs", reading.inputs, limits.inputs)
    refused = limits.excess is Excess.REFUSE
    if refused and limits.choices is not None and reading.choices > limits.choices:
        raise _exceeded(names.choices, "choices", reading.choices, limits.choices)
    asked = reading.output_tokens
    if refused and asked is not None and limits.output_tokens is not None and asked > limits.output_tokens:
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


def write_caps(limits: RequestLimits, document: Any, reading: RequestReading, names: MemberNames) -> RequestReading:
    """Write what the answers to a request may be into it: the smaller of what it asks for and what the policy allows.

    The reading of the request as it is then. Raises `InvalidRequest` where a part of the answer has to be larger.
    """
    most = limits.output_tokens
    if most is not None:
        asked = [name for name in names.output_caps if document.get(name) is not None]
        for name in asked or [names.output_tokens]:
            document[name] = min(most, document[name]) if asked else most
        cap = most if reading.output_tokens is None else min(most, reading.output_tokens)
        _write_within(document, cap, names.within)
        reading = reading._replace(output_tokens=cap)
    if limits.choices is not None and reading.choices > limits.choices:
        for name in names.answers:
            if document.get(name) is not None:
                document[name] = min(limits.choices, document[name])
        reading = reading._replace(choices=limits.choices)
    return reading


def _write_within(document: Any, cap: int, path: Path) -> None:
    """Keep a part of the answer below its cap, where the request asks for such a part."""
    holder = document.get(path[0]) if path else None
    if not isinstance(holder, dict):
        return
    asked = holder.get(path[1])
    if not isinstance(asked, int) or asked < cap:
        return
    if cap <= LEAST_THINKING:
        raise InvalidRequest(
            f"the policy allows {cap:,} output tokens, and thinking takes {LEAST_THINKING:,} at least: ask for none",
            param=format_path(path),
            code="limit_exceeded",
        )
    holder[path[1]] = cap - 1


def _check(param: str, what: str, sent: int, allowed: int | None) -> None:
    if allowed is not None and sent > allowed:
        raise _exceeded(param, what, sent, allowed)


def _exceeded(param: str, what: str, sent: int, allowed: int) -> InvalidRequest:
    message = f"the request has {sent:,} {what}; the policy allows {allowed:,}"
    return InvalidRequest(message, param=param, code="limit_exceeded")
