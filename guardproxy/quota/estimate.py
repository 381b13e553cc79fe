"""How many tokens a request will probably use, how many it did use, and the headers that say what is left.

The estimate needs no tokenizer: it counts UTF-8 bytes. English prose has about four bytes to a token, source code and
JSON about three, Chinese, Japanese or Cyrillic text between two and four; we divide by three where nearly all is ASCII
and by two elsewhere, so that ordinary text is rather over- than underestimated. It is not a bound (random letters can
take more); the settlement corrects it with what the upstream reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from guardproxy.core.policy import Metric, Quota
from guardproxy.quota.model import QuotaState

BYTES_PER_TOKEN_PROSE: Final = 3
BYTES_PER_TOKEN_OTHER: Final = 2
PROSE_FOREIGN_SHARE: Final = 8
"""Prose has at most one byte beyond ASCII to so many characters: accents and curly quotes do not make it other."""

DEFAULT_OUTPUT_TOKENS: Final = 256
"""What an answer is expected to take when the client sets no cap, per choice."""

MOST_TOKENS: Final = 2**53
"""A larger count is no count: it is not an exact number in every store and client."""


def estimate_input_tokens(texts: Iterable[str]) -> int:
    """Tokens the texts will probably take, rounded up per text, so the structure between them is counted a little."""
    return sum(map(_estimate, texts))


def _estimate(text: str) -> int:
    characters = len(text)
    size = characters if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    prose = (size - characters) * PROSE_FOREIGN_SHARE <= characters
    return -(-size // (BYTES_PER_TOKEN_PROSE if prose else BYTES_PER_TOKEN_OTHER))


def tightest_limit(quotas: Iterable[Quota], metric: Metric) -> int | None:
    """The smallest limit on a metric; None if no quota counts it."""
    return min((quota.limit for quota in quotas if quota.metric is metric), default=None)


def reserve_tokens(input_tokens: int, requested_output: int | None, choices: int, limit: int) -> int:
    """Tokens to reserve for a request. `limit` is the tightest token limit it will be checked against.

    What the client allows the model to write (`requested_output`, for each choice) is reserved in full. If it sets no
    cap, our guess takes at most a quarter of the limit, and never more than the input leaves of it: a request must not
    be refused for ever because of what we only suppose.
    """
    choices = max(1, choices)
    if requested_output is not None:
        return input_tokens + max(0, requested_output) * choices
    return input_tokens + max(0, min(DEFAULT_OUTPUT_TOKENS * choices, limit // 4, limit - input_tokens))


def usage_tokens(usage: object) -> int | None:
    """`total_tokens` of a `usage` object as an upstream reports it; None if it does not hold a believable count."""
    if not isinstance(usage, Mapping):
        return None
    total = usage.get("total_tokens")
    if not isinstance(total, int) or isinstance(total, bool) or not 0 <= total <= MOST_TOKENS:
        return None
    return total


def rate_limit_headers(states: Sequence[QuotaState]) -> dict[str, str]:
    """OpenAI's `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, for the quota of each metric with least left.

    Source: the header table of OpenAI's rate limits guide; `reset` is the time until nothing is used any more.
    """
    tightest: dict[Metric, QuotaState] = {}
    for state in states:
        metric = state.quota.metric
        known = tightest.get(metric)
        if known is None or (state.remaining, -state.reset_ms) < (known.remaining, -known.reset_ms):
            tightest[metric] = state
    headers = {}
    for metric, state in tightest.items():
        limit, remaining, reset = _HEADERS[metric]
        headers[limit] = str(state.quota.limit)
        headers[remaining] = str(state.remaining)
        headers[reset] = format_duration(state.reset_ms)
    return headers


_HEADERS: Final = {
    metric: tuple(f"x-ratelimit-{what}-{metric.value}" for what in ("limit", "remaining", "reset")) for metric in Metric
}


def format_duration(milliseconds: int) -> str:
    """`0s`, `12ms`, `1s`, `1.5s`, `6m0s`, `23h18m29.144s`: the way OpenAI writes the time until a reset."""
    if 0 < milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest // 1000}.{rest % 1000:03d}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds
