"""Readings of chat completions for tests of what becomes of them."""

from __future__ import annotations

from typing import Any

from guardproxy.core.exchange import Provenance, RequestReading
from guardproxy.core.principal import Principal
from guardproxy.core.separation.fence import FenceMode, Fences
from guardproxy.core.separation.terms import Separation
from guardproxy.surfaces.chat_completions import read_request

CALLER = Principal("key1", "backend", operator=True)
FENCED = Fences({Provenance.TOOL: FenceMode.DELIMIT, Provenance.DOCUMENT: FenceMode.DATAMARK})


def fenced(**more: Any) -> Separation:
    return Separation(fences=Fences(FENCED.modes, sandwich=more.pop("sandwich", False)), **more)


def reading(*messages: dict[str, Any], operator: bool = True, **members: Any) -> RequestReading:
    return read_request({"model": "m", "messages": list(messages), **members}, operator=operator)


def message(role: str, content: Any = "hi", **members: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **members}
