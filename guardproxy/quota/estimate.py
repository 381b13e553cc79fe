"""How many tokens a request will probably use, and how many it did use.

What a text takes is estimated from its characters (`characters`), or counted where the settings name a tokenizer
(`tokenizer`). Neither is a bound; the settlement corrects it with what the upstream reports.

Where a limit is hard a bound is needed: a token has at least one byte, and what stands around a text takes a few more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from guardproxy.core.quota import Metric
from guardproxy.quota.plan import Plan

DEFAULT_OUTPUT_TOKENS: Final = 256
"""What an answer is expected to take when the client sets no cap, per choice."""

HARD_OUTPUT_TOKENS: Final = 4096
"""What an answer may take under a hard limit when the client sets no cap, per choice."""

TOKENS_AROUND_A_TEXT: Final = 16

MOST_TOKENS: Final = 2**53
"""A larger count is no count: it is not an exact number in every store and client."""


class Usage(NamedTuple):
    """Tokens of one exchange. `total` is the upstream's own sum, which may hold more than the two."""

    input: int
    output: int
    total: int


def most_input_tokens(texts: Iterable[str]) -> int:
    """Tokens the texts cannot exceed."""
    return sum(_size(text) + TOKENS_AROUND_A_TEXT for text in texts)


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def probable_output(
    plan: Plan, input_tokens: int, requested: int | None, choices: int, usual: int | None = None
) -> int:
    """Tokens to reserve for what the model writes, over all choices.

    `usual` is how long such answers are, where that is known; without it an answer is supposed to be short.

    What the client allows the model to write (`requested`, for each choice) is reserved in full. If it sets no cap, our
    guess takes at most a quarter of any limit, and never more than the input leaves of it: a request must not be
    refused for ever because of what we only suppose.
    """
    choices = max(1, choices)
    if requested is not None:
        return max(0, requested) * choices
    supposed = DEFAULT_OUTPUT_TOKENS if usual is None else usual
    guess = (HARD_OUTPUT_TOKENS if plan.hard else supposed) * choices
    for metric, limit in plan.tightest.items():
        if metric is _TOKENS:
            guess = min(guess, limit // 4, limit - input_tokens)
        elif metric is _OUTPUT_TOKENS:
            guess = min(guess, max(1, limit // 4))
        elif metric is _COST and plan.price is not None and plan.price.output:
            rest = min(limit // 4, limit - plan.price.cost(input_tokens, 0))
            guess = min(guess, rest * 1_000_000 // plan.price.output)
    return max(0, guess)


def reported_usage(usage: object, input_tokens: int) -> Usage | None:
    """The counts of a `usage` object as an upstream reports them; None if it does not hold believable ones.

    An upstream that only reports a sum is believed to have read what we estimated (`input_tokens`).
    """
    if not isinstance(usage, dict):
        return None
    read: Any = usage.get("prompt_tokens")  # as nearly all upstreams write it
    written: Any = usage.get("completion_tokens")
    total: Any = usage.get("total_tokens")
    whole = type(read) is type(written) is type(total) is int
    if whole and read >= 0 <= written and read + written == total <= MOST_TOKENS:
        return Usage(read, written, total)
    read = _count(usage, "prompt_tokens", "input_tokens")
    written = _count(usage, "completion_tokens", "output_tokens")
    total = _count(usage, "total_tokens")
    if total is None:
        return None if read is None or written is None else Usage(read, written, read + written)
    if read is None or read > total:
        read = min(input_tokens, total)
    return Usage(read, total - read if written is None else written, total)


_TOKENS: Final = Metric.TOKENS
_OUTPUT_TOKENS: Final = Metric.OUTPUT_TOKENS
_COST: Final = Metric.COST


def _count(usage: dict[object, object], *names: str) -> int | None:
    for name in names:
        count = usage.get(name)
        if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= MOST_TOKENS:
            return count
    return None
