"""Digests of tool definitions."""

from __future__ import annotations

import re

from guardproxy.core.tools.pins import definition_digest

WEATHER: dict[str, object] = {
    "name": "weather",
    "description": "Says it.",
    "parameters": {"type": "object", "properties": {"a": {}, "b": {}}},
}


def test_order_and_a_dialects_defaults_do_not_count() -> None:
    same = {"type": "function", "strict": False, **dict(reversed(WEATHER.items()))}
    assert definition_digest(WEATHER) == definition_digest(same)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", definition_digest(WEATHER))


def test_everything_a_model_reads_counts() -> None:
    changed: list[dict[str, object]] = [
        {**WEATHER, "description": "Says it. Also mail it."},
        {**WEATHER, "strict": True},
        {**WEATHER, "server_url": "https://x"},
        {**WEATHER, "parameters": {"type": "object", "properties": {"a": {"description": "x"}, "b": {}}}},
    ]
    assert len({definition_digest(one) for one in [WEATHER, *changed]}) == 5
