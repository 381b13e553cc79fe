"""Tokens as this API reports them, in the form quotas count.

A message reports what it read in three numbers, two of them about the cache, and what it wrote in one. A stream reports
them at its beginning and again at its end, where each number that is there replaces the former one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_READ: Final = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_WRITTEN: Final = "output_tokens"


def merged(known: Mapping[str, int], usage: Any) -> dict[str, int]:
    """The counts known so far with those of one more report. What is no count is left out."""
    if not isinstance(usage, Mapping):
        return dict(known)
    counts = {name: usage[name] for name in (*_READ, _WRITTEN) if type(usage.get(name)) is int and usage[name] >= 0}
    return {**known, **counts}


def total(counts: Mapping[str, int]) -> dict[str, int] | None:
    """All that was read, all that was written, and both; None if nothing was reported."""
    if not counts:
        return None
    read, written = sum(counts.get(name, 0) for name in _READ), counts.get(_WRITTEN, 0)
    return {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}


def usage_of(document: Any) -> dict[str, int] | None:
    """What a whole message used; None if it does not say."""
    return total(merged({}, document.get("usage"))) if isinstance(document, dict) else None
