"""What errors of other servers say, in whatever shape they come.

A message stands under `error`, `message` or `detail`; what validates bodies for many servers writes a list there, one
object per fault, with the place (`loc`) and what is wrong (`msg`).

A 403 may be about the key or about the request: some servers answer so where a moderation refuses it. Only what says
so by a word of an API, or in plain words that speak of no key, is taken to be about the content.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

_MOST_FAULTS: Final = 8
_CONTENT_WORDS: Final = frozenset(
    {
        "content_filter", "content_filtered", "content_moderation", "content_policy", "content_policy_violation",
        "flagged", "guardrail", "moderation", "moderation_blocked", "moderation_error", "safety",
    }
)  # fmt: skip
_ABOUT_CONTENT: Final = re.compile(
    r"\b(?:flagged|moderat(?:ion|ed)|guardrails?|content[ _](?:filter|policy|policies)|safety polic(?:y|ies))\b",
    re.IGNORECASE,
)
_ABOUT_KEY: Final = re.compile(
    r"\b(?:api[ _-]?keys?|credentials?|access token|bearer|unauthori[sz]ed|permissions?|suspended|disabled)\b",
    re.IGNORECASE,
)

_ABOUT_CREDENTIALS: Final = re.compile(
    r"(?<![a-z])(?:api[ _-]?keys?|credentials?|access token|bearer|unauthori[sz]ed|authenticat(?:ion|ed|e))(?![a-z])",
    re.IGNORECASE,
)


def message_of(document: dict[str, Any]) -> str | None:
    """The error's words; None if it has none that can be read."""
    for value in (document.get("error"), document.get("message"), document.get("detail")):
        if isinstance(value, str):
            return value
    faults = list(_faults(document.get("detail")))
    return "; ".join(faults) or None


def is_about_content(document: Any) -> bool:
    """Whether an error says that what was asked is refused, and not who asked."""
    if not isinstance(document, dict):
        return False
    error = document.get("error")
    told = error if isinstance(error, dict) else document
    metadata = told.get("metadata")
    if isinstance(metadata, dict) and ("flagged_input" in metadata or isinstance(metadata.get("reasons"), list)):
        return True
    if any(isinstance(told.get(name), str) and told[name].lower() in _CONTENT_WORDS for name in ("type", "code")):
        return True
    message = told.get("message") if told is error else message_of(document)
    return isinstance(message, str) and bool(_ABOUT_CONTENT.search(message)) and not _ABOUT_KEY.search(message)


def is_about_credentials(said: str) -> bool:
    """Whether the body of a 403, in whatever form, speaks of the key it was asked with."""
    return _ABOUT_CREDENTIALS.search(said) is not None


def _faults(detail: Any) -> Iterator[str]:
    for fault in (detail if isinstance(detail, list) else [detail])[:_MOST_FAULTS]:
        if isinstance(fault, dict):
            said = next((fault[name] for name in ("msg", "message") if isinstance(fault.get(name), str)), None)
            if said:
                place = fault.get("loc")
                steps = [str(step) for step in place if type(step) in (str, int)] if isinstance(place, list) else []
                yield f"{'.'.join(steps)}: {said}" if steps else said
