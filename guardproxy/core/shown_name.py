"""Names of models and tools in the log: whoever calls chooses them, so they could be anything."""

from __future__ import annotations

import re

from guardproxy.core.policy import Policy

# Such as `org/model-4.1:latest`.
_NAME = re.compile(r"[\w.:@/+-]{1,120}", re.ASCII)

# By policy: what was found to be a name. A proxy sees the same few over and over.
_shown_names: set[tuple[str, str]] = set()


def shown_name(policy: Policy, name: str) -> str:
    """A name of the caller's choosing as a log may show it: only if it looks like one, and like no secret."""
    if (policy.revision, name) in _shown_names:
        return name
    plain = _NAME.fullmatch(name) and "gpk_" not in name
    if not plain or any(detector.may_match(name) and detector.scan(name) for detector in policy.masking):
        return "(withheld)"
    if len(_shown_names) >= 1000:
        _shown_names.clear()
    _shown_names.add((policy.revision, name))
    return name
