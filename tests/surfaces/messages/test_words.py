from __future__ import annotations

import re
import typing
from typing import Any

import pytest

from guardproxy.surfaces.messages.words import EVENT_TYPES, LABELS, MEMBERS, STOP_REASONS, is_own_word
from tests.surfaces.messages.schema import DELTA_TYPES, official
from tests.surfaces.messages.schema import EVENT_TYPES as OFFICIAL_EVENTS


def test_every_event_and_delta_is_a_word_of_the_api() -> None:
    assert {*OFFICIAL_EVENTS, "ping", "error"} == EVENT_TYPES
    assert all(is_own_word("type", kind) for kind in (*EVENT_TYPES, *DELTA_TYPES))
    assert all(is_own_word("stop_reason", reason) for reason in STOP_REASONS)


@pytest.mark.parametrize(
    ("member", "value"),
    [("text", "text"), ("name", "tool_use"), ("type", "a secret"), ("type", 5), ("type", "x_20250101"), (None, "text"),
     ("type", "web_search_2025030"), ("type", "web_search_20250305x"), (5, "text")],
)  # fmt: skip
def test_anything_else_is_a_text(member: Any, value: Any) -> None:
    assert not is_own_word(member, value)


@pytest.mark.parametrize("kind", ["web_search_20250305", "bash_20250124", "compact_20260112"])
def test_a_tool_is_named_with_the_day_of_its_version(kind: str) -> None:
    assert is_own_word("type", kind)


def test_no_word_could_pass_for_a_secret() -> None:
    assert all(re.fullmatch(r"[a-z_]{2,32}", name) for name in MEMBERS | LABELS)


def test_every_type_in_an_answer_of_the_official_client_is_known() -> None:
    client = official()
    unknown = {value for value in _types(client.BetaRawMessageStreamEvent, set()) if not is_own_word("type", value)}
    assert unknown <= {"tokens"}


def _types(annotation: Any, seen: set[Any]) -> set[str]:
    """All values of members `type` of a model and of what it holds."""
    found: set[str] = set()
    if hasattr(annotation, "model_fields") and annotation not in seen:
        seen.add(annotation)
        for name, field in annotation.model_fields.items():
            if name == "type":
                inner = (field.annotation, *typing.get_args(field.annotation))
                literals = [one for one in inner if typing.get_origin(one) is typing.Literal]
                found |= {value for one in literals for value in typing.get_args(one)}
            found |= _types(field.annotation, seen)
    for one in typing.get_args(annotation):
        found |= _types(one, seen)
    return found
