"""The policy's limits on one request."""

from __future__ import annotations

from guardproxy.core.exchange import RequestReading
from guardproxy.core.policy import RequestLimits
from guardproxy.errors import InvalidRequest


def check_limits(limits: RequestLimits, reading: RequestReading) -> None:
    """Raises `InvalidRequest` that names the member, what was sent and what is allowed."""
    _check("messages", "messages", len(reading.turns), limits.messages)
    _check("tools", "tools", reading.tools, limits.tools)
    _check("n", "choices", reading.choices, limits.choices)
    _check("max_completion_tokens", "output tokens", reading.output_tokens or 0, limits.output_tokens)
    if limits.text_characters is not None:
        _check("messages", "characters of text", reading.characters, limits.text_characters)


def _check(param: str, what: str, sent: int, allowed: int | None) -> None:
    if allowed is not None and sent > allowed:
        raise InvalidRequest(
            f"the request has {sent:,} {what}; the policy allows {allowed:,}", param=param, code="limit_exceeded"
        )
