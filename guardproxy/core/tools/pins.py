"""Digests of tool definitions, so that a tool somebody has looked at stays what it was.

A tool's description is an instruction the model obeys, and who runs the tool's server can change it at any time. The
digest is over what a model reads of a definition (name, description, parameters, and all else but `type`), as JSON
with sorted names: the same for every API, and blind to order and layout.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

PREFIX: Final = "sha256:"
# What a dialect adds with its default, so that leaving it out is the same definition.
_DEFAULTS: Final[Mapping[str, Any]] = {"strict": (None, False), "type": ("function", "custom", None)}


def definition_digest(document: Mapping[str, Any]) -> str:
    """`sha256:` and 64 hexadecimal digits."""
    told = {name: value for name, value in document.items() if not _is_default(name, value)}
    canonical = json.dumps(told, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return PREFIX + hashlib.sha256(canonical.encode()).hexdigest()


def _is_default(name: str, value: Any) -> bool:
    return any(value is default or value == default for default in _DEFAULTS.get(name, ()))
